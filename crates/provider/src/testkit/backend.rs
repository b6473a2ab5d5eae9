//! A backend for [`super::ModelCloud`]: small, but with a kind of each sort that the planner tells apart.

use std::collections::{BTreeMap, BTreeSet};

use sf_model::{App, Diagnostic, Function};
use sf_plan::{Addr, Desired, Effect, Kind, ObjectKey, Path, Schemas, Value};

use crate::{Artifacts, Backend, Scope};

/// Compiles functions and routes to a [`super::ModelCloud`].
///
/// | kind | a changed input | outputs |
/// | --- | --- | --- |
/// | `code` | replaces it; old and new exist side by side | `id` |
/// | `function` | is changed in place | `id`, which is stable, and `revision`, which is not |
/// | `route` | replaces it, and the old one must go first | `id` |
/// | `release` | is changed in place; it refers to the revision of every function | `id` |
#[derive(Clone, Copy, Debug, Default)]
pub struct ModelBackend;

/// The cloud's name for an object.
pub(super) fn stable_id(scope: &Scope, key: &ObjectKey) -> String {
    format!("model:{}:{}:{key}", scope.project, scope.stage)
}

/// Whether an object of this kind cannot stand beside its successor.
pub(super) fn is_alone(kind: &Kind) -> bool {
    kind.0 == "route"
}

impl Schemas for ModelBackend {
    fn effect(&self, kind: &Kind, _: &Path) -> Effect {
        if matches!(kind.0.as_str(), "code" | "route") { Effect::NewObject } else { Effect::InPlace }
    }

    fn delete_first(&self, kind: &Kind) -> bool {
        is_alone(kind)
    }

    fn stable(&self, _: &Kind, output: &str) -> bool {
        output == "id"
    }
}

impl Backend for ModelBackend {
    fn name(&self) -> &'static str {
        "model"
    }

    /// Nothing: what this backend has no kind for, it leaves out.
    fn check(&self, _: &App) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn compile(&self, app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
        let mut desired = Vec::new();
        let mut revisions = BTreeMap::new();
        for function in app.functions.values() {
            let code = Addr::new("code", &function.name);
            let digest =
                artifacts.get(&function.name).map(|artifact| Value::Artifact(artifact.digest.clone()));
            desired.push(node(code.clone(), [("artifact", digest.unwrap_or_else(|| text("none")))]));
            let inputs = [("code", output(&code, "id")), ("memory", Value::Lit(function.memory.into()))];
            let addr = Addr::new("function", &function.name);
            desired.push(node(addr.clone(), inputs));
            desired.extend(routes(function, &addr));
            revisions.insert(function.name.clone(), output(&addr, "revision"));
        }
        desired.push(node(Addr::new("release", "current"), [("functions", Value::Map(revisions))]));
        Ok(desired)
    }

    fn schemas(&self) -> &dyn Schemas {
        self
    }
}

fn routes<'a>(function: &'a Function, addr: &'a Addr) -> impl Iterator<Item = Desired> + 'a {
    function.http.iter().map(move |http| {
        let inputs = [("function", output(addr, "id")), ("warm", Value::Lit(function.warm.is_some().into()))];
        node(Addr::new("route", http.route.to_string()), inputs)
    })
}

fn node<const N: usize>(addr: Addr, inputs: [(&str, Value); N]) -> Desired {
    let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Desired { addr, inputs: Value::Map(inputs), after: BTreeSet::new(), protect: false }
}

fn output(of: &Addr, output: &str) -> Value {
    Value::Ref { of: of.clone(), output: output.to_owned() }
}

fn text(text: &str) -> Value {
    Value::Lit(text.into())
}
