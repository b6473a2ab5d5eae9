//! App -> objects. Pure: equal Apps and artifacts give equal objects, whatever their order in the manifest.
//!
//! One file for each event and resource, and for each thing that a function consists of here.

mod alias;
pub(crate) mod api;
mod artifacts;
pub(crate) mod bucket;
mod configuration;
mod domain;
pub(crate) mod environment;
mod failures;
mod function;
mod grants;
mod log_group;
mod permission;
pub(crate) mod queue;
pub(crate) mod role;
mod route;
pub(crate) mod schedule;
mod secret;
mod socket;
mod statements;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod topic;
mod url;

use std::collections::{BTreeMap, BTreeSet};

use sf_model::{App, Diagnostic, Function, Throttle};
use sf_plan::{Addr, Desired, Json, Value};
use sf_provider::{Artifacts, Scope};

use crate::kinds::{PROTECTED, TAGS};
use crate::names::PROTECT_TAG;
use crate::names::addr::kind;
use crate::settings::Settings;

/// What everything is compiled from.
pub(crate) struct Cx<'a> {
    pub(crate) app: &'a App,
    pub(crate) settings: &'a Settings,
    pub(crate) scope: Scope,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(app: &'a App, settings: &'a Settings) -> Self {
        let scope = Scope { project: app.project.clone(), stage: app.stage.clone() };
        Self { app, settings, scope }
    }
}

/// The objects of the App, in the order of their addresses.
pub(crate) fn compile(app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
    let settings = Settings::read(app)?;
    let cx = Cx::new(app, &settings);
    let mut objects = resources(&cx);
    let mut problems = Vec::new();
    for function in app.functions.values() {
        match function::compile(&cx, function, artifacts) {
            Ok(object) => objects.push(object),
            Err(problem) => problems.push(*problem),
        }
        objects.extend(belongings(&cx, function));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let desired = objects.into_iter().map(|object| object.desired(&app.tags));
    let sorted: BTreeMap<Addr, Desired> = desired.map(|desired| (desired.addr.clone(), desired)).collect();
    Ok(sorted.into_values().collect())
}

/// The kinds that the App is compiled to, known before anything is built.
pub(crate) fn kinds(cx: &Cx<'_>) -> BTreeSet<String> {
    let functions = cx.app.functions.values();
    let mut objects = resources(cx);
    objects.extend(functions.clone().flat_map(|function| belongings(cx, function)));
    let code = functions.map(|function| crate::names::addr::function(&function.name));
    objects.into_iter().map(|object| object.addr).chain(code).map(|addr| addr.kind.0).collect()
}

/// What is no function's.
fn resources(cx: &Cx<'_>) -> Vec<Object> {
    let mut objects = Vec::new();
    objects.extend(artifacts::compile(cx));
    objects.extend(api::compile(cx));
    objects.extend(domain::compile(cx));
    objects.extend(schedule::shared(cx));
    objects.extend(cx.app.buckets.iter().flat_map(|(name, bucket)| bucket::compile(cx, name, bucket)));
    objects.extend(cx.app.tables.iter().map(|(name, table)| table::compile(cx, name, table)));
    objects.extend(cx.app.queues.iter().flat_map(|(name, queue)| queue::compile(cx, name, queue)));
    objects.extend(cx.app.topics.keys().map(|name| topic::compile(cx, name)));
    objects.extend(cx.app.secrets.iter().map(|(name, secret)| secret::compile(cx, name, secret)));
    objects.extend(cx.app.sockets.iter().flat_map(|(name, socket)| socket::compile(cx, name, socket)));
    objects
}

/// What a function has besides its code, and what calls it.
fn belongings(cx: &Cx<'_>, function: &Function) -> Vec<Object> {
    let mut objects = vec![log_group::compile(cx, function), role::compile(cx, function)];
    objects.extend(alias::compile(function));
    objects.extend(failures::compile(cx, function));
    objects.extend(url::compile(function));
    objects.extend(route::compile(function));
    objects.extend(schedule::compile(function));
    objects.extend(queue::listeners(function));
    objects.extend(topic::listeners(cx, function));
    objects.extend(bucket::permissions(cx, function));
    objects.extend(table::listeners(function));
    objects
}

/// An object to be.
pub(crate) struct Object {
    addr: Addr,
    inputs: Inputs,
    after: BTreeSet<Addr>,
}

/// An object's inputs, by their names.
pub(crate) type Inputs = BTreeMap<String, Value>;

impl Object {
    fn new<const N: usize>(addr: Addr, inputs: [(&str, Value); N]) -> Self {
        let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { addr, inputs, after: BTreeSet::new() }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.inputs.insert(name.to_owned(), value);
        self
    }

    fn with_some(self, name: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With a tag that says so, for what AWS has no protection of its own for.
    fn protected(self, protect: bool) -> Self {
        let tag = || Value::Map(Inputs::from([(PROTECT_TAG.to_owned(), text(PROTECTED))]));
        self.with_some(TAGS, protect.then(tag))
    }

    /// Only when those are there.
    fn after(mut self, others: impl IntoIterator<Item = Addr>) -> Self {
        self.after.extend(others);
        self
    }

    fn desired(mut self, tags: &BTreeMap<String, String>) -> Desired {
        let kind = self.addr.kind.0.as_str();
        if TAGGED.contains(&kind) && !tags.is_empty() {
            let tags = tags.iter().map(|(key, value)| (key.clone(), text(value)));
            match self.inputs.entry(TAGS.to_owned()).or_insert_with(|| Value::Map(Inputs::new())) {
                Value::Map(all) => all.extend(tags),
                other => *other = Value::Map(tags.collect()),
            }
        }
        let protect = HOLD_DATA.contains(&self.addr.kind.0.as_str());
        Desired { addr: self.addr, inputs: Value::Map(self.inputs), after: self.after, protect }
    }
}

/// Kinds whose objects AWS can tag.
const TAGGED: [&str; 16] = [
    kind::ARTIFACTS,
    kind::BUCKET,
    kind::DEAD_LETTERS,
    kind::DOMAIN,
    kind::EVENT_SOURCE,
    kind::FAILURE_QUEUE,
    kind::FUNCTION,
    kind::HTTP_API,
    kind::LOG_GROUP,
    kind::QUEUE,
    kind::ROLE,
    kind::SCHEDULE_GROUP,
    kind::SECRET,
    kind::TABLE,
    kind::TOPIC,
    kind::WEBSOCKET_API,
];

/// Kinds whose objects are not deleted without consent.
const HOLD_DATA: [&str; 3] = [kind::BUCKET, kind::SECRET, kind::TABLE];

fn text(text: impl Into<String>) -> Value {
    Value::Lit(Json::String(text.into()))
}

fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::List(items.into_iter().map(text).collect())
}

/// For lists whose order AWS and the manifest give no meaning.
fn sorted(items: &[String]) -> Value {
    texts(items.iter().cloned().collect::<BTreeSet<_>>())
}

fn number(number: impl Into<u64>) -> Value {
    Value::Lit(number.into().into())
}

fn flag(flag: bool) -> Value {
    Value::Lit(flag.into())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn output(of: Addr, output: &str) -> Value {
    Value::Ref { of, output: output.to_owned() }
}

/// The alias that everything calls.
fn live(function: &str) -> Value {
    output(crate::names::addr::alias(function), "arn")
}

fn throttle(limit: &Throttle) -> Value {
    map([("RateLimit", number(limit.rate)), ("BurstLimit", number(limit.burst))])
}
