//! The workers of one function revision: started on demand, shared by requests, stopped when idle.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use sf_host_api::FunctionSpec;
use tokio::sync::Mutex as AsyncMutex;

use super::framed::FramedWorker;
use super::process::Process;
use super::web::WebWorker;
use super::{Body, BoxError, CallError, Invocation, Sandbox, bytecode, runtime};
use crate::logs::Sink;
use crate::store::Unpacked;
use crate::tokens::FunctionToken;

/// A worker that is not ready by then is given up.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests a worker handles at once before another one is started.
const CROWDED: usize = 64;
/// Workers of one function at once.
const MAX_WORKERS: usize = 8;

/// What all workers of a function are given.
#[derive(Clone)]
pub(crate) struct FunctionContext {
    pub(crate) project: String,
    pub(crate) stage: String,
    pub(crate) function: String,
    /// `portable`, `lambda` or `web`.
    pub(crate) interface: String,
    /// For `lambda`: the version of API Gateway's payload.
    pub(crate) payload: Option<String>,
    /// The base of the data API's paths.
    pub(crate) data_url: String,
    /// What opens them, as long as this revision lives.
    pub(crate) token: Arc<FunctionToken>,
    pub(crate) launcher: Arc<[OsString]>,
    pub(crate) sandbox: Arc<Sandbox>,
    /// A folder for sockets, with a short path.
    pub(crate) sockets: PathBuf,
    pub(crate) sink: Sink,
}

impl FunctionContext {
    pub(super) fn variables(&self) -> BTreeMap<&'static str, String> {
        let mut variables = BTreeMap::from([
            ("SF_FUNCTION", self.function.clone()),
            ("SF_PROJECT", self.project.clone()),
            ("SF_STAGE", self.stage.clone()),
            ("SF_PROVIDER", "self-hosted".to_owned()),
            ("SF_INTERFACE", self.interface.clone()),
            ("SF_DATA_URL", self.data_url.clone()),
            ("SF_DATA_TOKEN", self.token.as_str().to_owned()),
        ]);
        if self.interface == "lambda" {
            variables.insert("SF_PAYLOAD", self.payload.clone().unwrap_or_else(|| "2.0".to_owned()));
        }
        variables
    }
}

enum Kind {
    Framed(FramedWorker),
    Web(WebWorker),
}

struct Worker {
    kind: Kind,
    busy: AtomicUsize,
    last_used_ms: AtomicU64,
}

impl Worker {
    fn process(&self) -> &Process {
        match &self.kind {
            Kind::Framed(worker) => &worker.process,
            Kind::Web(worker) => &worker.process,
        }
    }
}

/// The workers of one function revision.
pub(crate) struct Pool {
    pub(crate) revision: String,
    pub(crate) spec: FunctionSpec,
    context: FunctionContext,
    folder: Arc<Unpacked>,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// One start at a time; remembers how the last ones failed.
    starting: AsyncMutex<Failures>,
    last_error: Mutex<Option<String>>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<(Instant, CallError)>,
}

/// A worker in use by one call.
struct Lease(Arc<Worker>);

