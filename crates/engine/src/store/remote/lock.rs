//! The lock of a [`super::RemoteStore`]: `<stage>.lock`, an object that says who holds it and is written again every few seconds.
//!
//! A holder that was silent for longer than [`LockTiming::expiry`] is dead, and whoever comes next replaces its object: conditionally, so that
//! of two only one does. Clocks of machines differ, so silence is told by the store's clock alone: a probe object is written, and the time
//! of that is compared with the lock's. From then on the waiting one measures by its own clock how long the lock's version stays
//! the same. (Only watching would do without the probe, and would let every deploy after a killed one wait for a minute, in CI too.)
//!
//! A holder that was replaced hears of it with its next heartbeat, and saves nothing any more. Even one that does not hear of it does no harm:
//! every save creates the object of its serial, and finds that somebody else has.

use std::sync::Arc;
use std::time::Duration;

use object_store::UpdateVersion;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::objects::{Expected, Found, Objects, Written};
use crate::store::{Holder, Lock, LockInfo, StoreError, now_ms};

/// How a lock lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockTiming {
    /// How often a holder says that it lives.
    pub heartbeat: Duration,
    /// A holder that was silent for so long is dead.
    pub expiry: Duration,
}

impl Default for LockTiming {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), expiry: Duration::from_secs(60) }
    }
}

/// What the object says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claim {
    #[serde(flatten)]
    holder: Holder,
    /// Tells two runs apart that are the same in everything else.
    writer: String,
}

/// The place of a lock, and what was last seen there.
#[derive(Debug)]
pub(super) struct LockObject {
    objects: Objects,
    at: Path,
    timing: LockTiming,
    sight: Mutex<Option<Sight>>,
    /// Locks that were dropped and may not be released yet.
    releases: Releases,
}

type Releases = Arc<std::sync::Mutex<Vec<JoinHandle<Result<(), StoreError>>>>>;

/// A holder's silence.
#[derive(Debug)]
struct Sight {
    tag: UpdateVersion,
    silent: Duration,
    at: Instant,
}

/// What a held lock shares with its heartbeat.
#[derive(Debug)]
pub(super) struct Hold {
    objects: Objects,
    at: Path,
    timing: LockTiming,
    info: LockInfo,
    pub(super) writer: String,
    pulse: Mutex<Pulse>,
}

#[derive(Debug)]
struct Pulse {
    tag: UpdateVersion,
    /// When it was last certain that nobody else has it.
    certain: Instant,
    lost: Option<Option<Box<Holder>>>,
}

/// A held lock.
struct RemoteLock {
    hold: Arc<Hold>,
    heartbeat: JoinHandle<()>,
    runtime: Handle,
    releases: Releases,
}

impl Lock for RemoteLock {
    fn info(&self) -> &LockInfo {
        &self.hold.info
    }
}

impl Drop for RemoteLock {
    fn drop(&mut self) {
        self.heartbeat.abort();
        let hold = self.hold.clone();
        // `Store::close` waits for it.
        let release = self.runtime.spawn(async move { hold.release().await });
        unpoisoned(&self.releases).push(release);
    }
}

fn unpoisoned<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl LockObject {
    pub(super) fn new(objects: Objects, at: Path, timing: LockTiming) -> Self {
        Self { objects, at, timing, sight: Mutex::default(), releases: Arc::default() }
    }

    /// Must be called within a tokio runtime, which keeps the heartbeat.
    pub(super) async fn take(&self, info: LockInfo) -> Result<(Box<dyn Lock>, Arc<Hold>), StoreError> {
        self.settle().await;
        let writer = format!("{:032x}", fastrand::u128(..));
        let certain = Instant::now();
        let bytes = bytes(&info, &writer);
        let mut written = self.objects.write(&self.at, bytes.clone(), Expected::Nothing).await?;
        if let Written::Refused(Some(found)) = &written
            && self.silence(found).await? >= self.timing.expiry
        {
            let stale = Expected::This(found.tag.clone());
            written = self.objects.write(&self.at, bytes, stale).await?;
        }
        let tag = match written {
            Written::Done(tag) => tag,
            Written::Refused(found) => {
                return Err(StoreError::Locked(found.map(|found| Box::new(holder(&found)))));
            }
        };
        let pulse = Mutex::new(Pulse { tag, certain, lost: None });
        let (objects, at, timing) = (self.objects.clone(), self.at.clone(), self.timing);
        let hold = Arc::new(Hold { objects, at, timing, info, writer, pulse });
        let heartbeat = tokio::spawn(hold.clone().beat());
        let (runtime, releases) = (Handle::current(), self.releases.clone());
        Ok((Box::new(RemoteLock { hold: hold.clone(), heartbeat, runtime, releases }), hold))
    }

    /// How long a lock was not written: see the module.
    async fn silence(&self, found: &Found) -> Result<Duration, StoreError> {
        let mut sight = self.sight.lock().await;
        if let Some(known) = sight.as_ref().filter(|known| known.tag == found.tag) {
            return Ok(known.silent + known.at.elapsed());
        }
        let at = Instant::now();
        let probe = Path::from(format!("{}.probe-{:016x}", self.at, fastrand::u64(..)));
        self.objects.overwrite(&probe, bytes::Bytes::from_static(b"what time is it?\n")).await?;
        let now_ms = self.objects.modified_ms(&probe).await;
        // Left behind it does no harm.
        let _ = self.objects.remove(&probe).await;
        let silent = u64::try_from(now_ms?.saturating_sub(found.modified_ms)).unwrap_or(0);
        let silent = Duration::from_millis(silent);
        *sight = Some(Sight { tag: found.tag.clone(), silent, at });
        Ok(silent)
    }

    /// The holder, heard of when it was by the store's clock, told by ours.
    pub(super) async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.settle().await;
        let Some(found) = self.objects.read(&self.at).await? else { return Ok(None) };
        let silent = u64::try_from(self.silence(&found).await?.as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Holder { heartbeat_ms: now_ms().saturating_sub(silent), ..holder(&found) }))
    }

    pub(super) fn is_heard_of(&self, holder: &Holder) -> bool {
        u128::from(now_ms().saturating_sub(holder.heartbeat_ms)) < self.timing.expiry.as_millis()
    }

    pub(super) async fn clear(&self) -> Result<Option<Holder>, StoreError> {
        self.settle().await;
        let Some(found) = self.objects.read(&self.at).await? else { return Ok(None) };
        self.objects.remove(&self.at).await?;
        Ok(Some(holder(&found)))
    }

    /// Waits until dropped locks are released, or cannot be.
    pub(super) async fn released(&self) -> Result<(), StoreError> {
        let releases = std::mem::take(&mut *unpoisoned(&self.releases));
        let mut all = Ok(());
        for release in releases {
            // One that was cancelled or panicked leaves its lock to expire.
            if let Ok(released) = release.await {
                all = all.and(released);
            }
        }
        all
    }

    /// As [`Self::released`], for whoever sees by the object itself what became of it.
    async fn settle(&self) {
        if let Err(error) = self.released().await {
            tracing::warn!(%error, "a lock is not released; it expires");
        }
    }
}

