//! A real host in this process, a proxy in front of it, and the driver that talks through the proxy.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use sf_host::{Host, HostConfig};
use sf_plan::{Action, Change, Digest, Lineage, Plan, Report, Run, Schemas, State};
use sf_provider::{ArtifactSource, Backend, Cx, Driver, Scope};
use sf_provider_self_hosted::{HostDriver, HostOperate, SelfHosted};
use tempfile::TempDir;

use crate::proxy::Proxy;
use crate::support::compile;

/// One zip for every digest: the driver does not look into it.
struct OneZip(PathBuf);

impl ArtifactSource for OneZip {
    fn path(&self, _: &Digest) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

pub(crate) struct Stand {
    pub(crate) proxy: Proxy,
    pub(crate) driver: HostDriver,
    pub(crate) operate: HostOperate,
    pub(crate) cx: Cx,
    pub(crate) state: State,
    pub(crate) client: sf_host_api::Client,
    _host: AbortOnDrop,
    _dir: TempDir,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let (host, url, token) = start_host(&dir).await;
        let proxy = Proxy::start(&url).await;
        let (driver, operate) = SelfHosted::connect(&proxy.url, &token).unwrap();
        let scope = Scope { project: "able".into(), stage: "dev".into() };
        let cx = Cx::new(scope, Arc::new(OneZip(zip(&dir))));
        let client = sf_host_api::Client::new(&url, &token).unwrap();
        Self { proxy, driver, operate, cx, state: empty(), client, _host: host, _dir: dir }
    }

    /// What a deploy of this manifest would do; an empty one removes everything.
    pub(crate) fn plan(&self, manifest: &str) -> Plan {
        let desired = if manifest.is_empty() { Vec::new() } else { compile(manifest) };
        let schemas: &dyn Schemas = SelfHosted.schemas();
        let graph = sf_plan::graph(desired).unwrap();
        let changes = sf_plan::diff(&graph, &self.state, schemas);
        sf_plan::schedule(&graph, &self.state, changes)
    }

    /// Does it, one call after the other, and keeps the state. No call is tried twice.
    pub(crate) async fn deploy(&mut self, manifest: &str) -> Report {
        self.recover().await;
        let mut run = Run::new(self.plan(manifest), self.state.clone()).unwrap();
        while !run.is_over() {
            let (calls, _) = run.ready(1);
            for call in calls {
                let outcome = self.driver.call(&self.cx, &call).await;
                run.finish(call.step, outcome);
            }
        }
        let (state, report) = run.end();
        self.state = state;
        report
    }

    /// As the engine does before each deploy.
    async fn recover(&mut self) {
        for intent in std::mem::take(&mut self.state.pending).into_values() {
            match self.driver.find(&self.cx, &intent).await.unwrap() {
                Some(object) => self.state.objects.insert(intent.key, object),
                None => self.state.objects.remove(&intent.key),
            };
        }
    }

    /// The state is lost: everything that is known is what the host remembers.
    pub(crate) async fn lose_state(&mut self) {
        self.state = empty();
        self.state.objects = self.driver.discover(&self.cx).await.unwrap();
    }

    /// `create route/GET /`, without what is kept.
    pub(crate) fn changes(plan: &Plan) -> BTreeMap<String, String> {
        let named = |change: &Change| {
            let action = match change.action {
                Action::Keep => "keep",
                Action::Create => "create",
                Action::Update => "update",
                Action::Replace { .. } => "replace",
                Action::Delete { .. } => "delete",
            };
            (change.key.to_string(), action.to_owned())
        };
        plan.changes.iter().filter(|change| change.action != Action::Keep).map(named).collect()
    }
}

fn empty() -> State {
    State::new(Lineage("test".into()))
}

/// A host that ends with the test.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn start_host(dir: &TempDir) -> (AbortOnDrop, String, String) {
    let mut config = HostConfig::new(dir.path().join("host"));
    config.control = SocketAddr::from(([127, 0, 0, 1], 0));
    config.first_gateway_port = 0;
    let host = Host::start(config).await.unwrap();
    let (url, token) = (host.url(), host.token());
    let serving = tokio::spawn(async move { host.run_until(std::future::pending()).await.unwrap() });
    (AbortOnDrop(serving), url, token)
}

/// What a build would have made: the host wants a zip, and looks into it when a worker starts.
fn zip(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("artifact.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for name in ["hello.mjs", "tick.py"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"").unwrap();
    }
    zip.finish().unwrap();
    path
}
