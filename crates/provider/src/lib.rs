//! sf-provider
