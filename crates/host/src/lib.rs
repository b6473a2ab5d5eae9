//! The embedded function host: one process that keeps deployed apps, runs their functions as child processes and answers for them.
//!
//! ```text
//! control API (axum, loopback, token) ─> store (files) ─> Release (compiled, swapped at once)
//! gateway (one listener an app) ─> Router ─> Pool (one a function revision) ─> Worker (child process)
//! scheduler (cron, time zones) ──────────────────┤
//! deliver (one task a subscription) ─────────────┘      │
//!     └─ sf_data (tables, buckets, inboxes, secrets) ── data API (a token a function)
//! ```
//!
//! A release owns its pools, a pool owns its workers, and a request in flight holds what it uses: dropping the last owner of a
//! worker kills its process group. That is all there is to draining.

mod apps;
mod clock;
mod control;
mod daemon;
mod data_api;
mod deliver;
mod events;
mod gateway;
mod logs;
mod openapi;
mod ports;
mod records;
mod release;
mod rollout;
mod s3;
mod schedule;
mod sockets;
mod store;
mod tokens;
mod worker;

use std::ffi::OsString;
use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use daemon::{
    EndSignals, forbid_core_dumps, forbid_memory_reads, in_background, is_alive, leave_session,
};
pub use openapi::openapi;
pub use worker::launcher::worker_exec;

/// How a host is started.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Where its data is; made if missing. One host at a time owns it.
    pub data_dir: PathBuf,
    /// Where the control API listens; port 0 for any.
    pub control: SocketAddr,
    /// Where buckets answer to S3 clients; port 0 for any, and for the same one again after a restart.
    pub s3: SocketAddr,
    /// The first port for apps' gateways; 0 for any.
    pub first_gateway_port: u16,
    /// Put before each worker's command: `["sf", "__worker"]`. Empty: workers are started directly.
    pub worker_launcher: Vec<OsString>,
    /// How long a worker may be idle.
    pub idle_timeout: Duration,
}

impl HostConfig {
    /// The defaults, for a folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            control: SocketAddr::from(([127, 0, 0, 1], 7070)),
            s3: SocketAddr::from(([127, 0, 0, 1], 0)),
            first_gateway_port: 7071,
            worker_launcher: Vec::new(),
            idle_timeout: Duration::from_secs(300),
        }
    }
}

/// Why a host could not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Somebody else listens there.
    #[error("start the host: port {port} is taken")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// Another host owns the folder.
    #[error("start the host: another host uses `{}`", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("start the host: {operation} `{path}`: {cause}")]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On what.
        path: String,
        /// The system's words.
        cause: std::io::Error,
    },
    /// What functions keep cannot be opened.
    #[error("start the host: open `{}`: {cause}", folder.display())]
    Data {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        cause: String,
    },
    /// Stored data that cannot be read.
    #[error("start the host: read `{}`: {cause}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl HostError {
    pub(crate) fn io(operation: &'static str, path: &Path, cause: std::io::Error) -> Self {
        Self::Io { operation, path: path.display().to_string(), cause }
    }

    pub(crate) fn not_listening(address: SocketAddr, cause: std::io::Error) -> Self {
        match cause.kind() {
            std::io::ErrorKind::AddrInUse => Self::PortTaken { port: address.port() },
            _ => Self::Io { operation: "listen at", path: address.to_string(), cause },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PortTaken { .. } => Some("choose another with `--port`, or 0 for any".into()),
            Self::InUse(_) => Some("`sf host status` shows it, `sf host stop` stops it".into()),
            Self::Io { .. } | Self::Data { .. } => None,
            Self::Corrupt { path, .. } => Some(format!("move `{}` away and deploy again", path.display())),
        }
    }
}

/// How long calls of the control API may go on when all else has ended: a function called by hand may take its time.
const LAST_CALLS: Duration = Duration::from_secs(10);

/// A host that listens.
pub struct Host {
    shared: Arc<apps::Shared>,
    listener: tokio::net::TcpListener,
    buckets: tokio::net::TcpListener,
}

impl Host {
    /// Takes the folder, restores what was deployed, and listens.
    ///
    /// # Errors
    /// The folder or a port is not to be had.
    pub async fn start(config: HostConfig) -> Result<Self, HostError> {
        daemon::raise_open_files();
        let store = store::Store::open(&config.data_dir)?;
        let listener =
            ports::listen(config.control).map_err(|cause| HostError::not_listening(config.control, cause))?;
        let address = listener
            .local_addr()
            .map_err(|cause| HostError::io("read the address of", &config.data_dir, cause))?;
        let (s3, buckets) = s3::S3::open(&store, config.s3)?;
        let shared = apps::Shared::restore(config, store, address, s3).await?;
        shared.store.announce(&shared.url())?;
        Ok(Self { shared, listener, buckets })
    }

    /// The control API's URL.
    pub fn url(&self) -> String {
        self.shared.url()
    }

    /// The control API's token.
    pub fn token(&self) -> String {
        self.shared.store.token().to_owned()
    }

    /// Serves until told to stop, by the future or by `POST /v1/shutdown`; what is in flight is finished.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let Self { shared, listener, buckets } = self;
        let scheduler = tokio::spawn(schedule::run(shared.clone()));
        let stopping = shared.clone();
        tokio::spawn(async move {
            shutdown.await;
            stopping.shutdown.cancel();
        });
        let buckets = s3::Serving::start(&shared, buckets);
        shared.start_deliveries();
        let (draining, firing) = (shared.clone(), scheduler.abort_handle());
        // Functions that end what they have may still need their data: the listener closes after them.
        let drained = async move {
            draining.shutdown.cancelled().await;
            firing.abort();
            draining.drain().await;
            draining.drained.cancel();
        };
        let overdue = async {
            shared.drained.cancelled().await;
            tokio::time::sleep(LAST_CALLS).await;
        };
        let serving = axum::serve(listener, control::router(shared.clone())).with_graceful_shutdown(drained);
        let served = tokio::select! {
            served = serving.into_future() => served,
            () = overdue => {
                tracing::warn!("calls of the control API did not end and are broken off");
                Ok(())
            }
        };
        scheduler.abort();
        buckets.close().await;
        shared.store.withdraw();
        served
    }
}
