//! How a state is written: as a file of its own, and as the changes since.
//!
//! ```text
//! {"version": 2, "sha256": "…", "state": {…}}                    the state's file
//! {"sha256": "…", "delta": {"serial": 8, …}}                     a line of the journal beside it
//! ```
//!
//! The sums are of the bytes of the state and of the change as they stand in the file, so that a flipped bit is seen, wherever it is. The
//! version comes before anything else is looked at: a later format may have any shape besides.
//!
//! | format | |
//! | --- | --- |
//! | 1 | the state itself, with its `version`; no sum, no journal |
//! | 2 | as above. An older `sf` would not see the journal, and so must not read the state: it says that it is newer |

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sf_plan::{Delta, Digest, State};
use sha2::{Digest as _, Sha256};

/// The format that this version of `sf` writes.
pub const STATE_FORMAT: u32 = 2;

/// The last format without a sum.
const BARE: u64 = 1;

/// Why bytes are no state, or no change of one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is a beginning.
    #[error("it is damaged: it has no end")]
    Cut,
    #[error("it has format {0}")]
    Newer(u64),
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    sha256: Digest,
    state: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sha256: Digest,
    delta: Box<RawValue>,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() { Self::Cut } else { Self::Damaged(error.to_string()) }
    }
}

/// The SHA-256 of a text.
pub(super) fn sum(text: &str) -> Digest {
    Digest::from(<[u8; 32]>::from(Sha256::digest(text.as_bytes())))
}

pub(super) fn checked<'a>(raw: &'a RawValue, expected: &Digest) -> Result<&'a str, Unreadable> {
    match sum(raw.get()) == *expected {
        true => Ok(raw.get()),
        false => Err(Unreadable::Damaged("its content does not fit its SHA-256".into())),
    }
}

/// The format that bytes say they have.
pub(super) fn version(bytes: &[u8]) -> Result<u64, Unreadable> {
    let Version { version } = serde_json::from_slice(bytes)?;
    Ok(version)
}

/// The state in a file of any format until now.
pub(crate) fn read(bytes: &[u8]) -> Result<State, Unreadable> {
    match version(bytes)? {
        0 => Err(Unreadable::Damaged("there is no format 0".into())),
        BARE => Ok(serde_json::from_slice(bytes)?),
        known if known == u64::from(STATE_FORMAT) => {
            let file: File = serde_json::from_slice(bytes)?;
            Ok(serde_json::from_str(checked(&file.state, &file.sha256)?)?)
        }
        newer => Err(Unreadable::Newer(newer)),
    }
}

/// The state's file, for people to look at too.
pub(crate) fn write(state: &State) -> serde_json::Result<Vec<u8>> {
    let state = RawValue::from_string(serde_json::to_string_pretty(state)?)?;
    let sha256 = sum(state.get());
    let mut bytes = serde_json::to_vec_pretty(&File { version: STATE_FORMAT, sha256, state })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The change in a line of the journal, or in an object of its own.
pub(crate) fn read_delta(line: &[u8]) -> Result<Delta, Unreadable> {
    let Line { sha256, delta } = serde_json::from_slice(line)?;
    Ok(serde_json::from_str(checked(&delta, &sha256)?)?)
}

/// A change as a line, with its end.
pub(crate) fn write_delta(delta: &Delta) -> serde_json::Result<Vec<u8>> {
    let delta = RawValue::from_string(serde_json::to_string(delta)?)?;
    let mut line = serde_json::to_vec(&Line { sha256: sum(delta.get()), delta })?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use sf_plan::Lineage;

    use super::*;

    fn state() -> State {
        let mut state = State::new(Lineage("line".into()));
        state.serial.0 = 7;
        state.place = Some("account 1".into());
        state
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(read(&write(&state()).unwrap()), Ok(state()));
        let delta = Delta { serial: sf_plan::Serial(8), objects: [].into(), pending: [].into() };
        assert_eq!(read_delta(&write_delta(&delta).unwrap()), Ok(delta));
    }

    /// As the first version wrote it.
    #[test]
    fn the_first_format_is_read() {
        let text =
            r#"{"version":1,"lineage":"line","serial":7,"place":"account 1","objects":{},"pending":{}}"#;
        assert_eq!(read(text.as_bytes()), Ok(state()));
    }

    #[test]
    fn a_flipped_bit_is_seen_wherever_it_is() {
        let whole = write(&state()).unwrap();
        // The last byte is the end of the line.
        for at in 0..(whole.len() - 1) * 8 {
            let mut flipped = whole.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            // A blank that becomes another blank outside of the state says the same.
            if let Ok(read) = read(&flipped) {
                assert!(whole[at / 8].is_ascii_whitespace(), "{}", String::from_utf8_lossy(&flipped));
                assert_eq!(read, state());
            }
        }
    }
}
