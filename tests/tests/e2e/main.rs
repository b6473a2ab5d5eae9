//! The promises of `sf`, each checked through the compiled program: deploys, HTTP, crashes, wrong input.

mod commands;
mod crash;
mod examples;
mod gateway;
mod incremental;
mod input;
mod isolation;
mod load;
mod misbehaviour;
mod plan;
mod support;
