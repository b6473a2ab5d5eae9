//! sf-plan
