//! sf-engine
