//! The workers of one function revision: started on demand, shared by requests, stopped when idle.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sf_host_api::FunctionSpec;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};

use super::framed::FramedWorker;
use super::hold::Hold;
use super::seats::{Kind, Lease, Seats, Turn, Worker};
use super::versions::{Expected, Successor, Tally, is_functions_fault};
use super::web::WebWorker;
use super::{Body, CallError, Invocation, Sandbox, bytecode, runtime};
use crate::logs::Sink;
use crate::store::Unpacked;
use crate::tokens::FunctionToken;

/// A worker that is not ready by then is given up.
const START_TIMEOUT: Duration = Duration::from_secs(30);

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
    pub(super) fn variables(&self, spec: &FunctionSpec) -> BTreeMap<&'static str, String> {
        let mut variables = BTreeMap::from([
            ("SF_FUNCTION", self.function.clone()),
            ("SF_PROJECT", self.project.clone()),
            ("SF_STAGE", self.stage.clone()),
            ("SF_PROVIDER", "self-hosted".to_owned()),
            ("SF_INTERFACE", self.interface.clone()),
            ("SF_MEMORY", (spec.memory >> 20).to_string()),
            ("SF_DATA_URL", self.data_url.clone()),
            ("SF_DATA_TOKEN", self.token.as_str().to_owned()),
        ]);
        if self.interface == "lambda" {
            variables.insert("SF_PAYLOAD", self.payload.clone().unwrap_or_else(|| "2.0".to_owned()));
        }
        variables
    }
}

/// The workers of one function revision.
pub(crate) struct Pool {
    pub(crate) revision: String,
    pub(crate) spec: FunctionSpec,
    context: FunctionContext,
    folder: Arc<Unpacked>,
    pub(super) seats: Seats,
    workers: Mutex<Vec<Arc<Worker>>>,
    /// One start at a time; remembers how the last ones failed.
    starting: AsyncMutex<Failures>,
    last_error: Mutex<Option<String>>,
    pub(crate) tally: Tally,
    /// During a rollout.
    successor: RwLock<Option<Arc<Successor>>>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<(Instant, CallError)>,
}