impl Lease {
    fn new(worker: Arc<Worker>) -> Self {
        worker.busy.fetch_add(1, Ordering::Relaxed);
        Self(worker)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.last_used_ms.store(crate::clock::now_ms(), Ordering::Relaxed);
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(
        revision: String,
        spec: FunctionSpec,
        context: FunctionContext,
        folder: Arc<Unpacked>,
    ) -> Self {
        let (workers, starting, last_error) = Default::default();
        Self { revision, spec, context, folder, workers, starting, last_error }
    }

    fn workers(&self) -> MutexGuard<'_, Vec<Arc<Worker>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers().iter().filter(|worker| !worker.process().has_ended()).count()
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn sink(&self) -> &Sink {
        &self.context.sink
    }

    /// Calls the function; the answer's body may still be streaming, and holds its worker until it ends.
    pub(crate) async fn call(
        self: &Arc<Self>,
        invocation: Invocation,
    ) -> Result<http::Response<Body>, CallError> {
        let limit = Duration::from_millis(self.spec.timeout_ms);
        let lease = self.acquire().await?;
        let deadline_ms = crate::clock::now_ms().saturating_add(self.spec.timeout_ms);
        let deadline = tokio::time::Instant::now() + limit;
        let id = invocation.id().to_owned();
        let call = async {
            match &lease.0.kind {
                Kind::Framed(worker) => worker.call(invocation, deadline_ms).await,
                Kind::Web(worker) => worker.call(invocation, deadline_ms).await,
            }
        };
        match tokio::time::timeout_at(deadline, call).await {
            Ok(Ok(response)) => {
                let hold = Hold { pool: self.clone(), lease: Some(lease), id };
                Ok(response.map(|body| hold.guard(body, deadline)))
            }
            Ok(Err(error)) => {
                self.log(&id, &error, &lease).await;
                Err(error)
            }
            Err(_) => {
                self.retire(lease, &id).await;
                Err(CallError::TimedOut(self.spec.timeout_ms))
            }
        }
    }

    /// Says in the function's log why a call failed: its caller is not told.
    async fn log(&self, id: &str, error: &CallError, lease: &Lease) {
        let sink = &self.context.sink;
        match error {
            CallError::Crashed => {
                let status = lease.0.process().ended().await;
                sink.line("system", format!("invocation {id}: the process ended ({status})")).await;
            }
            CallError::Threw { stack, .. } => {
                sink.line("system", format!("invocation {id}: threw {error}")).await;
                // Python's stack ends with the error, Node's begins with it: it was said.
                for line in stack.lines().filter(|line| *line != error.to_string()) {
                    sink.line("system", line.to_owned()).await;
                }
            }
            _ => {}
        }
    }

    /// Takes a worker out of service: it is killed as soon as no other call uses it, and those have their own time limits.
    async fn retire(&self, lease: Lease, id: &str) {
        self.workers().retain(|worker| !Arc::ptr_eq(worker, &lease.0));
        let message = format!(
            "invocation {id}: no answer within {}, its process is killed",
            super::seconds(self.spec.timeout_ms)
        );
        self.context.sink.line("system", message).await;
    }

    /// A free worker, or the least busy one, or a new one.
    async fn acquire(&self) -> Result<Lease, CallError> {
        if let Some(lease) = self.try_acquire(CROWDED) {
            return Ok(lease);
        }
        let mut failures = self.starting.lock().await;
        // Whoever waited for the lock may find what the one before started.
        if let Some(lease) = self.try_acquire(CROWDED) {
            return Ok(lease);
        }
        if self.workers().len() >= MAX_WORKERS
            && let Some(lease) = self.try_acquire(usize::MAX)
        {
            return Ok(lease);
        }
        if let Some((when, error)) = &failures.last {
            // A function that crashes at its start must not keep a processor busy with starting it.
            let hold_off = Duration::from_millis(100 << failures.count.min(6));
            if when.elapsed() < hold_off {
                return Err(error.clone());
            }
        }
        let started = self.start().await;
        let said = started.as_ref().err().map(ToString::to_string);
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&said);
        match started {
            Ok(worker) => {
                *failures = Failures::default();
                let worker = Arc::new(worker);
                self.workers().push(worker.clone());
                Ok(Lease::new(worker))
            }
            Err(error) => {
                failures.count += 1;
                failures.last = Some((Instant::now(), error.clone()));
                self.context.sink.line("system", format!("start failed: {error}")).await;
                Err(error)
            }
        }
    }

    fn try_acquire(&self, below: usize) -> Option<Lease> {
        let mut workers = self.workers();
        workers.retain(|worker| !worker.process().has_ended());
        let busy = |worker: &&Arc<Worker>| worker.busy.load(Ordering::Relaxed);
        let worker = workers.iter().min_by_key(busy).filter(|worker| busy(worker) < below)?;
        Some(Lease::new(worker.clone()))
    }

