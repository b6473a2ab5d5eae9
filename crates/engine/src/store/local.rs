//! A state in a directory: `<directory>/<provider>/<stage>.json`, with the changes since ([`super::journal`]), its lock ([`super::lock`]), the
//! state before the last deploy (`<stage>.json.backup`) its releases ([`super::release_files`]) and
//! the event logs of its runs ([`super::run_files`]) beside it.
//!
//! A save appends a line to the journal and syncs it. When the journal is longer than the state, and at the end of each run, the state is
//! written whole: a temporary file, synced and renamed. A reader, or a killed writer's successor, finds the old state or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use sf_plan::{Delta, Save, Serial, State};

use super::format::{self, Unreadable};
use super::journal::{Appender, Journal, Unfit};
use super::lock::LockFiles;
use super::release_files::ReleaseFiles;
use super::run_files::RunFiles;
use super::{Holder, Lock, LockInfo, STATE_FORMAT, Store, StoreError};
use crate::audit::RunId;
use crate::release::Release;

/// A journal may always grow to this many bytes before the state is written whole.
const SHORT_JOURNAL: u64 = 64 * 1024;

/// The store of a single machine.
#[derive(Debug)]
pub struct LocalStore {
    state: PathBuf,
    journal: Journal,
    lock: LockFiles,
    releases: ReleaseFiles,
    runs: RunFiles,
    known: Mutex<Known>,
}

/// What was last seen of the files: a save need not read all of them again to know that nobody else wrote them.
#[derive(Debug, Default)]
struct Known {
    stamps: [Option<Stamp>; 2],
    serial: u64,
    tail: Tail,
    has_backup: bool,
}

/// What of the state is in its journal.
#[derive(Debug, Default)]
enum Tail {
    /// Perhaps something that we did not write: it must not be begun anew before the state is written whole.
    #[default]
    Unclear,
    /// Nothing that counts.
    Empty,
    /// What this run has saved so far.
    Open(Appender),
}

impl Known {
    /// Takes over what was read: the state, and whether part of it is in the journal.
    fn learn(&mut self, read: Option<&(State, bool)>) {
        self.serial = read.map_or(0, |(state, _)| state.serial.0);
        self.tail = if read.is_some_and(|(_, in_journal)| *in_journal) { Tail::Unclear } else { Tail::Empty };
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl LocalStore {
    /// The store of one provider's stage under `directory`. Nothing is created before the first lock.
    pub fn new(directory: &Path, provider: &str, stage: &str) -> Self {
        let folder = directory.join(provider);
        Self {
            state: folder.join(format!("{stage}.json")),
            journal: Journal::new(folder.join(format!("{stage}.journal"))),
            lock: LockFiles::new(&folder, stage),
            releases: ReleaseFiles::new(&folder, stage),
            runs: RunFiles::new(&folder, stage),
            known: Mutex::default(),
        }
    }

    /// Keeps so many releases instead of [`crate::KEPT_RELEASES`].
    #[must_use]
    pub fn keeping(self, releases: usize) -> Self {
        Self { releases: self.releases.keeping(releases), ..self }
    }

    /// Where the state is.
    pub fn path(&self) -> &Path {
        &self.state
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as it is, and whether part of it is in the journal.
    fn read(&self) -> Result<Option<(State, bool)>, StoreError> {
        let mut bytes = self.read_file()?;
        loop {
            let Some(whole) = bytes else { return Ok(None) };
            let read = self.with_journal(&whole);
            // Whoever only reads has no lock: a run may have written the state whole after the one read and before the other.
            let now = self.read_file()?;
            if now.as_ref() == Some(&whole) {
                return read.map(Some);
            }
            bytes = now;
        }
    }

    fn read_file(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(&self.state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            result => result.map(Some).map_err(|cause| failed("read state", &self.state, cause)),
        }
    }

    fn with_journal(&self, bytes: &[u8]) -> Result<(State, bool), StoreError> {
        let mut state = format::read(bytes).map_err(|cause| self.unreadable(&self.state, cause))?;
        let in_journal = self.journal.replay(&mut state).map_err(|unfit| match unfit {
            Unfit::Io(cause) => failed("read journal", self.journal.path(), cause),
            Unfit::Unreadable(cause) => self.unreadable(self.journal.path(), cause),
            Unfit::OtherBase { found, expected } => StoreError::Corrupt {
                at: self.state.display().to_string(),
                cause: format!(
                    "it is not the one that its journal goes on from (serial {}, expected {}): somebody brought back another",
                    found.0, expected.0
                ),
            },
        })?;
        Ok((state, in_journal))
    }

    fn unreadable(&self, path: &Path, cause: Unreadable) -> StoreError {
        let at = path.display().to_string();
        match cause {
            Unreadable::Newer(found) => StoreError::Newer { at, found, known: STATE_FORMAT },
            cause @ (Unreadable::Damaged(_) | Unreadable::Cut) => {
                StoreError::Corrupt { at, cause: cause.to_string() }
            }
        }
    }

    /// Whether the files are as we left them; otherwise somebody wrote them, and their serial is read again.
    fn serial(&self, known: &mut Known) -> Result<u64, StoreError> {
        let stamps = self.stamps();
        if stamps != known.stamps {
            known.learn(self.read()?.as_ref());
            known.stamps = stamps;
        }
        Ok(known.serial)
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.state, self.journal.path()].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some(Stamp { size: metadata.len(), modified: metadata.modified().ok() })
        })
    }

