//! The backend through its public face: what it refuses, what it compiles, and what becomes of it on a host.

#[cfg(test)]
mod capability;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod counterpart;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod support;