    async fn start(&self) -> Result<Worker, CallError> {
        let program = runtime::program(&self.spec, &self.folder)?;
        let (context, spec, folder) = (&self.context, &self.spec, &self.folder);
        let start = async {
            Ok(match program.framed {
                true => Kind::Framed(FramedWorker::start(context, spec, &program, folder).await?),
                false => Kind::Web(WebWorker::start(context, spec, &program, folder).await?),
            })
        };
        let too_slow = || {
            let seconds = START_TIMEOUT.as_secs();
            CallError::start(
                "start-timed-out",
                format!("the function's process was not ready within {seconds} s"),
            )
        };
        let kind = tokio::time::timeout(START_TIMEOUT, start).await.map_err(|_| too_slow())??;
        bytecode::compile(context, spec, &program, folder);
        let (busy, last_used_ms) = (AtomicUsize::new(0), AtomicU64::new(crate::clock::now_ms()));
        Ok(Worker { kind, busy, last_used_ms })
    }

    /// Makes sure that as many workers run as are to be kept ready, and at least `at_least`.
    pub(crate) async fn warm_up(&self, at_least: u32) -> Result<(), CallError> {
        let wanted = usize::try_from(self.spec.warm.max(at_least)).unwrap_or(MAX_WORKERS).min(MAX_WORKERS);
        let mut failures = self.starting.lock().await;
        while self.worker_count() < wanted {
            let worker = Arc::new(self.start().await.inspect_err(|error| {
                failures.count += 1;
                failures.last = Some((Instant::now(), error.clone()));
                *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            })?);
            self.workers().push(worker);
        }
        Ok(())
    }

    /// Stops workers that nobody used for a while.
    pub(crate) fn stop_idle(&self, idle: Duration) {
        let now = crate::clock::now_ms();
        let floor = usize::try_from(self.spec.warm).unwrap_or(MAX_WORKERS);
        let mut workers = self.workers();
        workers.retain(|worker| !worker.process().has_ended());
        let mut spare = workers.len().saturating_sub(floor);
        workers.retain(|worker| {
            let unused = now.saturating_sub(worker.last_used_ms.load(Ordering::Relaxed));
            let is_idle = worker.busy.load(Ordering::Relaxed) == 0 && u128::from(unused) >= idle.as_millis();
            let stop = is_idle && spare > 0;
            spare -= usize::from(stop);
            !stop
        });
    }
}

/// What an answer's body holds until it ends.
struct Hold {
    pool: Arc<Pool>,
    lease: Option<Lease>,
    id: String,
}

impl Hold {
    /// Cuts a body off at the deadline; a worker that is still at it then is retired.
    fn guard(self, body: Body, deadline: tokio::time::Instant) -> Body {
        use http_body::Body as _;
        let is_framed = self.lease.as_ref().is_some_and(|lease| matches!(lease.0.kind, Kind::Framed(_)));
        if body.is_end_stream() || is_framed && body.size_hint().exact().is_some() {
            // All of it is here already.
            return body;
        }
        let timer = Box::pin(tokio::time::sleep_until(deadline));
        GuardedBody { body, timer, hold: self }.boxed()
    }
}

struct GuardedBody {
    body: Body,
    timer: std::pin::Pin<Box<tokio::time::Sleep>>,
    hold: Hold,
}

impl http_body::Body for GuardedBody {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
        use std::task::Poll;
        match std::pin::Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.timer.as_mut().poll(cx).is_ready() => {
                if let Some(lease) = self.hold.lease.take() {
                    let (pool, id) = (self.hold.pool.clone(), self.hold.id.clone());
                    tokio::spawn(async move { pool.retire(lease, &id).await });
                }
                let limit = self.hold.pool.spec.timeout_ms;
                Poll::Ready(Some(Err(Box::new(CallError::TimedOut(limit)))))
            }
            other => other,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
