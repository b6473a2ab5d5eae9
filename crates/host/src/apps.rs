//! Deployed apps: their records, and the release each answers with.

mod changes;
mod gateways;
mod resources;
mod rollout;
mod specs;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sf_data::{AppId, Data, DataError, ErrorKind};
use sf_host_api::{ApiError, AppStatus, FunctionStatus, ReleaseSpec, RolloutState};
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::deliver::Deliveries;
use crate::gateway::Gateway;
use crate::logs::Logs;
use crate::records::AppRecord;
use crate::release::Release;
use crate::rollout::Rollout;
use crate::s3::S3;
use crate::sockets::Sockets;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::worker::{Pool, Sandbox};
use crate::{HostConfig, HostError};

pub(crate) use rollout::nothing_released;
pub(crate) use specs::{check_plain_name, check_secret_name};

/// The name of the one release.
const CURRENT: &str = "current";
/// The address of what is released.
const RELEASE: &str = "release/current";

/// Everything of a host.
pub(crate) struct Shared {
    pub(crate) config: HostConfig,
    /// What functions keep. Dropped before the store, which holds the folder's lock.
    pub(crate) data: Data,
    pub(crate) store: Store,
    pub(crate) clock: Arc<Clock>,
    pub(crate) sandbox: Arc<Sandbox>,
    /// Who may reach it.
    pub(crate) tokens: Arc<Tokens>,
    /// What carries events to functions.
    pub(crate) deliveries: Deliveries,
    /// Where buckets answer to S3 clients; makes links to objects.
    pub(crate) s3: S3,
    /// Calls of functions by functions.
    pub(crate) calls: crate::data_api::calls::Calls,
    pub(crate) logs: Logs,
    pub(crate) shutdown: CancellationToken,
    /// Stopping: what was in flight has ended.
    pub(crate) drained: CancellationToken,
    /// Told when schedules or the clock changed.
    pub(crate) schedules_changed: Notify,
    pub(crate) started_ms: u64,
    pub(crate) requests: crate::control::requests::RequestLog,
    address: SocketAddr,
    sockets: tempfile::TempDir,
    /// Open WebSocket connections.
    pub(crate) connections: Arc<Sockets>,
    apps: Mutex<BTreeMap<(String, String), Arc<App>>>,
    /// Changes happen one at a time; reading and serving go on meanwhile.
    changing: AsyncMutex<()>,
}

/// One deployed app.
pub(crate) struct App {
    pub(crate) id: AppId,
    record: Mutex<AppRecord>,
    release: RwLock<Option<Arc<Release>>>,
    rollout: Mutex<Option<Arc<Rollout>>>,
    gateway: AsyncMutex<Option<Gateway>>,
    gateway_error: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    fn new(record: AppRecord) -> Self {
        let (release, rollout, gateway, gateway_error) = Default::default();
        Self { id: record.id(), record: Mutex::new(record), release, rollout, gateway, gateway_error }
    }

