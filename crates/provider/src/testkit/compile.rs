//! What can be said of a backend without a connection.

use std::collections::BTreeMap;

use sf_model::{App, Severity};
use sf_plan::{Addr, Desired, Value};

use super::bench::{Sample, Violation};
use crate::Backend;

pub(super) fn check(backend: &dyn Backend, sample: &Sample) -> Result<(), Violation> {
    let broken = |broken: String| Violation { during: format!("compile {}", sample.name), broken };
    let refused: Vec<_> = backend
        .check(&sample.app)
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect();
    if !refused.is_empty() {
        return Err(broken(format!(
            "the backend must be able to do all that its samples ask for: {refused:?}"
        )));
    }
    let compile = |app: &App| {
        let compiled = backend.compile(app, &sample.artifacts);
        compiled.map_err(|diagnostics| broken(format!("what `check` lets through compiles: {diagnostics:?}")))
    };
    let desired = compile(&sample.app)?;
    if compile(&sample.app)? != desired {
        return Err(broken("the same App gives the same objects".into()));
    }
    if by_addr(compile(&reversed(&sample.app))?) != by_addr(desired.clone()) {
        return Err(broken("the order of routes, events and secrets makes no difference".into()));
    }
    let graph = sf_plan::graph(desired).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        broken(format!("the objects form a graph: {}", errors.join("; ")))
    })?;
    for node in graph.nodes() {
        let is_map = matches!(node.inputs, Value::Map(_));
        if !is_map || Value::from_json(node.inputs.to_json()).ok().as_ref() != Some(&node.inputs) {
            let inputs = node.inputs.to_json();
            return Err(broken(format!(
                "the inputs of `{}` are a map that can be read back: {inputs}",
                node.addr
            )));
        }
    }
    Ok(())
}

fn by_addr(desired: Vec<Desired>) -> BTreeMap<Addr, Desired> {
    desired.into_iter().map(|node| (node.addr.clone(), node)).collect()
}

/// The same App, with every list whose order means nothing turned round.
fn reversed(app: &App) -> App {
    let mut app = app.clone();
    for function in app.functions.values_mut() {
        function.http.reverse();
        function.on.reverse();
    }
    app
}
