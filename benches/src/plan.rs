//! Planning 10,000 resources: 2,500 functions, each with three routes that refer to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sf_plan::{
    Action, Addr, Call, CallAction, Desired, Effect, Kind, Lineage, Outcome, Path, Plan, RemoteId, Run,
    Schemas, State, Value, diff, graph, schedule,
};

use crate::Result;
use crate::clock::interleaved;
use crate::report::Table;

const FUNCTIONS: usize = 2_500;
const ROUTES: usize = 3;

/// As the self-hosted backend's: everything in place, identities stable.
struct InPlace;

impl Schemas for InPlace {
    fn effect(&self, _: &Kind, _: &Path) -> Effect {
        Effect::InPlace
    }
    fn delete_first(&self, _: &Kind) -> bool {
        false
    }
    fn stable(&self, _: &Kind, _: &str) -> bool {
        true
    }
}

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let empty = || State::new(Lineage("bench".into()));
    let applied = deployed()?;
    let [create, keep, change] = interleaved(
        11,
        [
            &mut || planned(&desired(0), &empty()).map(|(time, _)| time),
            &mut || expect(planned(&desired(0), &applied)?, 0),
            &mut || expect(planned(&desired(1), &applied)?, FUNCTIONS),
        ],
    )?;
    let bar = Duration::from_millis(200);
    table.time("plan of 10,000 resources, all new", create, bar);
    table.time("plan of 10,000 resources, nothing changed", keep, bar);
    table.time("plan of 10,000 resources, 2,500 changed", change, bar);
    Ok(())
}

/// The state of 10,000 resources that are all there.
pub(crate) fn deployed() -> Result<State> {
    let empty = State::new(Lineage("bench".into()));
    apply(planned(&desired(0), &empty)?.1, empty)
}

fn desired(version: u32) -> Vec<Desired> {
    let functions = (0..FUNCTIONS).flat_map(|index| {
        let function = Addr::new("function", format!("f{index}"));
        let routes = (0..ROUTES).map(|route| {
            let target = Value::Ref { of: function.clone(), output: "id".into() };
            node(
                Addr::new("route", format!("GET /f{index}/{route}")),
                [("function", target), ("path", literal(&format!("/f{index}/{route}")))],
            )
        });
        let code = literal(&format!("{version}-{index}"));
        let inputs = [("code", code), ("memory", literal("256")), ("timeout", literal("10"))];
        let routes: Vec<_> = routes.collect();
        std::iter::once(node(function.clone(), inputs)).chain(routes)
    });
    functions.collect()
}

fn node<const N: usize>(addr: Addr, inputs: [(&str, Value); N]) -> Desired {
    let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Desired { addr, inputs: Value::Map(inputs), after: BTreeSet::new(), protect: false }
}

fn literal(text: &str) -> Value {
    Value::Lit(text.into())
}

/// The time of everything between objects and plan, and the plan.
fn planned(desired: &[Desired], state: &State) -> Result<(Duration, Plan)> {
    let desired = desired.to_vec();
    let start = Instant::now();
    let graph = graph(desired).map_err(|errors| format!("{} errors in the graph", errors.len()))?;
    let changes = diff(&graph, state, &InPlace);
    let plan = schedule(&graph, state, changes);
    Ok((start.elapsed(), plan))
}

/// A plan that does not find the changes there are would be fast indeed.
fn expect((time, plan): (Duration, Plan), changes: usize) -> Result<Duration> {
    let found = plan.changes.iter().filter(|change| change.action != Action::Keep).count();
    if found == changes {
        Ok(time)
    } else {
        Err(format!("the plan has {found} changes, not {changes}").into())
    }
}

/// The state after everything worked.
fn apply(plan: Plan, state: State) -> Result<State> {
    let mut run = Run::new(plan, state).map_err(|_| "the plan is stale")?;
    while !run.is_over() {
        let (calls, _) = run.ready(64);
        for call in calls {
            run.finish(call.step, done(&call));
        }
    }
    Ok(run.end().0)
}

fn done(call: &Call) -> Outcome {
    match &call.action {
        CallAction::Delete { .. } => Outcome::Deleted,
        CallAction::Create { .. } | CallAction::Update { .. } => Outcome::Done {
            id: RemoteId(call.key.to_string()),
            outputs: BTreeMap::from([("id".to_owned(), call.key.to_string().into())]),
        },
    }
}
