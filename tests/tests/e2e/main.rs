//! The promises of `sf`, each checked through the compiled program: deploys, HTTP, crashes, wrong input.

mod commands;
mod crash;
mod data;
mod durability;
mod examples;
mod frameworks;
mod gateway;
mod incremental;
mod input;
mod load;
mod misbehaviour;
mod plan;
mod s3;
mod support;
