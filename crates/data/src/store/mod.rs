//! The folder, its database, and who writes to it.
//!
//! | path | what |
//! | --- | --- |
//! | `lock` | held by the process that has the folder open |
//! | `data.db`, `-wal`, `-shm` | the SQLite database: everything but objects' bytes |
//! | `objects/ab/…` | the bytes of an object or of a part, a file each |
//! | `secrets.key` | what secrets are encrypted with; readable by the owner only |

mod files;
mod reader;
pub(crate) mod resource;
mod schema;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

pub(crate) use files::{Files, NewFile, sync_folder};
pub(crate) use writer::Tx;

use crate::secret::Sealer;
use crate::{AppId, Clock, DataError, bucket, inbox, table};

/// The data of all apps. Cheap to clone. Dropping the last one waits for what is being written.
#[derive(Clone)]
pub struct Data {
    inner: Arc<Inner>,
}

/// Dropped in this order: the folder is free when all threads have ended.
struct Inner {
    _collector: files::Collector,
    writer: writer::Writer,
    readers: reader::Readers,
    files: Arc<Files>,
    sealer: Arc<Sealer>,
    clock: Clock,
    _lock: File,
}

impl Data {
    /// Opens the folder; makes it if it is missing. Messages that were being handled are ready again, or dead letters if they had all their deliveries: nobody
    /// handles them any more. A folder that is open already is refused.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, DataError> {
        let failed = |cause: io::Error| DataError::io("open folder", folder, &cause);
        fs::create_dir_all(folder).and_then(|()| restrict(folder)).map_err(failed)?;
        let lock = lock(folder)?;
        let sealer = Arc::new(Sealer::open(&folder.join("secrets.key"))?);
        let files = Arc::new(Files::open(folder.join("objects")).map_err(failed)?);
        let path = folder.join("data.db");
        let connection = connect(&path, &clock)
            .map_err(|error| error.during(&format!("open database {}", path.display())))?;
        sync_folder(folder).map_err(failed)?;
        let collector = files::Collector::start(Arc::clone(&files), reader::connect(&path)?)?;
        let writer = writer::Writer::start(connection, Arc::clone(&files), Arc::clone(&clock))?;
        let readers = reader::Readers::start(&path)?;
        let inner = Inner { _collector: collector, writer, readers, files, sealer, clock, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Forgets everything of an app: data, messages, secrets.
    pub async fn drop_app(&self, app: &AppId) -> Result<(), DataError> {
        let app = app.clone();
        self.write("drop app", move |tx| resource::remove_app(tx, &app)).await
    }

    /// Removes expired items (each is a `remove` for the table's subscribers) and uploads that were given up, which is what one is a week after it began; gives how
    /// many. The host calls it now and then; reads leave out expired items anyway.
    pub async fn expire(&self) -> Result<u64, DataError> {
        let mut removed = 0;
        // In portions, so that others write meanwhile.
        loop {
            let items = self.write("remove expired items", table::expire).await?;
            let uploads = self.write("remove uploads that were given up", bucket::expire).await?;
            removed += items + uploads;
            if items + uploads == 0 {
                return Ok(removed);
            }
        }
    }

    /// Changes the database. `what` names the operation in errors.
    pub(crate) async fn write<T, F>(&self, what: &str, operation: F) -> Result<T, DataError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, DataError> + Send + 'static,
    {
        self.inner.writer.run(operation).await.map_err(|error| error.during(what))
    }

    /// Reads the database. `what` names the operation in errors.
    pub(crate) async fn read<T, F>(&self, what: &str, read: F) -> Result<T, DataError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DataError> + Send + 'static,
    {
        self.inner.readers.run(read).await.map_err(|error| error.during(what))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        i64::try_from((self.inner.clock)()).unwrap_or(i64::MAX)
    }

    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.inner.files
    }

    pub(crate) fn sealer(&self) -> &Arc<Sealer> {
        &self.inner.sealer
    }

    pub(crate) fn arrivals_of_writer(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.writer.arrivals()
    }
}

/// The id of a message or an upload: 128 bits that differ from all others. It opens nothing, so it need not be unguessable.
pub(crate) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Two processes with one folder would hand out the same messages.
fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(|cause| DataError::io("open", &path, &cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => {
            Err(DataError::storage(format!("open folder {}: it is open already", folder.display())))
        }
        Err(fs::TryLockError::Error(cause)) => Err(DataError::io("lock", &path, &cause)),
    }
}

/// The connection that writes, to a database of today's schema where nobody handles a message.
fn connect(path: &Path, clock: &Clock) -> Result<Connection, DataError> {
    let mut connection = Connection::open(path)?;
    configure(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Each commit is synced; on macOS down to the medium, which needs to be asked for.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What a burst left of the log is given back at the next checkpoint.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    schema::migrate(&mut connection)?;
    inbox::recover(&connection, i64::try_from(clock()).unwrap_or(i64::MAX))?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), DataError> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    Ok(())
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
