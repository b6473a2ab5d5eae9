//! App -> objects. Pure: equal Apps and artifacts give equal objects, whatever their order in the manifest.

mod api;
mod authorizer;
mod bucket;
mod function;
mod grants;
mod queue;
mod release;
mod route;
mod schedule;
mod secret;
mod socket;
mod subscription;
mod table;
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sf_model::{App, Diagnostic, Throttle};
use sf_plan::{Addr, Desired, Json, Value};
use sf_provider::Artifacts;

use crate::kinds;
use crate::settings::Settings;

/// The objects of the App, in the order of their addresses, the release last.
pub(crate) fn compile(app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
    let settings = Settings::read(app)?;
    let mut objects = BTreeMap::new();
    let mut problems = Vec::new();
    objects.extend(api::compile(app, &settings));
    objects.extend(resources(app));
    for function in app.functions.values() {
        match function::compile(app, function, artifacts) {
            Ok((addr, inputs)) => {
                objects.insert(addr, inputs);
            }
            Err(problem) => problems.push(*problem),
        }
        objects.extend(route::compile(function));
        objects.extend(schedule::compile(function));
        objects.extend(subscription::compile(function));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let release = release::compile(app, objects.keys());
    let tagged = objects.into_iter().map(|(addr, inputs)| (addr, with_tags(inputs, &app.tags)));
    Ok(tagged.chain([release]).map(desired).collect())
}

/// Everything that is no function and is not called by one's name.
fn resources(app: &App) -> BTreeMap<Addr, Inputs> {
    let mut objects = BTreeMap::new();
    objects.extend(app.api.auth.iter().map(|(name, auth)| authorizer::compile(name, auth)));
    objects.extend(app.buckets.iter().map(|(name, bucket)| bucket::compile(name, bucket)));
    objects.extend(app.tables.iter().map(|(name, table)| table::compile(name, table)));
    objects.extend(app.queues.iter().map(|(name, queue)| queue::compile(name, queue)));
    objects.extend(app.topics.keys().map(|name| topic::compile(name)));
    objects.extend(app.secrets.iter().map(|(name, secret)| secret::compile(name, secret)));
    objects.extend(app.sockets.iter().map(|(name, socket)| socket::compile(name, socket)));
    objects
}

fn desired((addr, inputs): (Addr, BTreeMap<String, Value>)) -> Desired {
    let protect = kinds::holds_data(&addr.kind);
    Desired { addr, inputs: Value::Map(inputs), after: BTreeSet::new(), protect }
}

/// The host has no tags: they are inputs that only the annotations keep (see `kinds`).
fn with_tags(mut inputs: Inputs, tags: &BTreeMap<String, String>) -> Inputs {
    if !tags.is_empty() {
        let tags = tags.iter().map(|(key, value)| (key.clone(), text(value)));
        inputs.insert(TAGS.to_owned(), Value::Map(tags.collect()));
    }
    inputs
}

/// The input that holds the manifest's tags.
pub(crate) const TAGS: &str = "tags";
/// The input that says that the object is protected. Only the annotations keep it: it is for those who would destroy the object.
pub(crate) const PROTECT: &str = "protect";

/// Said of what is protected, and of nothing else.
fn protection(protect: bool) -> Option<(String, Value)> {
    protect.then(|| (PROTECT.to_owned(), Value::Lit(true.into())))
}

/// An object's inputs, named as the fields of its spec.
type Inputs = BTreeMap<String, Value>;

fn text(text: impl Into<String>) -> Value {
    Value::Lit(Json::String(text.into()))
}

fn texts(items: &[String]) -> Value {
    Value::List(items.iter().map(text).collect())
}

fn number(number: u64) -> Value {
    Value::Lit(number.into())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn throttle(limit: &Throttle) -> Value {
    let (rate, burst) = (number(limit.rate.into()), number(limit.burst.into()));
    Value::Map(Inputs::from([("rate".into(), rate), ("burst".into(), burst)]))
}