    /// What answers now.
    pub(crate) fn release(&self) -> Option<Arc<Release>> {
        self.release.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_release(&self, release: Option<Arc<Release>>) -> Option<Arc<Release>> {
        std::mem::replace(&mut *self.release.write().unwrap_or_else(PoisonError::into_inner), release)
    }

    pub(crate) fn record(&self) -> AppRecord {
        lock(&self.record).clone()
    }

    /// The names of its resources of a kind.
    pub(crate) fn names(&self, kind: &str) -> Vec<String> {
        let name = |address: &String| Some(address.strip_prefix(kind)?.strip_prefix('/')?.to_owned());
        lock(&self.record).resources.keys().filter_map(name).collect()
    }

    pub(crate) fn status(&self) -> AppStatus {
        let record = self.record();
        let release = self.release();
        let functions =
            release.iter().flat_map(|release| &release.pools).map(|(name, pool)| FunctionStatus {
                name: name.clone(),
                artifact: pool.spec.artifact.clone(),
                workers: u32::try_from(pool.worker_count() + newer_workers(pool)).unwrap_or(u32::MAX),
                last_error: pool.last_error(),
            });
        AppStatus {
            project: record.project,
            stage: record.stage,
            url: record.port.map(url_of),
            gateway_error: lock(&self.gateway_error).clone(),
            functions: functions.collect(),
            rollout: self.rollout_status().filter(|status| status.state != RolloutState::Done),
            release: release.as_ref().map(|release| release.revision.clone()),
            routes: release.as_ref().map(|release| release.routes.clone()).unwrap_or_default(),
            schedules: release.map(|release| release.schedules.clone()).unwrap_or_default(),
        }
    }
}

fn newer_workers(pool: &Pool) -> usize {
    pool.successor().map_or(0, |successor| successor.pool.worker_count())
}

fn url_of(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

pub(crate) fn fault(code: &str, message: impl Into<String>) -> ApiError {
    ApiError { code: code.into(), message: message.into(), hint: None, names: BTreeSet::new() }
}

/// What the data crate says, in the words of the control API.
pub(crate) fn data_fault(error: DataError) -> ApiError {
    let code = match error.kind {
        ErrorKind::NotFound => "not-found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::BadRequest => "bad-request",
        ErrorKind::TooLarge => "too-large",
        ErrorKind::StorageFull => "storage-full",
        ErrorKind::Storage => "storage",
    };
    fault(code, error.message)
}

fn open_data(store: &Store, clock: &Arc<Clock>) -> Result<Data, HostError> {
    let folder = store.root().join("data");
    let clock = clock.clone();
    Data::open(&folder, Arc::new(move || clock.now_ms()))
        .map_err(|error| HostError::Data { folder, cause: error.to_string() })
}

fn io_fault(operation: &str, error: &std::io::Error) -> ApiError {
    fault("storage", format!("{operation}: {error}"))
}

impl Shared {
    /// Reads what is stored and serves it again.
    pub(crate) async fn restore(
        config: HostConfig,
        store: Store,
        address: SocketAddr,
        s3: S3,
    ) -> Result<Arc<Self>, HostError> {
        let sockets = tempfile::Builder::new()
            .prefix("sf-")
            .tempdir()
            .map_err(|cause| HostError::io("make folder in", &std::env::temp_dir(), cause))?;
        let sandbox = Sandbox::start(&config.worker_launcher)
            .await
            .map_err(|cause| HostError::io("make folder in", &std::env::temp_dir(), cause))?;
        let records = store.load_apps()?;
        let requests = crate::control::requests::RequestLog::open(&store.root().join("requests.log"))
            .map_err(|cause| HostError::io("open", store.root(), cause))?;
        let clock = Arc::new(Clock::default());
        let data = open_data(&store, &clock)?;
        let shared = Arc::new(Self {
            config,
            sandbox: Arc::new(sandbox),
            tokens: Arc::default(),
            deliveries: Deliveries::new(data.clone(), clock.clone()),
            s3,
            calls: Default::default(),
            data,
            clock,
            logs: Logs::start(),
            shutdown: CancellationToken::new(),
            drained: CancellationToken::new(),
            schedules_changed: Notify::new(),
            started_ms: crate::clock::now_ms(),
            requests,
            address,
            sockets,
            connections: Arc::default(),
            apps: Mutex::default(),
            changing: AsyncMutex::default(),
            store,
        });
        for record in records {
            let app = Arc::new(App::new(record));
            let id = &app.id;
            lock(&shared.apps).insert((id.project.clone(), id.stage.clone()), app.clone());
            let opened = shared.reopen(&app).await.and_then(|()| shared.resume_rollout(&app));
            if let Err(error) = opened {
                tracing::warn!(project = id.project, stage = id.stage, %error, "restore");
                *lock(&app.gateway_error) = Some(error.to_string());
            }
        }
        Ok(shared)
    }

    async fn reopen(&self, app: &Arc<App>) -> Result<(), ApiError> {
        let mut record = app.record();
        self.end_deleted(app, &mut record).await?;
        self.define_all(&app.id, &record).await?;
        if let Some(stored) = record.resources.get(RELEASE) {
            let spec: ReleaseSpec = serde_json::from_value(stored.newest.spec.clone())
                .map_err(|error| fault("bad-spec", error.to_string()))?;
            let release = Arc::new(self.compile(app, &record, &stored.newest.revision, spec)?);
            self.subscribe(&app.id, Some(&release)).await?;
            app.set_release(Some(release));
        }
        self.refresh_outputs(&mut record);
        let port = record.port;
        *lock(&app.record) = record;
        if let Some(port) = port {
            self.listen(app, port).await?;
        }
        Ok(())
    }

    /// Begins to deliver what waits for the apps' active releases.
    pub(crate) fn start_deliveries(&self) {
        for app in self.apps() {
            self.deliveries.switch(&app.id, app.release().as_deref());
        }
    }

    /// Takes no more work and ends what is under way.
    pub(crate) async fn drain(&self) {
        tokio::join!(self.deliveries.close(), self.close_gateways());
        for app in self.apps() {
            app.set_rollout(None);
            drop(app.set_release(None));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn apps(&self) -> Vec<Arc<App>> {
        lock(&self.apps).values().cloned().collect()
    }

    pub(crate) fn app(&self, project: &str, stage: &str) -> Option<Arc<App>> {
        lock(&self.apps).get(&(project.to_owned(), stage.to_owned())).cloned()
    }

    /// Forgets artifacts that no app refers to, and nothing it may go back to. Files in use stay: the system keeps them until they are closed, and a running
    /// function has loaded its code.
    fn collect(&self) {
        let (mut used, mut kept) = (BTreeSet::new(), BTreeSet::new());
        for app in self.apps() {
            let record = app.record();
            kept.extend(record.earlier.into_iter().flatten());
            for stored in record.resources.values().filter(|stored| stored.newest.kind == "function") {
                let specs = stored.revisions.values();
                used.extend(specs.filter_map(|spec| Some(spec.get("artifact")?.as_str()?.to_owned())));
            }
            used.extend(app.release().iter().flat_map(|release| release.artifacts()));
            used.extend(app.rollout().iter().flat_map(|rollout| rollout.release.artifacts()));
        }
        if let Err(error) = self.store.collect(&used, &kept) {
            tracing::warn!(%error, "forget unused artifacts");
        }
    }

    /// Where uploads that are under way go.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.store.artifacts()
    }

    /// Stops workers that nobody used for a while.
    pub(crate) fn stop_idle(&self) {
        for app in self.apps() {
            let rolling = app.rollout().map(|rollout| rollout.release.clone());
            for pool in app.release().iter().chain(&rolling).flat_map(|release| release.pools.values()) {
                pool.stop_idle(self.config.idle_timeout);
            }
        }
    }
}

pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
