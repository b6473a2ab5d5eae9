//! A record of every call that changes something, for audits and tests: one JSON object a line, in one bounded file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A longer log begins anew; the last one is kept beside it.
const MAX_SIZE: u64 = 16 << 20;

/// The open log.
pub(crate) struct RequestLog {
    path: PathBuf,
    file: Mutex<(File, u64)>,
}

impl RequestLog {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file: Mutex::new((file, size)) })
    }

    /// Adds a line. That it fails must not fail the call.
    pub(crate) fn add(&self, method: &str, path: &str, status: u16) {
        let line = serde_json::json!({ "time_ms": crate::clock::now_ms(), "method": method, "path": path, "status": status });
        let line = format!("{line}\n");
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, size) = &mut *guard;
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "write the request log");
        }
        *size += line.len() as u64;
        if *size > MAX_SIZE {
            let _ = std::fs::rename(&self.path, self.path.with_extension("log.1"));
            if let Ok(fresh) = OpenOptions::new().create(true).append(true).open(&self.path) {
                (*file, *size) = (fresh, 0);
            }
        }
    }
}
