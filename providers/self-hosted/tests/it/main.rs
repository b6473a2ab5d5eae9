//! The backend through its public face: what it refuses, what it compiles, and what a real host makes of it.

#[cfg(test)]
mod capability;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod stand;
#[cfg(test)]
mod support;
