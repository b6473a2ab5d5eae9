//! What this user saw last of each state, kept apart from the states: a state that is older than that was brought back from a backup.
//!
//! One small file for each history in the user's own folder. It is a hint and no record: without it nothing is worse than before, so that what
//! cannot be read or written is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sf_plan::{Lineage, Serial, State};

use super::format::sum;
use super::local::write_atomically;

/// What was seen. Clones remember the same.
#[derive(Clone, Debug)]
pub struct Witness {
    memory: Memory,
}

#[derive(Clone, Debug)]
enum Memory {
    Folder(PathBuf),
    Process(Arc<Mutex<BTreeMap<String, Serial>>>),
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
        Self { memory: Memory::Folder(folder.into()) }
    }

    /// What this process sees, forgotten with it.
    pub fn in_memory() -> Self {
        Self { memory: Memory::Process(Arc::default()) }
    }

    /// Whether a state is older than what was there before.
    pub fn check(&self, state: &State) -> Option<Outdated> {
        let (found, seen) = (state.serial, self.seen(&state.lineage)?);
        (found < seen).then_some(Outdated { found, seen })
    }

    fn seen(&self, lineage: &Lineage) -> Option<Serial> {
        match &self.memory {
            Memory::Folder(folder) => {
                let sight: Sight = serde_json::from_slice(&fs::read(path(folder, lineage)).ok()?).ok()?;
                (sight.lineage == *lineage).then_some(sight.serial)
            }
            Memory::Process(seen) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).get(&lineage.0).copied()
            }
        }
    }

    /// Remembers a state that is saved.
    pub fn remember(&self, state: &State) {
        let (lineage, serial) = (&state.lineage, state.serial);
        if self.seen(lineage) == Some(serial) {
            return;
        }
        match &self.memory {
            Memory::Folder(folder) => {
                if let Err(error) = write(folder, &Sight { lineage: lineage.clone(), serial }) {
                    tracing::debug!(%error, "what was seen of the state is not remembered");
                }
            }
            Memory::Process(seen) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(lineage.0.clone(), serial);
            }
        }
    }
}

fn write(folder: &Path, sight: &Sight) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(sight)?;
    fs::create_dir_all(folder)?;
    write_atomically(&path(folder, &sight.lineage), &bytes)
}

/// Named by a hash: a lineage holds the name of a machine, which may hold anything.
fn path(folder: &Path, lineage: &Lineage) -> PathBuf {
    folder.join(format!("{}.json", sum(&lineage.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_state_of_the_same_history_is_outdated() {
        let folder = tempfile::TempDir::new().unwrap();
        let state = |lineage: &str, serial| {
            let mut state = State::new(Lineage(lineage.into()));
            state.serial.0 = serial;
            state
        };
        for witness in [Witness::new(folder.path().join("seen")), Witness::in_memory()] {
            assert_eq!(witness.check(&state("a", 3)), None, "nothing was seen yet");
            witness.remember(&state("a", 5));
            let outdated = Outdated { found: Serial(3), seen: Serial(5) };
            assert_eq!(witness.check(&state("a", 3)), Some(outdated));
            assert_eq!(witness.check(&state("a", 5)), None);
            assert_eq!(witness.check(&state("a", 6)), None);
            assert_eq!(witness.check(&state("b", 1)), None, "another history");
        }
    }
}
