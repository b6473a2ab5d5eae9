//! sf-model
