//! What this user saw last of each state, kept apart from the states: a state that is older than that was brought back from a backup.
//!
//! Two small files for each state in the user's own folder, one by its history and one by its place. It is a hint and no record: without it
//! nothing is worse than before, so that what cannot be read or written is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sf_plan::{Lineage, Serial, State};

use super::format::sum;

/// What was seen. Clones remember the same.
#[derive(Clone, Debug)]
pub struct Witness {
    memory: Memory,
}

#[derive(Clone, Debug)]
enum Memory {
    Folder(PathBuf),
    Process(Arc<Mutex<BTreeMap<String, Sight>>>),
}

/// What was seen of one history, or last at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sight {
    lineage: Lineage,
    serial: Serial,
}

/// A state that is older than one that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outdated {
    /// Its history went on.
    Older {
        /// Its serial.
        found: Serial,
        /// The serial that was there before.
        seen: Serial,
    },
    /// Its history came to an end: another one was begun in its place.
    Ended,
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

    /// Whether the state that is at a place is older than what was there before.
    pub fn check(&self, place: &str, state: &State) -> Option<Outdated> {
        let (found, seen) = (state.serial, self.seen(&state.lineage.0)?);
        if seen.lineage != state.lineage {
            return None;
        }
        match self.seen(place) {
            Some(last) if last.lineage != state.lineage => Some(Outdated::Ended),
            _ => (found < seen.serial).then_some(Outdated::Older { found, seen: seen.serial }),
        }
    }

    /// Remembers that there is this history, before anything of it is saved: a save that looks as if it had failed may have been made.
    pub fn meet(&self, state: &State) {
        let name = &state.lineage.0;
        if self.seen(name).is_none() {
            self.keep(name, &Sight { lineage: state.lineage.clone(), serial: state.serial });
        }
    }

    /// Remembers a state that is saved at a place.
    pub fn remember(&self, place: &str, state: &State) {
        let sight = Sight { lineage: state.lineage.clone(), serial: state.serial };
        for name in [&state.lineage.0, place] {
            if self.seen(name).as_ref() != Some(&sight) {
                self.keep(name, &sight);
            }
        }
    }

    fn keep(&self, name: &str, sight: &Sight) {
        if let Err(error) = self.note(name, sight) {
            tracing::debug!(%error, "what was seen of the state is not remembered");
        }
    }

    fn seen(&self, name: &str) -> Option<Sight> {
        match &self.memory {
            Memory::Folder(folder) => serde_json::from_slice(&fs::read(folder.join(file(name))).ok()?).ok(),
            Memory::Process(seen) => seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned(),
        }
    }

    fn note(&self, name: &str, sight: &Sight) -> std::io::Result<()> {
        match &self.memory {
            Memory::Folder(folder) => {
                fs::create_dir_all(folder)?;
                // Whole or not at all, but not synced: no deploy is to wait for the disk because of a hint.
                let mut written = tempfile::NamedTempFile::new_in(folder)?;
                serde_json::to_writer(&mut written, sight)?;
                written.persist(folder.join(file(name)))?;
                Ok(())
            }
            Memory::Process(seen) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), sight.clone());
                Ok(())
            }
        }
    }
}

/// Named by a hash: a lineage holds the name of a machine, and a place is a path or a URL, which may hold anything.
fn file(name: &str) -> String {
    format!("{}.json", sum(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lineage: &str, serial: u64) -> State {
        State { serial: Serial(serial), ..State::new(Lineage(lineage.into())) }
    }

    /// Both memories.
    fn both(check: impl Fn(Witness)) {
        let folder = tempfile::TempDir::new().unwrap();
        check(Witness::new(folder.path().join("seen")));
        check(Witness::in_memory());
    }

    #[test]
    fn an_older_state_of_the_same_history_is_outdated() {
        both(|witness| {
            assert_eq!(witness.check("here", &state("a", 3)), None, "nothing was seen yet");
            witness.remember("here", &state("a", 5));
            let outdated = Outdated::Older { found: Serial(3), seen: Serial(5) };
            assert_eq!(witness.check("here", &state("a", 3)), Some(outdated));
            assert_eq!(witness.check("there", &state("a", 3)), Some(outdated), "the folder was moved");
            assert_eq!(witness.check("here", &state("a", 5)), None);
            assert_eq!(witness.check("here", &state("a", 6)), None);
            assert_eq!(witness.check("here", &state("b", 1)), None, "somebody else began another history");
        });
    }

    #[test]
    fn a_history_is_known_from_before_its_first_save() {
        both(|witness| {
            witness.meet(&state("a", 0));
            assert_eq!(witness.check("here", &state("a", 1)), None, "it goes on");
            witness.remember("here", &state("b", 1));
            assert_eq!(witness.check("here", &state("a", 1)), Some(Outdated::Ended));
            witness.remember("here", &state("a", 4));
            witness.meet(&state("a", 2));
            let outdated = Outdated::Older { found: Serial(3), seen: Serial(4) };
            assert_eq!(witness.check("here", &state("a", 3)), Some(outdated));
        });
    }

    #[test]
    fn a_state_of_a_history_that_another_one_followed_is_outdated() {
        both(|witness| {
            witness.remember("here", &state("a", 5));
            witness.remember("here", &state("b", 2));
            for serial in [4, 5, 6] {
                assert_eq!(witness.check("here", &state("a", serial)), Some(Outdated::Ended));
            }
            assert_eq!(witness.check("here", &state("b", 2)), None);
            assert_eq!(witness.check("there", &state("a", 5)), None, "a copy of the project");
        });
    }
}
