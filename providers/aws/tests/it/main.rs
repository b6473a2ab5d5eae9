//! The pure half of the backend through its public face: what it refuses, and what it compiles.

#[cfg(test)]
mod capability;
#[cfg(test)]
mod compile;
#[cfg(test)]
mod order;
#[cfg(test)]
mod support;

/// The rules of every backend, against the counterpart.
#[cfg(test)]
mod conformance;
/// The kinds, against the counterpart.
#[cfg(test)]
mod kinds;
/// What people do with data, against the counterpart.
#[cfg(test)]
mod operate;
#[cfg(test)]
mod oracle;