impl Pool {
    pub(crate) fn new(
        revision: String,
        spec: FunctionSpec,
        context: FunctionContext,
        folder: Arc<Unpacked>,
    ) -> Self {
        let (workers, starting, last_error, tally, successor) = Default::default();
        let seats = Seats::new(&context.interface, spec.memory);
        Self { revision, spec, context, folder, seats, workers, starting, last_error, tally, successor }
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

    /// Has another revision answer a share of the calls, or none any more.
    pub(crate) fn set_successor(&self, successor: Option<Arc<Successor>>) {
        *self.successor.write().unwrap_or_else(PoisonError::into_inner) = successor;
    }

    /// The other revision, while there are two.
    pub(crate) fn successor(&self) -> Option<Arc<Successor>> {
        self.successor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls the function; the answer's body may still be streaming, and holds its worker until it ends. Of two revisions, chance chooses one.
    pub(crate) async fn call(
        self: &Arc<Self>,
        invocation: Invocation,
    ) -> Result<http::Response<Body>, CallError> {
        let key = invocation.id().to_owned();
        self.call_for(&key, invocation).await
    }

    /// As [`Self::call`], for somebody who is to meet one revision all the time.
    pub(crate) async fn call_for(
        self: &Arc<Self>,
        key: &str,
        invocation: Invocation,
    ) -> Result<http::Response<Body>, CallError> {
        match self.successor().filter(|successor| successor.takes(key)) {
            Some(successor) => successor.pool.call_own(invocation).await,
            None => self.call_own(invocation).await,
        }
    }

    async fn call_own(self: &Arc<Self>, invocation: Invocation) -> Result<http::Response<Body>, CallError> {
        let acquired = self.acquire().await;
        let lease = acquired.inspect_err(|error| self.tally.count(is_functions_fault(error)))?;
        if !self.seats.are_single() {
            return self.run(lease, invocation).await;
        }
        // A handler goes on when nobody waits for it any more, as on AWS: its worker is nobody else's until it is done.
        let pool = self.clone();
        let run = tokio::spawn(async move { pool.run(lease, invocation).await });
        run.await.unwrap_or_else(|error| Err(CallError::Broken(format!("call the function: {error}"))))
    }

    async fn run(
        self: &Arc<Self>,
        lease: Lease,
        invocation: Invocation,
    ) -> Result<http::Response<Body>, CallError> {
        let limit = Duration::from_millis(self.spec.timeout_ms);
        let deadline_ms = crate::clock::now_ms().saturating_add(self.spec.timeout_ms);
        let deadline = tokio::time::Instant::now() + limit;
        let (id, expected) = (invocation.id().to_owned(), Expected::of(&invocation));
        let call = async {
            match &lease.worker.kind {
                Kind::Framed(worker) => worker.call(invocation, deadline_ms).await,
                Kind::Web(worker) => worker.call(invocation, deadline_ms).await,
            }
        };
        match tokio::time::timeout_at(deadline, call).await {
            Ok(Ok(response)) => {
                let is_web = matches!(lease.worker.kind, Kind::Web(_));
                self.tally.count(is_web && expected.is_missed(response.status()));
                let hold = Hold { pool: self.clone(), lease: Some(lease), id };
                Ok(response.map(|body| hold.guard(body, deadline)))
            }
            Ok(Err(error)) => {
                self.tally.count(is_functions_fault(&error));
                self.log(&id, &error, &lease).await;
                Err(error)
            }
            Err(_) => {
                self.tally.count(true);
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
                let status = lease.worker.process().ended().await;
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
    pub(super) async fn retire(&self, lease: Lease, id: &str) {
        self.workers().retain(|worker| !Arc::ptr_eq(worker, &lease.worker));
        let message = format!(
            "invocation {id}: no answer within {}, its process is killed",
            super::seconds(self.spec.timeout_ms)
        );
        self.context.sink.line("system", message).await;
    }

    /// A free worker, or the least busy one, or a new one.
    async fn acquire(&self) -> Result<Lease, CallError> {
        let mut turn = self.seats.turn(self.spec.timeout_ms).await?;
        loop {
            if let Some(lease) = self.try_acquire(self.seats.crowded, &mut turn) {
                return Ok(lease);
            }
            tokio::select! {
                biased;
                // Sooner than a new one, it may be.
                () = self.seats.freed.notified(), if turn.is_some() => {}
                failures = self.starting.lock() => return self.start_one(failures, turn).await,
            }
        }
    }

    async fn start_one(
        &self,
        mut failures: AsyncMutexGuard<'_, Failures>,
        mut turn: Option<Turn>,
    ) -> Result<Lease, CallError> {
        // Whoever waited for the lock may find what the one before started.
        if let Some(lease) = self.try_acquire(self.seats.crowded, &mut turn) {
            return Ok(lease);
        }
        if self.workers().len() >= self.seats.workers
            && let Some(lease) = self.try_acquire(usize::MAX, &mut turn)
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
                // In use before anybody else sees it.
                let lease = Lease::new(worker.clone(), turn);
                self.workers().push(worker);
                Ok(lease)
            }
            Err(error) => {
                failures.count += 1;
                failures.last = Some((Instant::now(), error.clone()));
                self.context.sink.line("system", format!("start failed: {error}")).await;
                Err(error)
            }
        }
    }

    /// The least busy worker, if it has fewer calls than this; uses up the turn.
    fn try_acquire(&self, below: usize, turn: &mut Option<Turn>) -> Option<Lease> {
        let mut workers = self.workers();
        workers.retain(|worker| !worker.process().has_ended());
        let worker =
            workers.iter().min_by_key(|worker| worker.busy()).filter(|worker| worker.busy() < below)?;
        Some(Lease::new(worker.clone(), turn.take()))
    }

    async fn start(&self) -> Result<Worker, CallError> {
        let program = runtime::program(&self.spec, &self.folder)?;
        let (context, spec, folder) = (&self.context, &self.spec, &self.folder);
        let start = async {
            Ok(match program.framed {
                true => Kind::Framed(FramedWorker::start(context, spec, &program, folder).await?),
                false => Kind::Web(Box::new(WebWorker::start(context, spec, &program, folder).await?)),
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
        bytecode::compile(context, spec, program, folder);
        Ok(Worker::new(kind))
    }

    /// Makes sure that as many workers run as are to be kept ready, and at least `at_least`.
    pub(crate) async fn warm_up(&self, at_least: u32) -> Result<(), CallError> {
        let most = self.seats.workers;
        let wanted = usize::try_from(self.spec.warm.max(at_least)).unwrap_or(most).min(most);
        let mut failures = self.starting.lock().await;
        while self.worker_count() < wanted {
            let worker = Arc::new(self.start().await.inspect_err(|error| {
                failures.count += 1;
                failures.last = Some((Instant::now(), error.clone()));
                *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            })?);
            self.workers().push(worker);
            self.seats.freed.notify_one();
        }
        Ok(())
    }

    /// Stops workers that nobody used for a while.
    pub(crate) fn stop_idle(&self, idle: Duration) {
        let floor = usize::try_from(self.spec.warm).unwrap_or(self.seats.workers);
        let mut workers = self.workers();
        workers.retain(|worker| !worker.process().has_ended());
        let mut spare = workers.len().saturating_sub(floor);
        workers.retain(|worker| {
            let stop = worker.is_idle_for(idle) && spare > 0;
            spare -= usize::from(stop);
            !stop
        });
    }
}
