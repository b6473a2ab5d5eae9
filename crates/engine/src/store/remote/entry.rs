//! One save, as an object of the journal: `<stage>.journal/<serial>.json`.
//!
//! ```text
//! {"version": 2, "lineage": "…", "writer": "…", "sha256": "…", "delta": {"serial": 8, …}}
//! {"version": 2, "lineage": "…", "writer": "…", "sha256": "…", "state": {"serial": 8, …}}
//! ```
//!
//! A save whose predecessor is not known carries the whole state. The writer is whoever held the lock, by a number of chance: so the same
//! change by two writers is not the same object.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sf_plan::{Delta, Digest, Lineage, Save, Serial, State};

use crate::store::format::{self, STATE_FORMAT, Unreadable};

/// What an object of the journal says.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) lineage: Lineage,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    Delta(Delta),
    Whole(State),
}

#[derive(Serialize, Deserialize)]
struct Object {
    version: u32,
    lineage: Lineage,
    writer: String,
    sha256: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delta: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Box<RawValue>>,
}

impl Entry {
    pub(super) fn serial(&self) -> Serial {
        match &self.change {
            Change::Delta(delta) => delta.serial,
            Change::Whole(state) => state.serial,
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let version = format::version(bytes)?;
        if version != u64::from(STATE_FORMAT) {
            return Err(if version > u64::from(STATE_FORMAT) {
                Unreadable::Newer(version)
            } else {
                Unreadable::Damaged(format!("there is no change of format {version}"))
            });
        }
        let Object { lineage, sha256, delta, state, .. } = serde_json::from_slice(bytes)?;
        let change = match (delta, state) {
            (Some(delta), None) => {
                let text = format::checked(&delta, &sha256)?;
                Change::Delta(serde_json::from_str(text)?)
            }
            (None, Some(state)) => {
                let text = format::checked(&state, &sha256)?;
                Change::Whole(serde_json::from_str(text)?)
            }
            _ => return Err(Unreadable::Damaged("it holds neither a change nor a state".into())),
        };
        Ok(Self { lineage, change })
    }
}

/// The object of a save by this writer.
pub(super) fn write(what: &Save<'_>, writer: &str) -> serde_json::Result<Vec<u8>> {
    let (delta, state) = match &what.delta {
        Some(delta) => (Some(RawValue::from_string(serde_json::to_string(delta)?)?), None),
        None => (None, Some(RawValue::from_string(serde_json::to_string(what.state)?)?)),
    };
    let text = delta.as_ref().or(state.as_ref()).map_or("", |raw| raw.get());
    let (sha256, lineage) = (format::sum(text), what.state.lineage.clone());
    let object = Object { version: STATE_FORMAT, lineage, writer: writer.to_owned(), sha256, delta, state };
    let mut bytes = serde_json::to_vec(&object)?;
    bytes.push(b'\n');
    Ok(bytes)
}
