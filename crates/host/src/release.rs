//! What answers: an app's active release, compiled from the revisions that it names and swapped as one pointer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sf_host_api::{
    ApiError, ApiSpec, AuthorizerSpec, FunctionSpec, QueueSpec, ReleaseSpec, RouteSpec, ScheduleSpec,
    SocketSpec, SubscriptionSpec,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::gateway::cors::Cors;
use crate::gateway::policy::Policy;
use crate::gateway::router::Router;
use crate::records::AppRecord;
use crate::worker::{FunctionContext, Pool};

/// What an app answers with.
pub(crate) struct Release {
    pub(crate) revision: String,
    pub(crate) spec: ReleaseSpec,
    pub(crate) router: Router,
    pub(crate) cors: Option<Cors>,
    pub(crate) routes: Vec<RouteSpec>,
    pub(crate) schedules: Vec<ScheduleSpec>,
    /// Limits and authorizers.
    pub(crate) policy: Policy,
    /// By name, as are the following.
    pub(crate) sockets: BTreeMap<String, SocketSpec>,
    pub(crate) queues: BTreeMap<String, QueueSpec>,
    pub(crate) subscriptions: BTreeMap<String, SubscriptionSpec>,
    pub(crate) pools: BTreeMap<String, Arc<Pool>>,
    /// Cancelled when this release is gone: for those that outlive it and then ask what holds now.
    pub(crate) replaced: CancellationToken,
    _replaced: DropGuard,
}

impl Release {
    /// The digests of its functions' code.
    pub(crate) fn artifacts(&self) -> BTreeSet<String> {
        self.pools.values().map(|pool| pool.spec.artifact.clone()).collect()
    }
}

/// Turns a release's spec into what answers. Pools of unchanged functions are taken over from `previous` with their warm workers.
pub(crate) fn compile(
    app: &AppRecord,
    revision: &str,
    spec: ReleaseSpec,
    previous: Option<&Release>,
    context: impl Fn(&str, &FunctionSpec) -> Result<FunctionContext, ApiError>,
    unpacked: impl Fn(&str) -> std::io::Result<Arc<crate::store::Unpacked>>,
) -> Result<Release, ApiError> {
    let mut parts = Parts::default();
    for (address, revision) in &spec.resources {
        let stored = app.resources.get(address).and_then(|stored| stored.revisions.get(revision));
        let json = stored.ok_or_else(|| ApiError {
            code: "unknown-revision".into(),
            message: format!("release: `{address}` has no revision `{revision}`"),
            hint: Some("put the resource first".into()),
            names: [address.clone()].into(),
        })?;
        parts.add(address, revision, json.clone())?;
    }
    if let Some(name) = spec.rollouts.keys().find(|name| !parts.functions.contains_key(*name)) {
        let message = format!("release: it rolls out function `{name}`, which is not in it");
        return Err(fault("unknown-function", message));
    }
    let mut pools = BTreeMap::new();
    for (name, (revision, spec)) in std::mem::take(&mut parts.functions) {
        let kept =
            previous.and_then(|previous| previous.pools.get(&name)).filter(|pool| pool.revision == revision);
        let pool = match kept {
            Some(pool) => pool.clone(),
            None => {
                let folder = unpacked(&spec.artifact).map_err(|error| {
                    fault("unpack-failed", format!("unpack the artifact of function `{name}`: {error}"))
                })?;
                let context = context(&name, &spec)?;
                Arc::new(Pool::new(revision, spec, context, folder))
            }
        };
        pools.insert(name, pool);
    }
    for (what, function) in parts.users() {
        if !pools.contains_key(function) {
            return Err(fault(
                "unknown-function",
                format!("release: {what} calls `{function}`, which is not in it"),
            ));
        }
    }
    crate::deliver::check(&spec, &parts.subscriptions)
        .map_err(|message| fault("bad-subscription", message))?;
    let router = Router::new(&parts.routes).map_err(|message| fault("bad-route", message))?;
    let cors = parts.api.cors.clone().map(|cors| Cors::new(cors, &parts.routes));
    let Parts { api, routes, schedules, authorizers, sockets, queues, subscriptions, functions: _ } = parts;
    let before = previous.map(|previous| &previous.policy);
    let policy = Policy::new(&api, &routes, &authorizers, before)
        .map_err(|message| fault("unknown-authorizer", message))?;
    let revision = revision.to_owned();
    let replaced = CancellationToken::new();
    Ok(Release {
        revision,
        spec,
        router,
        cors,
        routes,
        schedules,
        policy,
        sockets,
        queues,
        subscriptions,
        pools,
        _replaced: replaced.clone().drop_guard(),
        replaced,
    })
}

fn fault(code: &str, message: String) -> ApiError {
    ApiError { code: code.into(), message, hint: None, names: std::collections::BTreeSet::new() }
}

#[derive(Default)]
struct Parts {
    api: ApiSpec,
    functions: BTreeMap<String, (String, FunctionSpec)>,
    routes: Vec<RouteSpec>,
    schedules: Vec<ScheduleSpec>,
    authorizers: BTreeMap<String, AuthorizerSpec>,
    sockets: BTreeMap<String, SocketSpec>,
    queues: BTreeMap<String, QueueSpec>,
    subscriptions: BTreeMap<String, SubscriptionSpec>,
}

impl Parts {
    fn add(&mut self, address: &str, revision: &str, json: serde_json::Value) -> Result<(), ApiError> {
        let (kind, name) = address.split_once('/').unwrap_or((address, ""));
        let bad = |error: serde_json::Error| fault("bad-spec", format!("`{address}`: {error}"));
        match kind {
            "api" => self.api = serde_json::from_value(json).map_err(bad)?,
            "route" => self.routes.push(serde_json::from_value(json).map_err(bad)?),
            "schedule" => self.schedules.push(serde_json::from_value(json).map_err(bad)?),
            "function" => {
                let spec = serde_json::from_value(json).map_err(bad)?;
                self.functions.insert(name.to_owned(), (revision.to_owned(), spec));
            }
            "authorizer" => {
                self.authorizers.insert(name.to_owned(), serde_json::from_value(json).map_err(bad)?);
            }
            "socket" => {
                self.sockets.insert(name.to_owned(), serde_json::from_value(json).map_err(bad)?);
            }
            "subscription" => {
                self.subscriptions.insert(name.to_owned(), serde_json::from_value(json).map_err(bad)?);
            }
            "queue" => {
                self.queues.insert(name.to_owned(), serde_json::from_value(json).map_err(bad)?);
            }
            // They are there from their put on; a release names them so that they outlive those who use them.
            "bucket" | "secret" | "table" | "topic" => {}
            _ => return Err(fault("bad-spec", format!("release: `{address}` cannot be released"))),
        }
        Ok(())
    }

    /// Whoever calls a function, and the function.
    fn users(&self) -> impl Iterator<Item = (String, &String)> {
        let routes = self
            .routes
            .iter()
            .map(|route| (format!("route `{} {}`", route.method, route.path), &route.function));
        let schedules = self
            .schedules
            .iter()
            .map(|schedule| (format!("schedule `{}`", schedule.expression), &schedule.function));
        let subscriptions = self
            .subscriptions
            .iter()
            .map(|(name, subscription)| (format!("subscription `{name}`"), &subscription.function));
        let sockets = self.sockets.iter().flat_map(|(name, socket)| {
            let called = [&socket.connect, &socket.message, &socket.disconnect];
            called.into_iter().flatten().map(move |function| (format!("socket `{name}`"), function))
        });
        routes.chain(schedules).chain(subscriptions).chain(sockets)
    }
}
