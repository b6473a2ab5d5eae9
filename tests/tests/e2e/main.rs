//! The promises of `sf`, each checked through the compiled program: deploys, HTTP, crashes, wrong input.

mod audit;
mod commands;
mod crash;
mod crash_saves;
mod damaged;
mod data;
mod drift;
mod durability;
mod ends;
mod examples;
mod frameworks;
mod gateway;
#[cfg(target_os = "linux")]
mod hostile;
mod incremental;
mod input;
mod isolation;
mod lambda;
mod load;
mod market;
mod misbehaviour;
mod plan;
mod protect;
mod releases;
mod renames;
mod rollouts;
mod s3;
#[cfg(target_os = "linux")]
mod secrets;
mod shared_state;
mod state;
mod support;
