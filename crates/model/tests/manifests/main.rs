//! Whole manifests, good and broken: one binary, so that it links once.

mod common;
mod example;
