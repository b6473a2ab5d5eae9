//! App -> objects. Pure: equal Apps and artifacts give equal objects, whatever their order in the manifest.

mod api;
mod function;
mod release;
mod route;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use sf_model::{App, Diagnostic};
use sf_plan::{Addr, Desired, Json, Value};
use sf_provider::Artifacts;

use crate::settings::Settings;

/// The objects of the App, in the order of their addresses, the release last.
pub(crate) fn compile(app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
    let settings = Settings::read(app)?;
    let mut objects = BTreeMap::new();
    let mut problems = Vec::new();
    objects.extend(api::compile(app, &settings));
    for function in app.functions.values() {
        match function::compile(function, artifacts) {
            Ok((addr, inputs)) => {
                objects.insert(addr, inputs);
            }
            Err(problem) => problems.push(*problem),
        }
        objects.extend(route::compile(function));
        objects.extend(schedule::compile(function));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let release = release::compile(objects.keys());
    let tagged = objects.into_iter().map(|(addr, inputs)| (addr, with_tags(inputs, &app.tags)));
    Ok(tagged.chain([release]).map(desired).collect())
}

fn desired((addr, inputs): (Addr, BTreeMap<String, Value>)) -> Desired {
    Desired {
        addr,
        inputs: Value::Map(inputs),
        after: BTreeSet::new(),
        // The host keeps code and settings, all of which a deploy can make again.
        protect: false,
    }
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
