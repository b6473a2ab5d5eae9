//! Deployed apps: their records, the release each answers with, and what changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde_json::Value;
use sf_host_api::{
    ApiError, ApiSpec, AppStatus, FunctionSpec, FunctionStatus, ReleaseSpec, Resource, ResourcePut,
    RouteSpec, ScheduleSpec,
};
use sha2::Digest as _;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::logs::Logs;
use crate::release::{self, Release};
use crate::store::{AppRecord, Store, Stored};
use crate::worker::{FunctionContext, Sandbox};
use crate::{HostConfig, HostError};

/// The name of what is released.
const RELEASE: &str = "release/current";

/// Everything of a host.
pub(crate) struct Shared {
    pub(crate) config: HostConfig,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) logs: Logs,
    pub(crate) shutdown: CancellationToken,
    /// Told when schedules or the clock changed.
    pub(crate) schedules_changed: Notify,
    pub(crate) started_ms: u64,
    pub(crate) requests: crate::control::requests::RequestLog,
    address: SocketAddr,
    sockets: tempfile::TempDir,
    apps: Mutex<BTreeMap<(String, String), Arc<App>>>,
    /// Changes happen one at a time; reading and serving go on meanwhile.
    changing: AsyncMutex<()>,
}

/// One deployed app.
pub(crate) struct App {
    record: Mutex<AppRecord>,
    release: RwLock<Option<Arc<Release>>>,
    gateway: AsyncMutex<Option<Gateway>>,
    gateway_error: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    fn new(record: AppRecord) -> Self {
        let (release, gateway, gateway_error) = Default::default();
        Self { record: Mutex::new(record), release, gateway, gateway_error }
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

    pub(crate) fn status(&self) -> AppStatus {
        let record = self.record();
        let release = self.release();
        let functions =
            release.iter().flat_map(|release| &release.pools).map(|(name, pool)| FunctionStatus {
                name: name.clone(),
                artifact: pool.spec.artifact.clone(),
                workers: u32::try_from(pool.worker_count()).unwrap_or(u32::MAX),
                last_error: pool.last_error(),
            });
        AppStatus {
            project: record.project,
            stage: record.stage,
            url: record.port.map(url_of),
            gateway_error: lock(&self.gateway_error).clone(),
            functions: functions.collect(),
            release: release.as_ref().map(|release| release.revision.clone()),
            routes: release.as_ref().map(|release| release.routes.clone()).unwrap_or_default(),
            schedules: release.map(|release| release.schedules.clone()).unwrap_or_default(),
        }
    }
}

fn url_of(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

pub(crate) fn fault(code: &str, message: impl Into<String>) -> ApiError {
    ApiError { code: code.into(), message: message.into(), hint: None, names: BTreeSet::new() }
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
        let shared = Arc::new(Self {
            config,
            clock: Clock::default(),
            sandbox: Arc::new(sandbox),
            logs: Logs::start(),
            shutdown: CancellationToken::new(),
            schedules_changed: Notify::new(),
            started_ms: crate::clock::now_ms(),
            requests,
            address,
            sockets,
            apps: Mutex::default(),
            changing: AsyncMutex::default(),
            store,
        });
        for record in records {
            let app = Arc::new(App::new(record.clone()));
            lock(&shared.apps).insert((record.project.clone(), record.stage.clone()), app.clone());
            if let Err(error) = shared.reopen(&app, &record).await {
                tracing::warn!(project = record.project, stage = record.stage, %error, "restore");
                *lock(&app.gateway_error) = Some(error.to_string());
            }
        }
        Ok(shared)
    }

    async fn reopen(&self, app: &Arc<App>, record: &AppRecord) -> Result<(), ApiError> {
        if let Some(stored) = record.resources.get(RELEASE) {
            let release = self.compile(app, record, &stored.newest.revision, stored.newest.spec.clone())?;
            app.set_release(Some(Arc::new(release)));
        }
        if let Some(port) = record.port {
            self.listen(app, port).await?;
        }
        Ok(())
    }

    /// Listens where a gateway could not before: whoever had its port may be gone.
    pub(crate) async fn reopen_gateways(&self) {
        for app in self.apps() {
            let _changing = self.changing.lock().await;
            let closed = app.gateway.lock().await.is_none();
            if let Some(port) = app.record().port.filter(|_| closed) {
                match self.listen(&app, port).await {
                    Ok(port) => tracing::info!(port, "the gateway listens again"),
                    Err(error) => *lock(&app.gateway_error) = Some(error.to_string()),
                }
            }
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

    pub(crate) async fn close_gateways(&self) {
        for app in self.apps() {
            if let Some(gateway) = app.gateway.lock().await.take() {
                gateway.close().await;
            }
            drop(app.set_release(None));
        }
    }

    /// Stores a resource; a release takes effect.
    pub(crate) async fn put(
        self: &Arc<Self>,
        project: &str,
        stage: &str,
        kind: &str,
        name: &str,
        put: ResourcePut,
    ) -> Result<Resource, ApiError> {
        let _changing = self.changing.lock().await;
        self.check_spec(kind, &put.spec)?;
        let key = (project.to_owned(), stage.to_owned());
        let existing = self.app(project, stage);
        let app = existing.clone().unwrap_or_else(|| {
            let (project, stage) = key.clone();
            Arc::new(App::new(AppRecord { version: 1, project, stage, ..AppRecord::default() }))
        });
        let mut record = app.record();
        let revision = revision_of(&put.spec);
        let mut outputs = BTreeMap::from([("revision".to_owned(), Value::from(revision.clone()))]);
        if kind == "api" {
            let port = self.gateway_port(&app, &record, &put.spec).await?;
            record.port = Some(port);
            outputs.insert("port".into(), port.into());
            outputs.insert("url".into(), url_of(port).into());
        }
        let address = format!("{kind}/{name}");
        let resource = Resource {
            kind: kind.into(),
            name: name.into(),
            revision: revision.clone(),
            spec: put.spec.clone(),
            annotations: put.annotations,
            outputs,
        };
        let release = match address.as_str() {
            RELEASE => {
                let release = self.compile(&app, &record, &revision, put.spec.clone())?;
                warm_up(&app, &release).await?;
                Some(release)
            }
            _ => None,
        };
        let stored = record
            .resources
            .entry(address)
            .or_insert_with(|| Stored { newest: resource.clone(), revisions: BTreeMap::new() });
        stored.newest = resource.clone();
        stored.revisions.insert(revision, put.spec);
        let active = release.as_ref().map(|release| release.spec.clone());
        forget_unused(
            &mut record,
            active.or_else(|| app.release().map(|release| release.spec.clone())).as_ref(),
        );
        self.store.save_app(&record).map_err(|error| io_fault("store the resource", &error))?;
        *lock(&app.record) = record;
        if existing.is_none() {
            lock(&self.apps).insert(key, app.clone());
        }
        if let Some(release) = release {
            drop(app.set_release(Some(Arc::new(release))));
            self.schedules_changed.notify_waiters();
            self.collect();
        }
        Ok(resource)
    }

    /// Deletes a resource; `false` if it was not there. The app ends with its last one.
    pub(crate) async fn delete(&self, project: &str, stage: &str, address: &str) -> Result<bool, ApiError> {
        let _changing = self.changing.lock().await;
        let Some(app) = self.app(project, stage) else { return Ok(false) };
        let mut record = app.record();
        if !record.resources.contains_key(address) {
            return Ok(false);
        }
        if app.release().is_some_and(|release| release.spec.resources.contains_key(address)) {
            return Err(fault("in-use", format!("delete `{address}`: the active release has it")));
        }
        record.resources.remove(address);
        if record.resources.is_empty() {
            self.store.remove_app(project, stage).map_err(|error| io_fault("remove the app", &error))?;
            lock(&self.apps).remove(&(project.to_owned(), stage.to_owned()));
        } else {
            self.store.save_app(&record).map_err(|error| io_fault("store the app", &error))?;
        }
        let is_release = address == RELEASE;
        let is_api = address.starts_with("api/") || record.resources.is_empty();
        if is_api {
            record.port = None;
        }
        *lock(&app.record) = record;
        if is_release {
            drop(app.set_release(None));
            self.schedules_changed.notify_waiters();
        }
        if is_api && let Some(gateway) = app.gateway.lock().await.take() {
            tokio::spawn(gateway.close());
        }
        self.collect();
        Ok(true)
    }

    fn check_spec(&self, kind: &str, spec: &Value) -> Result<(), ApiError> {
        fn parse<T: serde::de::DeserializeOwned>(spec: &Value) -> Result<T, ApiError> {
            serde_json::from_value(spec.clone())
                .map_err(|error| fault("bad-spec", format!("bad spec: {error}")))
        }
        match kind {
            "function" => {
                let spec: FunctionSpec = parse(spec)?;
                if !is_digest(&spec.artifact) {
                    return Err(fault("bad-spec", "bad spec: `artifact` is no digest"));
                }
                if !self.store.artifact(&spec.artifact).is_file() {
                    let mut error = fault("artifact-missing", "the function's artifact was not uploaded");
                    error.names.insert(spec.artifact);
                    return Err(error);
                }
                crate::worker::check_runtime(&spec)
                    .map_err(|error| fault("runtime-missing", error.to_string()))?;
            }
            "route" => drop(parse::<RouteSpec>(spec)?),
            "schedule" => crate::schedule::check(&parse::<ScheduleSpec>(spec)?)
                .map_err(|text| fault("bad-spec", text))?,
            "api" => drop(parse::<ApiSpec>(spec)?),
            "release" => drop(parse::<ReleaseSpec>(spec)?),
            other => return Err(fault("unknown-kind", format!("there is no kind `{other}`"))),
        }
        Ok(())
    }

    fn compile(
        &self,
        app: &App,
        record: &AppRecord,
        revision: &str,
        spec: Value,
    ) -> Result<Release, ApiError> {
        let spec: ReleaseSpec =
            serde_json::from_value(spec).map_err(|error| fault("bad-spec", error.to_string()))?;
        let folder = self.store.logs(&record.project, &record.stage);
        let context = |function: &str| FunctionContext {
            project: record.project.clone(),
            stage: record.stage.clone(),
            function: function.to_owned(),
            launcher: self.config.worker_launcher.clone().into(),
            sandbox: self.sandbox.clone(),
            sockets: self.sockets.path().to_owned(),
            sink: self.logs.sink(&folder, function),
        };
        release::compile(record, revision, spec, app.release().as_deref(), context, |digest| {
            self.store.unpacked(digest)
        })
    }

    /// The app's port: the one asked for, or the one it has, or the first free one that no other app has.
    async fn gateway_port(&self, app: &Arc<App>, record: &AppRecord, spec: &Value) -> Result<u16, ApiError> {
        let asked = spec.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let open = app.gateway.lock().await.as_ref().map(|gateway| gateway.port);
        if let Some(port) = asked.or(record.port) {
            if open != Some(port) {
                self.listen(app, port).await?;
            }
            return Ok(port);
        }
        let first = self.config.first_gateway_port;
        if first == 0 {
            return self.listen(app, 0).await;
        }
        let taken: BTreeSet<u16> = self.apps().iter().filter_map(|app| app.record().port).collect();
        for port in (first..=u16::MAX).filter(|port| !taken.contains(port)).take(1000) {
            if self.listen(app, port).await.is_ok() {
                return Ok(port);
            }
        }
        Err(fault("port-taken", format!("no port from {first} on is free")))
    }

    async fn listen(&self, app: &Arc<App>, port: u16) -> Result<u16, ApiError> {
        let address = SocketAddr::new(self.address.ip(), port);
        let opened = Gateway::open(address, app.clone()).await.map_err(|error| {
            let mut fault = fault("port-taken", format!("listen at port {port}: {error}"));
            fault.hint = Some("choose another with `port` in `[providers.self-hosted]`".into());
            fault
        })?;
        let port = opened.port;
        *lock(&app.gateway_error) = None;
        if let Some(previous) = app.gateway.lock().await.replace(opened) {
            tokio::spawn(previous.close());
        }
        Ok(port)
    }

    /// Forgets artifacts that no app refers to. Files in use stay: the system keeps them until they are closed, and a running
    /// function has loaded its code.
    fn collect(&self) {
        let mut used = BTreeSet::new();
        for app in self.apps() {
            for stored in app.record().resources.values().filter(|stored| stored.newest.kind == "function") {
                let specs = stored.revisions.values();
                used.extend(specs.filter_map(|spec| Some(spec.get("artifact")?.as_str()?.to_owned())));
            }
            used.extend(
                app.release()
                    .iter()
                    .flat_map(|release| release.pools.values())
                    .map(|pool| pool.spec.artifact.clone()),
            );
        }
        if let Err(error) = self.store.collect(&used) {
            tracing::warn!(%error, "forget unused artifacts");
        }
    }

    /// Where uploads that are under way go.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.store.artifacts()
    }

    /// Stops workers that nobody used for a while.
    pub(crate) fn stop_idle(&self) {
        for release in self.apps().iter().filter_map(|app| app.release()) {
            for pool in release.pools.values() {
                pool.stop_idle(self.config.idle_timeout);
            }
        }
    }
}

/// Starts workers of changed functions before the switch, so that no request waits for one: as many as are to be kept ready, and
/// one where the previous revision had any.
async fn warm_up(app: &App, release: &Release) -> Result<(), ApiError> {
    let previous = app.release();
    for (name, pool) in &release.pools {
        let before = previous.as_ref().and_then(|previous| previous.pools.get(name));
        let had_any = before.is_some_and(|before| !Arc::ptr_eq(before, pool) && before.worker_count() > 0);
        pool.warm_up(u32::from(had_any)).await.map_err(|error| {
            let mut fault = fault(error.code(), format!("start function `{name}`: {error}"));
            fault.hint =
                Some(format!("`sf logs {name}` shows what it printed; the previous release goes on"));
            fault
        })?;
    }
    Ok(())
}

/// Keeps the newest revision of each resource and those that the release names.
fn forget_unused(record: &mut AppRecord, active: Option<&ReleaseSpec>) {
    for (address, stored) in &mut record.resources {
        let released = active.and_then(|spec| spec.resources.get(address));
        let newest = stored.newest.revision.clone();
        stored.revisions.retain(|revision, _| *revision == newest || Some(revision) == released);
    }
}

/// Equal specs have equal revisions: maps are sorted, so the text is canonical.
fn revision_of(spec: &Value) -> String {
    let digest = sha2::Sha256::digest(spec.to_string().as_bytes());
    let mut text = Vec::new();
    for byte in digest.iter().take(12) {
        let _ = write!(text, "{byte:02x}");
    }
    String::from_utf8(text).unwrap_or_default()
}

pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
