//! Looks at what workers use, and kills those that use too much, where the kernel does not do it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Occupied, census, disk};

/// Between two looks, when the host has to keep memory or processes.
const OFTEN: Duration = Duration::from_millis(100);
/// Between two looks at the disk.
const SELDOM: Duration = Duration::from_millis(200);
/// The folders are counted when the file system has so much less free space than before, or after a while.
const NOTABLE: u64 = 8 << 20;
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// What one worker may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) processes: u64,
    pub(super) disk: u64,
}

/// The workers that are looked at.
pub(super) struct Watch {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    most: Most,
    watches_memory: bool,
    watches_processes: bool,
    scratch: PathBuf,
    workers: Mutex<Vec<Weak<Occupied>>>,
    added: Notify,
}

impl Watch {
    pub(super) fn start(most: Most, watches_memory: bool, watches_processes: bool, scratch: &Path) -> Self {
        let (workers, added, scratch) = (Mutex::default(), Notify::new(), scratch.to_owned());
        let shared = Arc::new(Shared { most, watches_memory, watches_processes, scratch, workers, added });
        let task = tokio::spawn(run(shared.clone()));
        Self { shared, task }
    }

    pub(super) fn add(&self, worker: &Arc<Occupied>) {
        let mut workers = self.shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.push(Arc::downgrade(worker));
        self.shared.added.notify_one();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<Shared>) {
    let takes_census = shared.watches_memory || shared.watches_processes;
    let mut look = Disk { free: u64::MAX, counted: None };
    loop {
        let workers: Vec<Arc<Occupied>> = {
            let mut workers = shared.workers.lock().unwrap_or_else(PoisonError::into_inner);
            workers.retain(|worker| worker.strong_count() > 0);
            workers.iter().filter_map(Weak::upgrade).collect()
        };
        if workers.is_empty() {
            // An idle host does not wake up.
            shared.added.notified().await;
            continue;
        }
        let (sharing, before) = (shared.clone(), look);
        let looked = tokio::task::spawn_blocking(move || {
            if takes_census {
                sharing.look_at_processes(&workers);
            }
            sharing.look_at_disk(before, &workers)
        });
        look = looked.await.unwrap_or(look);
        tokio::time::sleep(if takes_census { OFTEN } else { SELDOM }).await;
    }
}

/// What was seen of the disk before.
#[derive(Clone, Copy)]
struct Disk {
    free: u64,
    counted: Option<Instant>,
}

impl Shared {
    fn look_at_processes(&self, workers: &[Arc<Occupied>]) {
        let census = census::take();
        for worker in workers {
            let (Some(usage), Some(bounds)) =
                (worker.group.and_then(|group| census.get(&group)), &worker.bounds)
            else {
                continue;
            };
            let memory = bounds.memory();
            if self.watches_processes && usage.threads > self.most.processes {
                worker.condemn(format!("killed: it had more than {} processes", self.most.processes));
            } else if self.watches_memory
                && usage.resident > memory
                && (usage.processes.len() == 1 || census::proportional(&usage.processes) > memory)
            {
                worker.condemn(bounds.too_much_memory());
            }
        }
    }

    /// Counting every worker's files each time would cost too much: it is done when the disk lost space.
    fn look_at_disk(&self, before: Disk, workers: &[Arc<Occupied>]) -> Disk {
        let Some(free) = disk::free(&self.scratch) else { return before };
        let is_due = before.counted.is_none_or(|counted| counted.elapsed() >= AT_LEAST_EVERY);
        if before.free.saturating_sub(free) < NOTABLE && !is_due {
            // Space that was given back is there to be lost again.
            return Disk { free: before.free.max(free), ..before };
        }
        let census = std::cell::OnceCell::new();
        for worker in workers {
            let Some((home, bounds)) = worker.home.as_ref().zip(worker.bounds.as_ref()) else { continue };
            let processes = bounds.processes().unwrap_or_else(|| {
                let census = census.get_or_init(census::take);
                let usage = worker.group.and_then(|group| census.get(&group));
                usage.map(|usage| usage.processes.clone()).unwrap_or_default()
            });
            let used = disk::used(home.path()) + disk::used_unnamed(home.path(), &processes);
            if used > self.most.disk {
                let most = self.most.disk >> 20;
                worker.condemn(format!("killed: it had more than {most} MiB in its temp folder"));
            }
        }
        Disk { free, counted: Some(Instant::now()) }
    }
}

impl Occupied {
    fn condemn(&self, verdict: String) {
        let _ = self.verdict.set(verdict);
        self.kill_all();
    }
}
