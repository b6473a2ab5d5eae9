//! What this user saw last of each state, kept apart from the states: a state that is older than that was brought back from a backup.
//!
//! One small file for each history in the user's own folder. It is a hint and no record: without it nothing is worse than before, so that what
//! cannot be read or written is left alone.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sf_plan::{Lineage, Serial, State};

use super::format::sum;
use super::local::write_atomically;

/// The folder with what was seen.
#[derive(Clone, Debug)]
pub struct Witness {
    folder: PathBuf,
}

/// What was seen of one history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sight {
    lineage: Lineage,
    serial: Serial,
}

/// A state that is older than one that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Its serial.
    pub found: Serial,
    /// The serial that was there before.
    pub seen: Serial,
}

impl Witness {
    /// What is or will be in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Whether a state is older than what was there before.
    pub fn check(&self, state: &State) -> Option<Outdated> {
        let (found, seen) = (state.serial, self.seen(&state.lineage)?.serial);
        (found < seen).then_some(Outdated { found, seen })
    }

    fn seen(&self, lineage: &Lineage) -> Option<Sight> {
        let sight: Sight = serde_json::from_slice(&fs::read(self.path(lineage)).ok()?).ok()?;
        (sight.lineage == *lineage).then_some(sight)
    }

    /// Remembers a state that is saved.
    pub fn remember(&self, state: &State) {
        let sight = Sight { lineage: state.lineage.clone(), serial: state.serial };
        if self.seen(&state.lineage).as_ref() == Some(&sight) {
            return;
        }
        let written = serde_json::to_vec(&sight).map_err(Into::into).and_then(|bytes| {
            fs::create_dir_all(&self.folder)?;
            write_atomically(&self.path(&state.lineage), &bytes)
        });
        if let Err(error) = written {
            tracing::debug!(%error, "what was seen of the state is not remembered");
        }
    }

    /// Named by a hash: a lineage holds the name of a machine, which may hold anything.
    fn path(&self, lineage: &Lineage) -> PathBuf {
        self.folder.join(format!("{}.json", sum(&lineage.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_state_of_the_same_history_is_outdated() {
        let folder = tempfile::TempDir::new().unwrap();
        let witness = Witness::new(folder.path().join("seen"));
        let state = |lineage: &str, serial| {
            let mut state = State::new(Lineage(lineage.into()));
            state.serial.0 = serial;
            state
        };
        assert_eq!(witness.check(&state("a", 3)), None, "nothing was seen yet");
        witness.remember(&state("a", 5));
        let outdated = Outdated { found: Serial(3), seen: Serial(5) };
        assert_eq!(witness.check(&state("a", 3)), Some(outdated));
        assert_eq!(witness.check(&state("a", 5)), None);
        assert_eq!(witness.check(&state("a", 6)), None);
        assert_eq!(witness.check(&state("b", 1)), None, "another history");
    }
}