impl Hold {
    /// Says that the holder lives, until it is replaced.
    async fn beat(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.timing.heartbeat).await;
            match self.renew().await {
                Err(error @ StoreError::LockLost { .. }) => {
                    tracing::warn!(%error, "nothing is saved any more");
                    return;
                }
                Err(error) => tracing::warn!(%error, "the lock's heartbeat could not be written"),
                Ok(()) => {}
            }
        }
    }

    /// Whether the lock is still held, as far as can be known without asking: of one that could not be renewed for long it is asked.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let is_certain = {
            let pulse = self.pulse.lock().await;
            if let Some(by) = &pulse.lost {
                return Err(self.lost(by.clone()));
            }
            pulse.certain.elapsed() < self.timing.expiry / 2
        };
        if is_certain { Ok(()) } else { self.renew().await }
    }

    /// Writes the object again.
    pub(super) async fn renew(&self) -> Result<(), StoreError> {
        let mut pulse = self.pulse.lock().await;
        if let Some(by) = &pulse.lost {
            return Err(self.lost(by.clone()));
        }
        let mut attempt = 1;
        loop {
            let (certain, bytes) = (Instant::now(), bytes(&self.info, &self.writer));
            let known = Expected::This(pulse.tag.clone());
            match self.objects.write(&self.at, bytes, known).await? {
                Written::Done(tag) => {
                    (pulse.tag, pulse.certain) = (tag, certain);
                    return Ok(());
                }
                // An earlier heartbeat of ours, whose answer was lost.
                Written::Refused(Some(found)) if self.is_own(&found) && attempt < 4 => {
                    pulse.tag = found.tag;
                    attempt += 1;
                }
                Written::Refused(found) => {
                    let by = found.map(|found| Box::new(holder(&found)));
                    pulse.lost = Some(by.clone());
                    return Err(self.lost(by));
                }
            }
        }
    }

    fn is_own(&self, found: &Found) -> bool {
        serde_json::from_slice::<Claim>(&found.bytes).is_ok_and(|there| there.writer == self.writer)
    }

    fn lost(&self, by: Option<Box<Holder>>) -> StoreError {
        StoreError::LockLost { at: self.objects.url(&self.at), by }
    }

    /// Deletes the object, if it is ours. There is no conditional deletion: the object is renewed first, so that nobody else may take it for as
    /// long as the deletion may be under way.
    async fn release(&self) -> Result<(), StoreError> {
        let released = tokio::time::timeout(self.timing.expiry / 2, async {
            self.renew().await?;
            self.objects.remove(&self.at).await
        });
        match released.await {
            Ok(Err(StoreError::LockLost { .. })) => Ok(()),
            Ok(released) => released,
            Err(_) => Err(StoreError::Remote {
                operation: "release the lock",
                at: self.objects.url(&self.at),
                cause: "the store did not answer in time".into(),
                hint: None,
            }),
        }
    }
}

fn bytes(info: &LockInfo, writer: &str) -> Vec<u8> {
    let holder = Holder { info: info.clone(), heartbeat_ms: now_ms() };
    let mut bytes = serde_json::to_vec(&Claim { holder, writer: writer.to_owned() }).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Whoever it is: an object that cannot be read was written by somebody too.
fn holder(found: &Found) -> Holder {
    let modified_ms = u64::try_from(found.modified_ms).unwrap_or(0);
    let unknown = || LockInfo {
        who: "somebody".into(),
        host: "an unknown machine".into(),
        pid: 0,
        command: "unknown".into(),
        started_ms: modified_ms,
    };
    serde_json::from_slice::<Claim>(&found.bytes)
        .map_or_else(|_| Holder { info: unknown(), heartbeat_ms: modified_ms }, |there| there.holder)
}
