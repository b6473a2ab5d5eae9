//! A project to deploy, a folder for its state, and a cloud.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sf_engine::{
    Applied, ApplyError, Control, Limits, LocalStore, LockInfo, ObserveError, Observed, Provider,
    RemoteStore, Session, Stop, Store, observe, stop_pair,
};
use sf_plan::{Desired, Event, Plan, State};
use sf_provider::testkit::{ModelBackend, ModelCloud, NoArtifacts, Sample};
use sf_provider::{Backend, Cx, Driver, Scope};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::bucket::Bucket;

/// A project of two functions with their routes; its code is `code`.
pub(crate) fn two(code: &str) -> Vec<Desired> {
    compile(
        "[functions.hello]\nhandler = \"hello.mjs#hello\"\nhttp = [\"GET /hello\"]\n\
         [functions.bye]\nhandler = \"bye.mjs#bye\"\nhttp = [\"GET /bye\"]\n",
        code,
    )
}

/// The same with one of the two functions, under another route.
pub(crate) fn one(code: &str) -> Vec<Desired> {
    compile("[functions.hello]\nhandler = \"hello.mjs#hello\"\nhttp = [\"PUT /hello\"]\nwarm = 1\n", code)
}

/// A project of so many functions with a route each.
pub(crate) fn many(functions: usize) -> Vec<Desired> {
    let function = |n| format!("[functions.f{n}]\nhandler = \"f.mjs#f\"\nhttp = [\"GET /{n}\"]\n");
    compile(&(0..functions).map(function).collect::<String>(), "v1")
}

fn compile(functions: &str, code: &str) -> Vec<Desired> {
    let text = format!("sf = 1\n[project]\nname = \"sample\"\n{functions}");
    let Sample { app, artifacts, .. } = Sample::from_manifest("sf.toml", &text, code).unwrap();
    ModelBackend.compile(&app, &artifacts).unwrap()
}

pub(crate) struct Stand {
    pub(crate) cloud: ModelCloud,
    pub(crate) store: LocalStore,
    pub(crate) dir: TempDir,
    /// Where the state is instead of the folder.
    remote: Option<(Bucket, RemoteStore)>,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = LocalStore::new(&dir.path().join("state"), "model", "dev");
        Self { cloud: ModelCloud::new(), store, dir, remote: None }
    }

    /// One whose state is in a bucket.
    pub(crate) fn remote() -> Self {
        let bucket = Bucket::default();
        let store = bucket.store();
        Self { remote: Some((bucket, store)), ..Self::new() }
    }

    /// Where the state is.
    pub(crate) fn store(&self) -> &dyn Store {
        self.remote.as_ref().map_or(&self.store as &dyn Store, |(_, store)| store)
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.remote.as_ref().unwrap().0
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope { project: "sample".into(), stage: "dev".into() }
    }

    pub(crate) fn provider(&self) -> Provider {
        self.provider_of(Arc::new(self.cloud.clone()))
    }

    pub(crate) fn provider_of(&self, driver: Arc<dyn Driver>) -> Provider {
        Provider { driver, cx: Cx::new(self.scope(), Arc::new(NoArtifacts)) }
    }

    pub(crate) fn rescue(&self) -> PathBuf {
        self.dir.path().join("sf-state.rescue.json")
    }

    /// Steers a run, and gives what it tells.
    pub(crate) fn control(&self, stop: Stop) -> (Control, mpsc::UnboundedReceiver<Event>) {
        let (events, heard) = mpsc::unbounded_channel();
        let limits = Limits { concurrency: 3, attempts: 3, ..Limits::default() };
        (Control { limits, stop, events, rescue: self.rescue() }, heard)
    }

    /// As `sf plan` does it.
    pub(crate) async fn look(&self) -> Result<Observed, ObserveError> {
        observe(self.store(), Some(&self.provider()), &who("sf plan")).await
    }

    pub(crate) async fn plan(&self, desired: Vec<Desired>) -> Plan {
        self.look().await.unwrap().plan(desired, &ModelBackend).unwrap()
    }

    /// As `sf deploy` does it.
    pub(crate) async fn deploy(&self, desired: Vec<Desired>) -> Applied {
        let applied = self.deploy_with(self.store(), self.provider(), desired).await;
        applied.unwrap()
    }

    pub(crate) async fn deploy_with(
        &self,
        store: &dyn Store,
        provider: Provider,
        desired: Vec<Desired>,
    ) -> Result<Applied, ApplyError> {
        // A handle that is gone cannot stop anything.
        let (control, _) = self.control(stop_pair().1);
        let session = Session::open(store, provider, who("sf deploy")).await.unwrap();
        let plan = session.plan(desired, &ModelBackend).unwrap();
        let applied = session.apply(plan, control).await;
        store.close().await.unwrap();
        applied
    }

    /// Nothing is left to do, nothing is pending, and what is recorded is what is there.
    pub(crate) async fn expect_converged(&self, desired: Vec<Desired>, during: &str) {
        let state = self.state().await;
        assert!(state.pending.is_empty(), "{during}");
        assert_eq!(state.objects, self.cloud.objects(&self.scope()), "{during}");
        let plan = self.plan(desired).await;
        assert_eq!(plan.actual_changes().collect::<Vec<_>>(), Vec::<&sf_plan::Change>::new(), "{during}");
        assert_eq!(plan.steps, [], "{during}");
    }

    /// The stored state.
    pub(crate) async fn state(&self) -> State {
        self.store().load().await.unwrap().unwrap()
    }

    /// The state's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.store.path().to_owned()
    }
}

pub(crate) fn who(command: &str) -> LockInfo {
    LockInfo {
        who: "ada".into(),
        host: "engine".into(),
        pid: std::process::id(),
        command: command.into(),
        started_ms: 1,
    }
}

/// Lets a future run until something else happens, and drops it then: what a killed process leaves is what it wrote.
pub(crate) async fn kill_when(future: impl Future, happens: impl Future) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        _ = happens => true,
        () = tokio::time::sleep(Duration::from_secs(3600)) => panic!("neither ends"),
    }
}
