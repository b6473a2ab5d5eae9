//! The promises of `sf` on AWS, each checked with the compiled program against a strict counterpart (`shared/oracles/aws`). Where there is
//! none the tests say that they were skipped.

mod audit;
mod commands;
mod counterpart;
#[cfg(unix)]
mod crash_saves;
mod credentials;
mod credentials_missing;
mod damaged;
mod deploy;
mod faults;
mod limits;
mod market;
mod policies;
mod protect;
mod renames;
mod rights;
mod scale;
mod secrets;
mod shared_state;
mod support;
mod transcripts;
