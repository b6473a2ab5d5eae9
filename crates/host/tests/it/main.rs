//! The gateway of a real host, from a client's side: who is let in, and what hostile clients get.

#[cfg(test)]
mod authorizers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lambda;
mod limits;
#[cfg(test)]
mod signer;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod websockets;
