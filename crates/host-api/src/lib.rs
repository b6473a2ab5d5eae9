//! sf-host-api
