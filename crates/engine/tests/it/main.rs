//! The engine against a cloud in memory and a real directory.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

#[cfg(test)]
mod backups;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod lag;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod waiting;
