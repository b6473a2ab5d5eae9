//! The queue between whoever records and the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::record::{Record, What};
use super::{Clock, RunId};
use crate::store::{Store, StoreError};

/// How long the end of a run waits for its log.
const PATIENCE: Duration = Duration::from_secs(10);

/// Records what a run does. Cheap to clone; never waits for the store.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Lines that the writer did not take yet.
    lines: Vec<u8>,
    /// Whether there is a first line: nothing is written before.
    has_begun: bool,
    /// Whether there is a last line: calls that were cut off may still come after it.
    is_over: bool,
}

impl Recorder {
    /// Of a run that begins now.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared { clock, queue: Mutex::default(), news: Notify::new() }))
    }

    /// Records what happens now.
    pub fn record(&self, what: What) {
        self.add(&mut self.queue(), what);
    }

    /// Puts what is known late before everything else: the first line. Without one there is no log.
    pub fn record_first(&self, time_ms: u64, what: What) {
        let mut queue = self.queue();
        let mut lines = line(&Record { time_ms, what });
        lines.append(&mut queue.lines);
        queue.lines = lines;
        queue.has_begun = true;
        self.0.news.notify_one();
    }

    /// Records how it ended: the last line, whoever still records.
    pub fn record_last(&self, what: What) {
        let mut queue = self.queue();
        self.add(&mut queue, what);
        queue.is_over = true;
    }

    /// Whether there is a first line.
    pub fn has_begun(&self) -> bool {
        self.queue().has_begun
    }

    /// The time is looked at while nobody else adds, so that times never go back from one line to the next.
    fn add(&self, queue: &mut Queue, what: What) {
        if queue.is_over {
            return;
        }
        queue.lines.append(&mut line(&Record { time_ms: self.0.clock.now_ms(), what }));
        if queue.has_begun {
            self.0.news.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(record: &Record) -> Vec<u8> {
    // Nothing in a record can fail to be JSON; a log with a gap is better than none.
    let mut line = serde_json::to_vec(record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Takes what was recorded to the store.
#[derive(Debug)]
pub struct RunWriter {
    recorder: Recorder,
    id: RunId,
    log: Vec<u8>,
    written: usize,
    has_failed: bool,
}

impl RunWriter {
    /// What was recorded so far is written by the first call.
    pub fn new(recorder: Recorder, id: RunId) -> Self {
        Self { recorder, id, log: Vec::new(), written: 0, has_failed: false }
    }

    /// Writes what is recorded, as it comes; never comes back. It may be dropped at any point. `warn` is called once at most.
    pub async fn keep_up(&mut self, store: &dyn Store, warn: &(dyn Fn(&StoreError) + Sync)) {
        loop {
            self.recorder.0.news.notified().await;
            self.flush(store, warn).await;
            tokio::time::sleep(store.run_pace()).await;
        }
    }

    /// Writes the rest, and gives the whole log back.
    pub async fn finish(mut self, store: &dyn Store, warn: &(dyn Fn(&StoreError) + Sync)) -> Vec<u8> {
        self.recorder.queue().is_over = true;
        let written = tokio::time::timeout(PATIENCE, self.flush(store, warn)).await;
        if written.is_err() && !self.has_failed {
            warn(&StoreError::Io {
                operation: "write the event log",
                at: self.id.to_string(),
                cause: std::io::ErrorKind::TimedOut.into(),
            });
        }
        self.log
    }

    async fn flush(&mut self, store: &dyn Store, warn: &(dyn Fn(&StoreError) + Sync)) {
        if !self.recorder.has_begun() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.recorder.queue().lines);
        self.log.append(&mut fresh);
        if self.written == self.log.len() {
            return;
        }
        match store.write_run(&self.id, &self.log, self.written).await {
            Ok(()) => self.written = self.log.len(),
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                warn(&error);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::read_events;
    use super::super::record::Started;
    use super::*;
    use crate::store::{LocalStore, LockInfo};

    fn first() -> What {
        What::RunStarted(Started {
            version: 1,
            sf: "0".into(),
            run: "r".into(),
            command: "sf deploy".into(),
            who: "ada".into(),
            host: "lovelace".into(),
            pid: 1,
            project: "p".into(),
            stage: "s".into(),
            provider: "m".into(),
            state: "here".into(),
            lineage: "l".into(),
            base_serial: 0,
            git_commit: None,
        })
    }

    fn saved(serial: u64) -> What {
        What::StateSaved { serial, duration_ms: 0 }
    }

    fn run_id() -> RunId {
        RunId::new(5, &LockInfo::of_this_process("sf deploy"))
    }

    #[tokio::test]
    async fn a_log_is_there_while_the_run_goes_on_and_begins_with_what_was_known_last() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::new(dir.path(), "m", "s");
        let recorder = Recorder::new(Clock::of(|| 7));
        let (id, warn) = (run_id(), |error: &StoreError| panic!("{error}"));
        let mut writer = RunWriter::new(recorder.clone(), id.clone());
        recorder.record(saved(1));
        assert!(store.runs().await.unwrap().is_empty(), "nothing is written before there is a first line");
        recorder.record_first(6, first());
        // As a run that is killed leaves it: nobody ends it.
        let written = async {
            loop {
                match store.run(&id).await.unwrap() {
                    Some(log) => break log,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        let log = tokio::select! {
            log = written => log,
            () = writer.keep_up(&store, &warn) => unreachable!("it never ends by itself"),
        };
        let times: Vec<_> = read_events(&log).iter().map(|record| record.time_ms).collect();
        assert_eq!(times, [6, 7]);
        recorder.record(saved(2));
        let whole = writer.finish(&store, &warn).await;
        assert_eq!(store.run(&id).await.unwrap().unwrap(), whole);
        assert_eq!(read_events(&whole).len(), 3);
        recorder.record(saved(3));
        assert_eq!(store.run(&id).await.unwrap().unwrap(), whole, "after the end nothing is recorded");
        assert_eq!(store.runs().await.unwrap(), [id]);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_is_told_of_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("m"), "a file where the folder should be").unwrap();
        let store = LocalStore::new(dir.path(), "m", "s");
        let recorder = Recorder::new(Clock::of(|| 7));
        recorder.record_first(6, first());
        let told = AtomicUsize::new(0);
        let warn = |_: &StoreError| {
            told.fetch_add(1, Ordering::Relaxed);
        };
        let mut writer = RunWriter::new(recorder, run_id());
        writer.flush(&store, &warn).await;
        let log = writer.finish(&store, &warn).await;
        assert_eq!((told.load(Ordering::Relaxed), read_events(&log).len()), (1, 1));
    }
}
