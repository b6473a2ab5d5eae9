//! sf-scaffold
