//! sf-host
