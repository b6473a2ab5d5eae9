//! Whole manifests, good and broken: one binary, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests, and they read fixtures"
)]

mod broken;
mod common;
mod example;
mod properties;
mod protect;
mod renames;
mod schema;
