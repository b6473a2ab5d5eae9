//! sf-e2e
