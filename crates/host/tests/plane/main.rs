//! The data plane from a function's side: a host in this process, real functions (Node programs), and a collector that decides how each event ends.

mod delivery;
mod grants;
mod life;
mod objects;
mod secrets;
mod support;
