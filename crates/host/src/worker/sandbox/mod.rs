//! What keeps a worker from the host, from other workers, and from the rest of the machine.
//!
//! ```text
//! Sandbox (one a host): tries once what this system has ─> layers, for `sf host status`
//!    └─ place() ─> Place (one a worker): a temp folder, a control group, a plan ─> the launcher applies it, then becomes the worker
//!                    └─ Occupied: watched, and cleared when the worker is gone
//! ```
//!
//! Every layer may be missing: then it is left out and said so. One that was there when it was tried must be applied, or the worker does
//! not start.

#[cfg(target_os = "linux")]
mod apply;
#[cfg(target_os = "linux")]
mod census;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod groups;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;

#[cfg(target_os = "linux")]
mod door;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod reach;
mod scratch;
#[cfg(target_os = "linux")]
mod watch;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use sf_host_api::Layer;
use tempfile::TempDir;

use super::launcher;
use scratch::Scratch;

#[cfg(target_os = "linux")]
pub(super) use door::restrict;

/// The layers, in the order in which they are told.
const NAMES: [&str; 9] =
    ["environment", "privileges", "mounts", "files", "system-calls", "limits", "memory", "processes", "disk"];

const ENVIRONMENT: &str = "each function has its own variables, temp folder and process group";

/// No function gets less memory: the runtimes need about half of it for themselves.
pub(super) const LEAST_MEMORY: u64 = 128 << 20;

/// The restrictions of this host's workers.
pub(crate) struct Sandbox {
    scratch: Scratch,
    layers: Vec<Layer>,
    system: system::System,
}

/// What a worker must be given.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux looks at it"))]
pub(super) struct Need<'a> {
    /// Bytes that the function asks for.
    pub(super) memory: u64,
    /// What its program consists of, outside of the system's own folders.
    pub(super) trees: &'a [PathBuf],
    /// Its code.
    pub(super) folder: &'a Path,
    /// Where it may write besides its temp folder.
    pub(super) writable: Option<&'a Path>,
}

/// A place for a worker that is about to start.
pub(super) struct Place {
    home: TempDir,
    /// For the launcher.
    pub(super) plan: String,
    bounds: system::Bounds,
}

/// A place with its worker in it. What is left of the worker is cleared away with it.
pub(super) struct Occupied {
    /// Taken when it is removed.
    home: Option<TempDir>,
    group: Option<u32>,
    bounds: Option<system::Bounds>,
    verdict: OnceLock<String>,
    is_cleared: AtomicBool,
}

impl Sandbox {
    /// Tries what this system has.
    ///
    /// # Errors
    /// There is no folder for temporary files.
    pub(crate) async fn start(launcher: &[OsString]) -> io::Result<Self> {
        let scratch = Scratch::open(&std::env::temp_dir())?;
        let (system, layers) = system::System::detect(launcher, scratch.path()).await;
        Ok(Self { scratch, layers, system })
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(super) fn place(&self, need: &Need<'_>) -> io::Result<Place> {
        let home = self.scratch.folder()?;
        let (plan, bounds) = self.system.prepare(need, home.path())?;
        Ok(Place { home, plan, bounds })
    }

    pub(super) fn occupy(&self, place: Place, group: Option<u32>) -> Arc<Occupied> {
        let Place { home, bounds, .. } = place;
        let (verdict, is_cleared) = Default::default();
        let occupied =
            Arc::new(Occupied { home: Some(home), group, bounds: Some(bounds), verdict, is_cleared });
        self.system.watch(&occupied);
        occupied
    }
}

impl Place {
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Occupied {
    /// Kills the process group; [`Self::clear`] gets those that left it.
    pub(super) fn kill(&self) {
        // Once it is cleared the group's number may be another's.
        if !self.is_cleared.load(Ordering::Acquire) {
            launcher::kill_group(self.group);
        }
    }

    /// Kills what is left of the worker, which has ended. May take a moment.
    pub(super) fn clear(&self) {
        self.kill_all();
        self.is_cleared.store(true, Ordering::Release);
    }

    fn kill_all(&self) {
        self.kill();
        if let Some(bounds) = &self.bounds {
            bounds.kill();
        }
    }

    /// Why it was killed, when it was, if it was for what it used.
    pub(super) fn reason(&self) -> Option<String> {
        self.verdict.get().cloned().or_else(|| self.bounds.as_ref().and_then(system::Bounds::reason))
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let (home, bounds) = (self.home.take(), self.bounds.take());
        let clear = move || {
            drop(bounds);
            if let Some(home) = home {
                system::remove(home);
            }
        };
        // A function may have left much behind, and nothing waits for that to be removed.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(clear)),
            Err(_) => clear(),
        }
    }
}

/// A layer that is active, and how; or is not, and why.
fn layer(name: &str, tried: Result<String, String>) -> Layer {
    let active = tried.is_ok();
    Layer { name: name.into(), active, detail: tried.unwrap_or_else(|reason| reason) }
}

/// The layers of a host that has none but the environment.
fn only_environment(reason: &str) -> Vec<Layer> {
    let missing = |name: &&str| layer(name, Err(reason.to_owned()));
    let environment = layer(NAMES[0], Ok(ENVIRONMENT.into()));
    std::iter::once(environment).chain(NAMES.iter().skip(1).map(missing)).collect()
}
