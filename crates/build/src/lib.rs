//! sf-build
