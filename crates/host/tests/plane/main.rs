//! The data plane from a function's side: a host in this process, real functions (Node programs), and a collector that decides how each event ends.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken assumption of a test shall panic with its place"
)]

mod delivery;
mod grants;
mod life;
mod links;
mod objects;
mod rollouts;
mod secrets;
mod sockets;
mod support;
