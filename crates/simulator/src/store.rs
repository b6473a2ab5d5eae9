//! The store: in memory, or the real one in a folder, behind one that fails and that dies in the midst of a save.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sf_engine::{Holder, KEPT_RELEASES, LocalStore, Lock, LockInfo, Release, Store, StoreError};
use sf_plan::{Save, State};

use crate::case::SaveFault;
use crate::inspect::Inspector;
use crate::world::World;

/// Something that a state can be taken from, and brought back to.
pub(crate) trait Keeper: Store {
    /// As it is now.
    fn back_up(&self) -> Backup;
    /// As it was then.
    fn bring_back(&self, backup: &Backup);
    /// As it is when the one save since then was cut short after so many quarters of it; `None` if it cannot be cut short.
    fn torn(&self, before: &Backup, quarters: usize) -> Option<Backup>;
}

/// A copy of a state.
#[derive(Clone, Default)]
pub(crate) struct Backup {
    state: Option<Arc<State>>,
    files: Vec<Option<Vec<u8>>>,
}

/// A store in memory: what is saved is saved whole.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    state: Option<Arc<State>>,
    releases: BTreeMap<u64, Release>,
    holder: Option<LockInfo>,
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryLock(MemoryStore, LockInfo);

impl Lock for MemoryLock {
    fn info(&self) -> &LockInfo {
        &self.1
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.kept().holder = None;
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        let mut kept = self.kept();
        if let Some(holder) = &kept.holder {
            let holder = Holder { info: holder.clone(), heartbeat_ms: 0 };
            return Err(StoreError::Locked(Some(Box::new(holder))));
        }
        kept.holder = Some(info.clone());
        Ok(Box::new(MemoryLock(self.clone(), info)))
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        Ok(self.kept().state.as_deref().cloned())
    }

    fn location(&self) -> String {
        "memory".into()
    }

    async fn save(&self, _: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let found = kept.state.as_ref().map_or(0, |state| state.serial.0);
        let expected = what.state.serial.0.saturating_sub(1);
        if found != expected {
            return Err(StoreError::Conflict { at: self.location(), found, expected });
        }
        kept.state = Some(Arc::new(what.state.clone()));
        Ok(())
    }

    async fn set_aside(&self, _: &dyn Lock) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Ok(self.kept().holder.clone().map(|info| Holder { info, heartbeat_ms: 0 }))
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        Ok(None)
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        Ok(self.kept().releases.keys().copied().collect())
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        Ok(self.kept().releases.get(&number).cloned())
    }

    async fn record(&self, _: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        let mut kept = self.kept();
        kept.releases.insert(release.about.number, release.clone());
        while kept.releases.len() > KEPT_RELEASES {
            kept.releases.pop_first();
        }
        Ok(())
    }
}

impl Keeper for MemoryStore {
    fn back_up(&self) -> Backup {
        Backup { state: self.kept().state.clone(), files: Vec::new() }
    }

    fn bring_back(&self, backup: &Backup) {
        self.kept().state = backup.state.clone();
    }

    fn torn(&self, _: &Backup, _: usize) -> Option<Backup> {
        None
    }
}

fn files(store: &LocalStore) -> [PathBuf; 2] {
    [store.path().to_owned(), store.path().with_extension("journal")]
}

fn put_back(path: &Path, bytes: Option<&Vec<u8>>) -> io::Result<()> {
    match bytes {
        Some(bytes) => fs::write(path, bytes),
        None if path.exists() => fs::remove_file(path),
        None => Ok(()),
    }
}

impl Keeper for LocalStore {
    fn back_up(&self) -> Backup {
        Backup { state: None, files: files(self).iter().map(|path| fs::read(path).ok()).collect() }
    }

    fn bring_back(&self, backup: &Backup) {
        for (at, path) in files(self).iter().enumerate() {
            // What cannot be brought back stays: that is a story, too.
            let _ = put_back(path, backup.files.get(at).and_then(Option::as_ref));
        }
    }

    /// What is appended is there in part; what is replaced is not replaced yet.
    fn torn(&self, before: &Backup, quarters: usize) -> Option<Backup> {
        let mut torn = before.clone();
        if let Ok(whole) = fs::read(self.path().with_extension("journal")) {
            let journal = torn.files.get_mut(1)?;
            let kept = journal.as_ref().filter(|old| whole.starts_with(old)).map_or(0, Vec::len);
            *journal = Some(whole[..kept + (whole.len() - kept) * quarters / 4].to_vec());
        }
        Some(torn)
    }
}

/// A store that fails when the case says so.
pub(crate) struct FaultyStore {
    inner: Arc<dyn Keeper>,
    world: Arc<World>,
    inspector: Arc<Inspector>,
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn Keeper>, world: Arc<World>, inspector: Arc<Inspector>) -> Self {
        Self { inner, world, inspector }
    }

    fn failure(&self, operation: &'static str) -> StoreError {
        let cause = io::Error::other("injected");
        StoreError::Io { operation, at: self.location(), cause }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        self.world.moment("before the lock is taken").await;
        self.inner.lock(info).await
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.world.moment("before the state is read").await;
        let loaded = self.inner.load().await?;
        if !self.inspector.is_what_was_saved(loaded.as_ref()) {
            self.world.broken("what is read is what was saved last");
        }
        Ok(loaded)
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    async fn save(&self, lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let fault = self.world.next_save();
        self.inspector.is_saved(what, self.world.is_stopped());
        self.world.moment("before a save").await;
        if fault == Some(SaveFault::Fails) {
            self.world.tell(|| format!("save {} fails", what.state.serial.0));
            return Err(self.failure("save state"));
        }
        let before = self.inner.back_up();
        let saved = self.inner.save(lock, what).await;
        let quarters = self.world.draw(|rng| rng.usize(0..4));
        if let Some(torn) = self.inner.torn(&before, quarters)
            && self.world.dies_now("in the midst of a save")
        {
            self.inner.bring_back(&torn);
            return std::future::pending().await;
        }
        if saved.is_ok() {
            self.inspector.saved(what);
        }
        self.world.tell(|| {
            format!("save {}: {}", what.state.serial.0, if saved.is_ok() { "done" } else { "refused" })
        });
        self.world.moment("after a save").await;
        match fault {
            Some(_) => Err(self.failure("save state")),
            None => saved,
        }
    }

    async fn compact(&self, lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        self.world.moment("before the state is written whole").await;
        self.inner.compact(lock, state).await
    }

    async fn set_aside(&self, lock: &dyn Lock) -> Result<Option<String>, StoreError> {
        self.inner.set_aside(lock).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.holder().await
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.inner.unlock().await
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.releases().await
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        self.inner.release(number).await
    }

    async fn record(&self, lock: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        self.world.moment("before the release is recorded").await;
        if self.world.loses_release() {
            return Err(self.failure("record release"));
        }
        self.inner.record(lock, release).await?;
        self.world.tell(|| format!("release {} is recorded", release.about.number));
        self.world.moment("after the release is recorded").await;
        Ok(())
    }
}
