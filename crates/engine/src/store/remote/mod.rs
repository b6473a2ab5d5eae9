//! A state in a bucket, through conditional writes: `<prefix>/<project>/<provider>/<stage>…`, since one bucket serves many projects.
//!
//! | object | what it is |
//! | --- | --- |
//! | `<stage>.json` | the whole state, in the same format as the file of a [`crate::LocalStore`] |
//! | `<stage>.journal/<serial>.json` | one save since ([`entry`]) |
//! | `<stage>.json.backup` | the state before the last run that changed something |
//! | `<stage>.lock` | who is at work ([`lock`]) |
//! | `<stage>.releases/<number>.json`, `<stage>.runs/<id>.ndjson` | releases, and the event logs of runs ([`history`]) |
//! | `<stage>.unreadable-<time>/…` | what could not be read and was set aside |
//!
//! A save creates the object of its serial if there is none: that is the compare-and-swap. When the journal is long, and at the end of each
//! run, the state is written whole over the one that the journal goes on from, and the journal is deleted. A writer that slept through that
//! finds the place of its next serial free again; so each save looks afterwards whether the whole state is still the one that its journal
//! goes on from.

mod chain;
mod entry;
mod history;
mod lock;
mod objects;
mod open;

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use object_store::ObjectStore;
use object_store::path::Path;
use sf_plan::{Save, State};
use tokio::sync::Mutex;

use self::chain::{Chain, Place};
use self::history::History;
use self::lock::{Hold, LockObject};
use self::objects::{Expected, Objects, Written, numbered};
use super::{Holder, Lock, LockInfo, Store, StoreError, format, now_ms};
use crate::audit::RunId;
use crate::release::Release;

pub use self::lock::LockTiming;
pub use self::open::{BadPlace, BucketAccess, StatePlace};

/// A journal may always grow to so many bytes before the state is written whole.
const SHORT_JOURNAL: u64 = 64 * 1024;

/// A journal of more saves takes long to read.
const LONG_JOURNAL: usize = 500;

/// Between two writes of an event log, each of which writes all of it.
const RUN_PACE: Duration = Duration::from_secs(5);

/// The store of machines that share a bucket.
#[derive(Debug)]
pub struct RemoteStore {
    objects: Objects,
    place: Place,
    backup: Path,
    history: History,
    aside: String,
    lock: LockObject,
    known: Mutex<Known>,
}

/// What was last seen of the objects.
#[derive(Debug, Default)]
struct Known {
    /// Without the state: whoever loaded it has it.
    chain: Option<Chain>,
    serial: u64,
    held: Weak<Hold>,
    has_backup: bool,
}

