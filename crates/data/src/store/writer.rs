//! The one thread that writes. It takes all operations that wait, runs them in one transaction, commits once and answers them all, so that
//! a sync of the disk is shared by everybody who waits for one.

use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::files::{Files, NewFile};
use crate::{Clock, DataError};

/// Operations that may wait; more of them wait for room.
const WAITING: usize = 1024;

/// Operations in one transaction. Bounds how long the first of them waits for the last.
const TOGETHER: usize = 256;

/// What an operation works with.
pub(crate) struct Tx<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) now_ms: i64,
    counter: &'a mut Counter,
    effects: Effects,
}

impl Tx<'_> {
    /// A number that was never given before.
    pub(crate) fn next_number(&mut self) -> i64 {
        self.counter.next += 1;
        self.counter.next - 1
    }

    /// A message may be ready, or will be at a time that nobody knows yet.
    pub(crate) fn message_arrived(&mut self) {
        self.effects.arrived = true;
    }

    /// The transaction refers to this file from now on.
    pub(crate) fn refer_to(&mut self, file: NewFile) {
        self.effects.written.push(file);
    }

    /// The transaction does not refer to this file any more.
    pub(crate) fn obsolete(&mut self, file: String) {
        self.effects.obsolete.push(file);
    }
}

/// What happens besides the database when a transaction is committed.
#[derive(Default)]
struct Effects {
    arrived: bool,
    /// Removed again when they are dropped.
    written: Vec<NewFile>,
    obsolete: Vec<String>,
}

impl Effects {
    fn add(&mut self, mut other: Self) {
        self.arrived |= other.arrived;
        self.written.append(&mut other.written);
        self.obsolete.append(&mut other.obsolete);
    }
}

/// Kept in memory and written once a transaction. After a transaction that failed it has gaps.
struct Counter {
    next: i64,
    saved: i64,
}

/// An operation in the queue.
trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), DataError>;
    fn fail(&mut self, error: DataError);
    fn answer(self: Box<Self>);
}

struct Task<T, F> {
    operation: Option<F>,
    result: Result<T, DataError>,
    reply: oneshot::Sender<Result<T, DataError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, DataError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), DataError> {
        if let Some(operation) = self.operation.take() {
            self.result = Ok(operation(tx)?);
        }
        Ok(())
    }

    fn fail(&mut self, error: DataError) {
        self.result = Err(error);
    }

    fn answer(self: Box<Self>) {
        // Nobody may wait any more; what was written stays.
        let _ = self.reply.send(self.result);
    }
}

/// The thread's handle. Dropping it lets the thread finish what waits, and waits for it.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    arrivals: watch::Receiver<u64>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, files: Arc<Files>, clock: Clock) -> Result<Self, DataError> {
        let next = connection.query_row("SELECT next FROM counter", [], |row| row.get(0))?;
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (arrivals, seen) = watch::channel(0);
        let counter = Counter { next, saved: next };
        let thread = Thread { connection, files, clock, counter, arrivals };
        let thread = std::thread::Builder::new()
            .name("sf-data-write".into())
            .spawn(move || thread.run(waiting))
            .map_err(|cause| DataError::storage(format!("start a thread: {cause}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), arrivals: seen })
    }

    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.clone()
    }

    /// Runs an operation; it is on disk when this is answered. It is carried out even if nobody waits for the answer.
    pub(crate) async fn run<T, F>(&self, operation: F) -> Result<T, DataError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, DataError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { operation: Some(operation), result: Err(stopped()), reply };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Box::new(task)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> DataError {
    DataError::storage("the thread that writes has stopped; this is a bug of sf")
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Thread {
    connection: Connection,
    files: Arc<Files>,
    clock: Clock,
    counter: Counter,
    arrivals: watch::Sender<u64>,
}

impl Thread {
    fn run(mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < TOGETHER
                && let Ok(job) = waiting.try_recv()
            {
                jobs.push(job);
            }
            self.carry_out(jobs);
        }
    }

    fn carry_out(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let effects = self.transaction(&mut jobs);
        if effects.arrived {
            self.arrivals.send_modify(|count| *count = count.wrapping_add(1));
        }
        for job in jobs {
            job.answer();
        }
        for file in effects.obsolete {
            self.files.remove(&file);
        }
    }

    /// One transaction of all of them. One that fails is undone alone.
    fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Effects {
        let mut effects = Effects::default();
        let mut succeeded = Vec::with_capacity(jobs.len());
        for index in 0..jobs.len() {
            match self.operation(&mut *jobs[index]) {
                Ok(more) => {
                    effects.add(more);
                    succeeded.push(index);
                }
                Err(error) => {
                    // SQLite gives up the whole transaction for some failures (a full disk): then all before it are undone too.
                    if self.connection.is_autocommit() {
                        fail(jobs, &succeeded, &error);
                        succeeded.clear();
                        effects = Effects::default();
                    }
                    jobs[index].fail(error);
                }
            }
        }
        if let Err(error) = self.commit() {
            let _ = self.connection.execute_batch("ROLLBACK");
            fail(jobs, &succeeded, &error);
            // Whether the commit is on disk is unknown after a failed sync. What it refers to must stay; what nothing refers to is collected
            // when the folder is opened.
            effects.written.drain(..).for_each(NewFile::keep);
            return Effects::default();
        }
        effects.written.drain(..).for_each(NewFile::keep);
        effects
    }

    fn operation(&mut self, job: &mut dyn Job) -> Result<Effects, DataError> {
        let db = &self.connection;
        if db.is_autocommit() {
            db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        db.prepare_cached("SAVEPOINT operation")?.execute([])?;
        let now_ms = i64::try_from((self.clock)()).unwrap_or(i64::MAX);
        let mut tx = Tx { db, now_ms, counter: &mut self.counter, effects: Effects::default() };
        let result = job.run(&mut tx);
        let effects = tx.effects;
        if result.is_err() && !db.is_autocommit() {
            db.prepare_cached("ROLLBACK TO operation")?.execute([])?;
        }
        if !db.is_autocommit() {
            db.prepare_cached("RELEASE operation")?.execute([])?;
        }
        result.map(|()| effects)
    }

    fn commit(&mut self) -> Result<(), DataError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        if self.counter.next != self.counter.saved {
            self.connection.prepare_cached("UPDATE counter SET next = ?1")?.execute([self.counter.next])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.counter.saved = self.counter.next;
        Ok(())
    }
}

fn fail(jobs: &mut [Box<dyn Job>], which: &[usize], error: &DataError) {
    for &index in which {
        jobs[index].fail(error.clone());
    }
}