    /// Once for each lock, so that it is the state before the deploy and not before its last call.
    fn back_up(&self, known: &mut Known) -> Result<(), StoreError> {
        // What a killed run left in its journal is part of that state.
        if let (Tail::Unclear, Some((state, true))) = (&known.tail, self.read()?) {
            self.write_whole(&state)?;
        }
        known.tail = Tail::Empty;
        match fs::copy(&self.state, self.state.with_extension("json.backup")) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(failed("back up state", &self.state, cause))
            }
            _ => Ok(()),
        }
    }

    fn write_whole(&self, state: &State) -> Result<(), StoreError> {
        let bytes =
            format::write(state).map_err(|error| failed("encode state", &self.state, error.into()))?;
        write_atomically(&self.state, &bytes).map_err(|cause| failed("save state", &self.state, cause))?;
        // The state is saved. A journal that is left behind does no harm: it leads to no state that is newer.
        if let Err(error) = self.journal.remove() {
            tracing::debug!(%error, "the journal is left behind");
        }
        Ok(())
    }

    /// Appends a change to the journal; `false` if the state is to be written whole instead.
    fn append(&self, known: &mut Known, state: &State, delta: &Delta) -> io::Result<bool> {
        let Some(whole) = known.stamps[0].map(|stamp| stamp.size) else { return Ok(false) };
        // Where an append fails, what is in the journal then is unclear.
        let mut appender = match std::mem::take(&mut known.tail) {
            Tail::Unclear => return Ok(false),
            Tail::Empty => self.journal.begin(&state.lineage, Serial(known.serial))?,
            Tail::Open(appender) => appender,
        };
        if appender.length() > whole.max(SHORT_JOURNAL) {
            return Ok(false);
        }
        appender.append(delta)?;
        known.tail = Tail::Open(appender);
        Ok(true)
    }
}

pub(crate) fn failed(operation: &'static str, path: &Path, cause: io::Error) -> StoreError {
    StoreError::Io { operation, at: path.display().to_string(), cause }
}

/// Replaces a file as a whole, durably.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// Makes the name of a new file durable; Windows has no such call for folders.
pub(crate) fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[async_trait]
impl Store for LocalStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let lock = self.lock.take(info)?;
        *self.known() = Known::default();
        Ok(lock)
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        let mut known = self.known();
        // Before the content: what is written in between then counts as written by somebody else.
        known.stamps = self.stamps();
        let read = self.read()?;
        known.learn(read.as_ref());
        Ok(read.map(|(state, _)| state))
    }

    async fn save(&self, _lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let mut known = self.known();
        let state = what.state;
        let (found, expected) = (self.serial(&mut known)?, state.serial.0.saturating_sub(1));
        let is_first = found == 0 && what.delta.is_none();
        if found != expected && !is_first {
            return Err(StoreError::Conflict { at: self.location(), found, expected });
        }
        if !known.has_backup {
            self.back_up(&mut known)?;
            known.has_backup = true;
            known.stamps = self.stamps();
        }
        let appended = match &what.delta {
            Some(delta) => self.append(&mut known, state, delta),
            None => Ok(false),
        };
        if !appended.map_err(|cause| failed("save state", self.journal.path(), cause))? {
            self.write_whole(state)?;
            known.tail = Tail::Empty;
        }
        known.stamps = self.stamps();
        known.serial = state.serial.0;
        Ok(())
    }

    async fn compact(&self, _lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        let mut known = self.known();
        // The journal of this run, and of no other.
        let is_ours = self.serial(&mut known)? == state.serial.0 && matches!(known.tail, Tail::Open(_));
        if is_ours {
            self.write_whole(state)?;
            known.tail = Tail::Empty;
            known.stamps = self.stamps();
        }
        Ok(())
    }

    async fn set_aside(&self, _lock: &dyn Lock) -> Result<Option<String>, StoreError> {
        let now = super::lock::now_ms();
        let aside = |kind: &str| self.state.with_extension(format!("{kind}.unreadable-{now}"));
        let (state, journal) = (aside("json"), aside("journal"));
        match fs::rename(self.journal.path(), &journal) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(failed("set aside journal", self.journal.path(), cause));
            }
            _ => {}
        }
        match fs::rename(&self.state, &state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("set aside state", &self.state, cause)),
            Ok(()) => Ok(Some(state.display().to_string())),
        }
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.lock.holder())
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.lock.clear()
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        self.releases.numbers()
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        self.releases.read(number)
    }

    async fn record(&self, _lock: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        self.releases.write(release)
    }

    async fn write_run(&self, id: &RunId, log: &[u8], written: usize) -> Result<(), StoreError> {
        self.runs.write(id, log, written)
    }

    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.runs.ids()
    }

    async fn run(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        self.runs.read(id)
    }

    async fn forget_run(&self, id: &RunId) -> Result<(), StoreError> {
        self.runs.forget(id)
    }

    fn location(&self) -> String {
        self.state.display().to_string()
    }
}
