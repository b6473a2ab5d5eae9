//! The changes since a [`super::LocalStore`]'s state was written whole: `<stage>.journal`, a line for each save ([`super::format`]).
//!
//! The first line says which state it goes on from. A beginning of a line was being written when the machine or the process died: its save
//! never came back to anybody, so that nothing relies on it. Any other line that cannot be read is damage.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sf_plan::{Delta, Lineage, Serial, State};

use super::format::{self, Unreadable};

/// The file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
}

/// The first line: the state that the changes go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Base {
    lineage: Lineage,
    serial: Serial,
}

/// What a journal says.
#[derive(Debug)]
struct Content {
    base: Base,
    deltas: Vec<Delta>,
}

/// Why a state and its journal do not make up a newer state.
#[derive(Debug)]
pub(crate) enum Unfit {
    Io(io::Error),
    Unreadable(Unreadable),
    /// The state is not the one that the changes go on from: it was put there by somebody.
    OtherBase {
        found: Serial,
        expected: Serial,
    },
}

impl Journal {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings a state that was read from its own file up to date, and says whether there was anything to bring.
    pub(crate) fn replay(&self, state: &mut State) -> Result<bool, Unfit> {
        let Some(Content { base, deltas }) = self.read()? else { return Ok(false) };
        let newest = deltas.last().map_or(base.serial, |delta| delta.serial);
        if base.lineage == state.lineage && newest <= state.serial {
            // The state was written whole since, and the journal not yet removed.
            return Ok(false);
        }
        if base.lineage != state.lineage || base.serial != state.serial {
            return Err(Unfit::OtherBase { found: state.serial, expected: base.serial });
        }
        for delta in deltas {
            let expected = state.serial.0 + 1;
            if delta.serial.0 != expected {
                let cause = format!("change {} follows state {}", delta.serial.0, state.serial.0);
                return Err(Unfit::Unreadable(Unreadable::Damaged(cause)));
            }
            state.apply(delta);
        }
        Ok(true)
    }

    fn read(&self) -> Result<Option<Content>, Unfit> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(Unfit::Io)?,
        };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let Some(base) = lines.next().and_then(|line| saved(line, |line| Ok(serde_json::from_slice(line)?)))
        else {
            return Ok(None);
        };
        let deltas = lines.map_while(|line| saved(line, format::read_delta)).collect::<Result<_, _>>();
        let (base, deltas) = (base.map_err(Unfit::Unreadable)?, deltas.map_err(Unfit::Unreadable)?);
        Ok(Some(Content { base, deltas }))
    }

    /// Opens a new journal that goes on from a state which is saved whole.
    pub(crate) fn begin(&self, lineage: &Lineage, serial: Serial) -> io::Result<Appender> {
        let mut bytes = serde_json::to_vec(&Base { lineage: lineage.clone(), serial })?;
        bytes.push(b'\n');
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&self.path)?;
        let mut appender = Appender { file, length: 0 };
        appender.write(&bytes)?;
        super::local::sync_folder(&self.path)?;
        Ok(appender)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What a line says; `None` for the beginning of one, which was never saved.
fn saved<T>(line: &[u8], read: impl FnOnce(&[u8]) -> Result<T, Unreadable>) -> Option<Result<T, Unreadable>> {
    match read(line) {
        Err(Unreadable::Cut) if !line.ends_with(b"\n") => None,
        result => Some(result),
    }
}

/// The end of a journal that is being written.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
    length: u64,
}

impl Appender {
    /// Bytes so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn append(&mut self, delta: &Delta) -> io::Result<()> {
        self.write(&format::write_delta(delta)?)
    }

    /// What could not be written whole is taken back, so that the next line does not follow half a one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            Err(_) => {
                self.file.set_len(self.length)?;
                io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.length))?;
            }
        }
        written
    }
}