impl RemoteStore {
    /// The store of one provider's stage of a project. `url` is what people call the bucket: `s3://bucket`. Asks nobody yet.
    pub fn new(
        bucket: Arc<dyn ObjectStore>,
        url: String,
        folder: &[&str],
        stage: &str,
        timing: LockTiming,
    ) -> Self {
        let objects = Objects::new(bucket, url);
        let folder =
            Path::from_iter(folder.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty()));
        let beside = |suffix: &str| folder.clone().join(format!("{stage}{suffix}"));
        Self {
            place: Place { whole: beside(".json"), journal: beside(".journal") },
            backup: beside(".json.backup"),
            history: History::new(objects.clone(), beside(".releases"), beside(".runs")),
            aside: beside(".unreadable").to_string(),
            lock: LockObject::new(objects.clone(), beside(".lock"), timing),
            known: Mutex::default(),
            objects,
        }
    }

    /// Keeps so many releases instead of [`crate::KEPT_RELEASES`].
    #[must_use]
    pub fn keeping(self, releases: usize) -> Self {
        Self { history: self.history.keeping(releases), ..self }
    }

    async fn read(&self, known: &mut Known) -> Result<Option<State>, StoreError> {
        known.chain = None;
        let mut chain = Chain::load(&self.objects, &self.place).await?;
        let state = chain.state.take();
        known.serial = state.as_ref().map_or(0, |state| state.serial.0);
        known.chain = Some(chain);
        Ok(state)
    }

    /// Who holds the lock, for a save: the one that was taken last, if it is still held.
    async fn held(&self, known: &Known) -> Result<Arc<Hold>, StoreError> {
        let lost = || StoreError::LockLost { at: self.location(), by: None };
        let hold = known.held.upgrade().ok_or_else(lost)?;
        hold.check().await?;
        Ok(hold)
    }

    /// Once for each lock, so that it is the state before the run and not before its last call.
    async fn back_up(&self, known: &mut Known) -> Result<(), StoreError> {
        let in_journal = known.chain.as_ref().is_some_and(|chain| chain.journal_size > 0);
        // What a killed run left in its journal is part of that state.
        if in_journal && let Some(state) = self.read(known).await? {
            self.write_whole(known, &state).await?;
        }
        if let Some(found) = self.objects.read(&self.place.whole).await? {
            self.objects.overwrite(&self.backup, found.bytes).await?;
        }
        known.has_backup = true;
        Ok(())
    }

    /// Writes the state whole, and deletes the changes that it contains.
    async fn write_whole(&self, known: &mut Known, state: &State) -> Result<(), StoreError> {
        let Some(chain) = &mut known.chain else { return Ok(()) };
        let bytes = format::write(state).map_err(|error| self.objects.unwritable(self.location(), &error))?;
        let size = bytes.len() as u64;
        let expected = chain.whole.clone().map_or(Expected::Nothing, Expected::This);
        match self.objects.write(&self.place.whole, bytes, expected).await? {
            Written::Done(tag) => (chain.whole, chain.whole_size) = (Some(tag), size),
            Written::Refused(found) => {
                let there = found.and_then(|found| format::read(&found.bytes).ok());
                let found = there.map_or(0, |there| there.serial.0);
                return Err(self.conflict(found, state.serial.0));
            }
        }
        let done = std::mem::take(&mut chain.journal);
        chain.journal_size = 0;
        let done = done.into_iter().map(|serial| numbered(&self.place.journal, serial));
        // What is left is older than the whole state, and is deleted with the next ones.
        if let Err(error) = self.objects.remove_all(done.collect()).await {
            tracing::debug!(%error, "a change stays beside the state that contains it");
        }
        Ok(())
    }

    /// Whether a change that was created goes on from what is there: see the module.
    async fn follows(&self, known: &mut Known, serial: u64) -> Result<(), StoreError> {
        let Some(chain) = &mut known.chain else { return Ok(()) };
        if self.objects.tag(&self.place.whole).await? == chain.whole {
            return Ok(());
        }
        // It was written whole by somebody else. As long as that contains less, the change is part of the history.
        let Some(found) = self.objects.read(&self.place.whole).await? else {
            return Err(self.conflict(0, serial - 1));
        };
        let there = format::read(&found.bytes)
            .map_err(|cause| chain::unreadable(&self.objects, &self.place.whole, cause))?;
        if there.serial.0 >= serial {
            return Err(self.conflict(there.serial.0, serial - 1));
        }
        (chain.whole, chain.whole_size) = (Some(found.tag), found.bytes.len() as u64);
        Ok(())
    }

    fn conflict(&self, found: u64, expected: u64) -> StoreError {
        StoreError::Conflict { at: self.location(), found, expected }
    }
}

