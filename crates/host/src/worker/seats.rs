//! How many calls a function's workers take at once, and a call's hold on its worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::CallError;
use super::framed::FramedWorker;
use super::process::Process;
use super::web::WebWorker;

/// Requests a worker handles at once before another one is started.
const CROWDED: usize = 64;
/// Workers of one function at once.
const MAX_WORKERS: usize = 8;
/// Where each call needs a worker to itself there may be as many as this much memory holds, by what each of them may take…
const SINGLES_MEMORY: u64 = 4 << 30;
/// … but not more than this.
const MAX_SINGLES: usize = 32;

// A worker is a process: one of them is kept for each, and they are never moved about.
#[allow(clippy::large_enum_variant, reason = "there are few, each in its own `Arc`")]
pub(super) enum Kind {
    Framed(FramedWorker),
    Web(Box<WebWorker>),
}

pub(super) struct Worker {
    pub(super) kind: Kind,
    busy: AtomicUsize,
    last_used_ms: AtomicU64,
}

impl Worker {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, busy: AtomicUsize::new(0), last_used_ms: AtomicU64::new(crate::clock::now_ms()) }
    }

    pub(super) fn process(&self) -> &Process {
        match &self.kind {
            Kind::Framed(worker) => &worker.process,
            Kind::Web(worker) => &worker.process,
        }
    }

    /// Calls that it handles.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether nobody has used it for so long.
    pub(super) fn is_idle_for(&self, idle: Duration) -> bool {
        let unused = crate::clock::now_ms().saturating_sub(self.last_used_ms.load(Ordering::Relaxed));
        self.busy() == 0 && u128::from(unused) >= idle.as_millis()
    }
}

/// The bounds of a function's workers, and who waits for one.
pub(super) struct Seats {
    /// A worker with fewer calls is given another one.
    pub(super) crowded: usize,
    /// Workers at once.
    pub(super) workers: usize,
    /// Where a worker takes one call at a time: a permit for each worker there may be, given in the order of asking. Whoever has one finds
    /// a worker that is free or may start one.
    turns: Option<Arc<Semaphore>>,
    /// Told when a worker is free that takes one call at a time.
    pub(super) freed: Arc<Notify>,
}

impl Seats {
    /// Lambda's handlers keep a call's state in their module: a process there has one call at a time.
    pub(super) fn new(interface: &str, memory: u64) -> Self {
        let freed = Arc::default();
        if interface != "lambda" {
            return Self { crowded: CROWDED, workers: MAX_WORKERS, turns: None, freed };
        }
        let fit = usize::try_from(SINGLES_MEMORY / memory.max(1)).unwrap_or(MAX_SINGLES);
        let workers = fit.clamp(MAX_WORKERS, MAX_SINGLES);
        Self { crowded: 1, workers, turns: Some(Arc::new(Semaphore::new(workers))), freed }
    }

    /// Whether a worker has one call at a time.
    pub(super) fn are_single(&self) -> bool {
        self.turns.is_some()
    }

    /// Waits until the function has room for one more call, at most as long as a call may take.
    pub(super) async fn turn(&self, limit_ms: u64) -> Result<Option<Turn>, CallError> {
        let Some(turns) = &self.turns else { return Ok(None) };
        let waited = tokio::time::timeout(Duration::from_millis(limit_ms), turns.clone().acquire_owned());
        match waited.await {
            Ok(Ok(permit)) => Ok(Some(Turn { freed: self.freed.clone(), _permit: permit })),
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => Err(CallError::Busy(limit_ms)),
        }
    }
}

/// The right to have a worker to oneself.
pub(super) struct Turn {
    freed: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

/// A worker in use by one call.
pub(super) struct Lease {
    pub(super) worker: Arc<Worker>,
    turn: Option<Turn>,
}

impl Lease {
    pub(super) fn new(worker: Arc<Worker>, turn: Option<Turn>) -> Self {
        worker.busy.fetch_add(1, Ordering::Relaxed);
        Self { worker, turn }
    }

    pub(super) fn is_framed(&self) -> bool {
        matches!(self.worker.kind, Kind::Framed(_))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.worker.last_used_ms.store(crate::clock::now_ms(), Ordering::Relaxed);
        self.worker.busy.fetch_sub(1, Ordering::Relaxed);
        if let Some(turn) = &self.turn {
            turn.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_singles_as_memory_holds() {
        let workers = |interface, mib: u64| Seats::new(interface, mib << 20).workers;
        assert_eq!([128, 256, 512, 4096].map(|mib| workers("lambda", mib)), [32, 16, 8, 8]);
        assert_eq!((workers("lambda", 0), workers("portable", 128), workers("web", 128)), (32, 8, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_given_in_order_and_a_wait_has_its_end() {
        let seats = Arc::new(Seats::new("lambda", 1 << 30));
        let mut held = Vec::new();
        for _ in 0..seats.workers {
            held.push(seats.turn(1000).await.unwrap());
        }
        let refused = seats.turn(1000).await.err();
        assert!(matches!(refused, Some(CallError::Busy(1000))), "{refused:?}");

        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        let mut waiting = Vec::new();
        for number in 0..3 {
            let (seats, told) = (seats.clone(), told.clone());
            waiting.push(tokio::spawn(async move {
                let _turn = seats.turn(1000).await.unwrap();
                told.send(number).unwrap();
            }));
            tokio::task::yield_now().await;
        }
        // Whoever goes away is no longer waited for.
        waiting[0].abort();
        drop(held.pop());
        assert_eq!((order.recv().await, order.recv().await), (Some(1), Some(2)));
        assert!(Seats::new("portable", 1 << 30).turn(0).await.unwrap().is_none());
    }
}
