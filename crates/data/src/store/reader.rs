//! The threads that read. In WAL mode a read that begins after a commit sees it, and waits for nobody who writes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use crate::DataError;

/// Few: most reads come from memory.
const THREADS: usize = 3;

/// Reads that may wait; more of them wait for room.
const WAITING: usize = 1024;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The threads' handle. Dropping it waits for reads that run.
pub(crate) struct Readers {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(database: &Path) -> Result<Self, DataError> {
        let (jobs, waiting) = mpsc::channel::<Job>(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            let connection = connect(database)?;
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new()
                .name("sf-data-read".into())
                .spawn(move || {
                    while let Some(job) = next(&waiting) {
                        job(&connection);
                    }
                })
                .map_err(|cause| DataError::storage(format!("start a thread: {cause}")))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Some(jobs), threads })
    }

    /// Runs a read: everything in it sees the database at one moment.
    pub(crate) async fn run<T, F>(&self, read: F) -> Result<T, DataError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DataError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = reply.send(at_one_moment(connection, read));
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// One thread waits for the next job, the others for their turn to wait.
fn next(waiting: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

/// A connection that only reads.
pub(super) fn connect(database: &Path) -> Result<Connection, DataError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    super::configure(&connection)?;
    Ok(connection)
}

fn at_one_moment<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, DataError>,
) -> Result<T, DataError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = read(connection);
    connection.prepare_cached("ROLLBACK")?.execute([])?;
    result
}

fn stopped() -> DataError {
    DataError::storage("the threads that read have stopped; this is a bug of sf")
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
