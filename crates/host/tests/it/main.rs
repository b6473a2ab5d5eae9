//! The gateway of a real host, from a client's side: who is let in, and what hostile clients get.

mod authorizers;
mod hostile;
mod limits;
mod signer;
mod stand;
mod websockets;