#[async_trait]
impl Store for RemoteStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let (lock, hold) = self.lock.take(info).await?;
        *self.known.lock().await = Known { held: Arc::downgrade(&hold), ..Known::default() };
        Ok(lock)
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        let mut known = self.known.lock().await;
        self.read(&mut known).await
    }

    fn location(&self) -> String {
        self.objects.url(&self.place.whole)
    }

    async fn save(&self, _lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let mut known = self.known.lock().await;
        let hold = self.held(&known).await?;
        if known.chain.is_none() {
            self.read(&mut known).await?;
        }
        let serial = what.state.serial.0;
        let is_first = known.serial == 0 && what.delta.is_none();
        if known.serial + 1 != serial && !is_first {
            return Err(self.conflict(known.serial, serial.saturating_sub(1)));
        }
        if !known.has_backup {
            self.back_up(&mut known).await?;
        }
        // A change has to go on from something.
        let is_base = known.chain.as_ref().is_some_and(Chain::is_empty);
        let whole = Save::whole(what.state);
        let written = entry::write(if is_base { &whole } else { what }, &hold.writer);
        let bytes = written.map_err(|error| self.objects.unwritable(self.location(), &error))?;
        let (at, size) = (numbered(&self.place.journal, serial), bytes.len() as u64);
        if let Written::Refused(_) = self.objects.write(&at, bytes, Expected::Nothing).await? {
            // Whoever did that has the lock, and a name.
            hold.renew().await?;
            known.chain = None;
            return Err(self.conflict(serial, serial - 1));
        }
        self.follows(&mut known, serial).await?;
        known.serial = serial;
        let Some(chain) = &mut known.chain else { return Ok(()) };
        chain.journal.push(serial);
        chain.journal_size += size;
        let is_long =
            chain.journal_size > chain.whole_size.max(SHORT_JOURNAL) || chain.journal.len() > LONG_JOURNAL;
        if is_long && let Err(error) = self.write_whole(&mut known, what.state).await {
            tracing::debug!(%error, "the journal goes on");
        }
        Ok(())
    }

    async fn compact(&self, _lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        let mut known = self.known.lock().await;
        let is_newest = known.serial == state.serial.0;
        let in_journal = known.chain.as_ref().is_some_and(|chain| !chain.journal.is_empty());
        if is_newest && in_journal {
            self.held(&known).await?;
            self.write_whole(&mut known, state).await?;
        }
        Ok(())
    }

    async fn set_aside(&self, _lock: &dyn Lock) -> Result<Option<String>, StoreError> {
        let mut known = self.known.lock().await;
        self.held(&known).await?;
        let folder = Path::from(format!("{}-{}", self.aside, now_ms()));
        let changes = self.objects.numbered(&self.place.journal).await?;
        let mut old: Vec<_> = changes
            .iter()
            .map(|(serial, _)| (numbered(&self.place.journal, *serial), format!("journal-{serial}.json")))
            .collect();
        // The last to go: as long as it is there nobody takes this for a project that was never deployed.
        old.push((self.place.whole.clone(), "state.json".to_owned()));
        let mut is_any = false;
        for (at, name) in &old {
            if let Some(found) = self.objects.read(at).await? {
                self.objects.overwrite(&folder.clone().join(name.as_str()), found.bytes).await?;
                is_any = true;
            }
        }
        for (at, _) in &old {
            self.objects.remove(at).await?;
        }
        (known.chain, known.serial) = (None, 0);
        Ok(is_any.then(|| self.objects.url(&folder)))
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.lock.holder().await
    }

    fn is_heard_of(&self, holder: &Holder) -> bool {
        self.lock.is_heard_of(holder)
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.lock.clear().await
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        self.history.releases().await
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        self.history.release(number).await
    }

    async fn record(&self, _lock: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        self.held(&*self.known.lock().await).await?;
        self.history.record(release).await
    }

    async fn write_run(&self, id: &RunId, log: &[u8], _written: usize) -> Result<(), StoreError> {
        self.history.write_run(id, log).await
    }

    fn run_pace(&self) -> Duration {
        RUN_PACE
    }

    async fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        self.history.runs().await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Vec<u8>>, StoreError> {
        self.history.run(id).await
    }

    async fn forget_run(&self, id: &RunId) -> Result<(), StoreError> {
        self.history.forget_run(id).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.lock.released().await
    }
}
