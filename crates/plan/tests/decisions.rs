//! What a plan decides and why, case by case.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

use std::collections::{BTreeMap, BTreeSet};

use sf_plan::{
    Action, CallAction, Desired, Effect, Kind, Lineage, Outcome, Path, Plan, RemoteId, Run, Schemas, State,
    Status, Value, diff, graph, schedule,
};

/// `disk` is replaced if its size changes, `name` is replaced too and must go first; the rest changes in place. An `id` is stable. A `leaf` goes
/// with its `tree` or `branch`, and a `branch` with its `tree`.
struct Kinds;

impl Schemas for Kinds {
    fn effect(&self, kind: &Kind, path: &Path) -> Effect {
        match (kind.0.as_str(), path.to_string().as_str()) {
            (_, "comment") => Effect::Ignore,
            ("disk" | "name", _) => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }
    fn delete_first(&self, kind: &Kind) -> bool {
        kind.0 == "name"
    }
    fn stable(&self, _: &Kind, output: &str) -> bool {
        output == "id"
    }
    /// Of a `box`, only its size does.
    fn disturbs(&self, kind: &Kind, path: &Path, output: &str) -> bool {
        !self.stable(kind, output) && (kind.0 != "box" || path.to_string() == "size")
    }
    fn guards(&self, _: &Kind, inputs: &Value) -> bool {
        matches!(inputs, Value::Map(inputs) if inputs.get("guard") == Some(&Value::Lit(true.into())))
    }
    fn goes_with(&self, kind: &Kind, container: &Kind) -> bool {
        matches!((kind.0.as_str(), container.0.as_str()), ("branch" | "leaf", "tree") | ("leaf", "branch"))
    }
}

fn node(addr: &str, inputs: serde_json::Value) -> Desired {
    let inputs = Value::from_json(inputs).unwrap();
    Desired { addr: addr.parse().unwrap(), inputs, after: BTreeSet::new(), protect: false }
}

fn to(of: &str, output: &str) -> serde_json::Value {
    serde_json::json!({ "$ref": { "of": of, "output": output } })
}

fn plan(desired: Vec<Desired>, state: &State) -> Plan {
    let graph = graph(desired).unwrap();
    let changes = diff(&graph, state, &Kinds);
    schedule(&graph, state, changes)
}

/// Deploys; every call changes the `revision` of its object.
fn deploy(desired: Vec<Desired>, state: State) -> (State, Vec<String>) {
    let (mut run, mut calls) = (Run::new(plan(desired, &state), state).unwrap(), Vec::new());
    while !run.is_over() {
        for call in run.ready(1).0 {
            let outputs = BTreeMap::from([
                ("id".to_owned(), call.key.to_string().into()),
                ("revision".to_owned(), call.token.0.clone().into()),
            ]);
            let (verb, outcome) = match call.action {
                CallAction::Create { .. } => ("create", Outcome::Done { id: RemoteId("id".into()), outputs }),
                CallAction::Update { .. } => ("update", Outcome::Done { id: RemoteId("id".into()), outputs }),
                CallAction::Delete { .. } => ("delete", Outcome::Deleted),
            };
            calls.push(format!("{verb} {}", call.key));
            run.finish(call.step, outcome);
        }
        run.unsaved();
    }
    (run.end().0, calls)
}

fn deployed(desired: Vec<Desired>) -> State {
    deploy(desired, State::new(Lineage("line".into()))).0
}

/// The changes that are more than keep: `replace disk/a: size 1 -> 2`.
fn told(desired: Vec<Desired>, state: &State) -> Vec<String> {
    let plan = plan(desired, state);
    let tell = |change: &sf_plan::Change| {
        let action = match change.action {
            Action::Keep => "keep",
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace { early_delete: false } => "replace",
            Action::Replace { early_delete: true } => "replace early",
            Action::Delete { early: false } => "delete",
            Action::Delete { early: true } => "delete early",
        };
        let why = change.why.iter().map(|reason| serde_json::to_value(reason).unwrap()).map(|reason| {
            let text =
                |key: &str| reason[key].as_str().map_or_else(|| reason[key].to_string(), str::to_owned);
            match reason["reason"].as_str().unwrap() {
                "field" => {
                    let path: Vec<_> =
                        reason["path"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
                    let later = reason["known_at_apply"] == true;
                    let new = if later { "?".to_owned() } else { text("new") };
                    format!("{} {} -> {new}", path.join("."), text("old"))
                }
                "forced-by" => format!("forced by {}", text("by")),
                other => other.to_owned(),
            }
        });
        format!("{action} {}: {}", change.key, why.collect::<Vec<_>>().join(", "))
    };
    plan.actual_changes().map(tell).collect()
}

fn mounts(size: u8, output: &str) -> Vec<Desired> {
    vec![
        node("disk/a", serde_json::json!({ "size": size })),
        node("server/b", serde_json::json!({ "disk": to("disk/a", output), "comment": size })),
    ]
}

#[test]
fn what_is_new_and_what_is_gone() {
    let none = State::new(Lineage("line".into()));
    assert_eq!(told(mounts(1, "id"), &none), ["create disk/a: new", "create server/b: new"]);
    let state = deployed(mounts(1, "id"));
    assert_eq!(told(mounts(1, "id"), &state), Vec::<String>::new());
    assert_eq!(told(vec![], &state), ["delete disk/a: gone", "delete server/b: gone"]);
    let (state, calls) = deploy(vec![], state);
    assert_eq!(calls, ["delete server/b", "delete disk/a"]);
    assert_eq!(told(vec![], &state), Vec::<String>::new());
}

#[test]
fn a_replacement_reaches_those_who_refer_to_it() {
    let state = deployed(mounts(1, "id"));
    assert_eq!(
        told(mounts(2, "id"), &state),
        ["replace disk/a: size 1 -> 2", "update server/b: disk disk/a -> ?"]
    );
    let (state, calls) = deploy(mounts(2, "id"), state);
    assert_eq!(calls, ["create disk/a@1", "update server/b", "delete disk/a"]);
    assert_eq!(told(mounts(2, "id"), &state), Vec::<String>::new());
}

#[test]
fn a_replacement_forces_those_who_cannot_take_another_reference() {
    let chain = |size: u8| {
        vec![
            node("disk/a", serde_json::json!({ "size": size })),
            node("disk/b", serde_json::json!({ "copy-of": to("disk/a", "id") })),
        ]
    };
    let state = deployed(chain(1));
    assert_eq!(
        told(chain(2), &state),
        ["replace disk/a: size 1 -> 2", "replace disk/b: copy-of disk/a -> ?, forced by disk/a"]
    );
    assert_eq!(
        deploy(chain(2), state).1,
        ["create disk/a@1", "create disk/b@1", "delete disk/b", "delete disk/a"]
    );
}

#[test]
fn a_stable_output_keeps_a_change_from_rippling() {
    let app = |code: &str, output: &str| {
        vec![
            node("function/f", serde_json::json!({ "code": { "$artifact": code } })),
            node("route/r", serde_json::json!({ "function": to("function/f", output) })),
        ]
    };
    let stable = deployed(app("aa", "id"));
    let code = r#"update function/f: code {"$artifact":"aa"} -> {"$artifact":"bb"}"#;
    assert_eq!(told(app("bb", "id"), &stable), [code]);
    let moving = deployed(app("aa", "revision"));
    assert_eq!(told(app("bb", "revision"), &moving), [code, "update route/r: function line-0-0 -> ?"]);
}

#[test]
fn secrets_are_compared_by_their_hashes() {
    let app = |hash: &str| vec![node("function/f", serde_json::json!({ "key": { "$secret": hash } }))];
    let state = deployed(app("aa"));
    assert_eq!(told(app("aa"), &state), Vec::<String>::new());
    let expected = r#"update function/f: key {"$secret":"aa"} -> {"$secret":"bb"}"#;
    assert_eq!(told(app("bb"), &state), [expected]);
}

#[test]
fn what_cannot_stand_beside_its_successor_goes_first_and_its_users_before_it() {
    let named = |name: &str, with_user: bool| {
        let user = node("disk/user", serde_json::json!({ "of": to("name/n", "revision") }));
        let mut all = vec![node("name/n", serde_json::json!({ "name": name }))];
        all.extend(with_user.then_some(user));
        all
    };
    let state = deployed(named("one", true));
    assert_eq!(
        told(named("two", false), &state),
        ["delete early disk/user: gone, forced by name/n", "replace early name/n: name one -> two"]
    );
    assert_eq!(
        deploy(named("two", false), state).1,
        ["delete disk/user", "delete name/n", "create name/n@1"]
    );
}

#[test]
fn half_made_replaced_and_missing_objects_are_put_right() {
    let desired = || mounts(1, "id");
    let with = |status: Status| {
        let mut state = deployed(desired());
        state.objects.get_mut(&"disk/a".parse().unwrap()).unwrap().status = status;
        state
    };
    let user = "update server/b: disk disk/a -> ?";
    assert_eq!(told(desired(), &with(Status::Tainted)), ["replace disk/a: tainted", user]);
    assert_eq!(told(desired(), &with(Status::Missing)), ["create disk/a: missing", user]);
    // Nobody's successor: its own was deleted, and it is on its way out itself.
    let leftover = ["delete disk/a: leftover", "create disk/a@1: new", user];
    assert_eq!(told(desired(), &with(Status::Deposed)), leftover);
    for status in [Status::Tainted, Status::Missing, Status::Deposed] {
        let (state, _) = deploy(desired(), with(status));
        assert_eq!(told(desired(), &state), Vec::<String>::new(), "{status:?}");
    }
}

/// The first was to make way for a second, which was half made, and that for a third: which alone was deleted before the run died.
#[test]
fn what_was_to_be_replaced_is_not_gone_on_with_when_its_successors_successor_is_gone() {
    let mut state = deployed(mounts(1, "id"));
    let first: sf_plan::ObjectKey = "disk/a".parse().unwrap();
    let second = sf_plan::Object { status: Status::Deposed, ..state.objects[&first].clone() };
    state.objects.insert(first.successor(), second);
    let (state, calls) = deploy(mounts(2, "id"), state);
    assert_eq!(calls, ["create disk/a@2", "update server/b", "delete disk/a@1", "delete disk/a"]);
    assert_eq!(told(mounts(2, "id"), &state), Vec::<String>::new());
}

#[test]
fn a_missing_object_comes_back_under_the_same_name_and_its_users_need_not_change() {
    let mut state = deployed(mounts(1, "id"));
    state.objects.get_mut(&"disk/a".parse().unwrap()).unwrap().status = Status::Missing;
    assert_eq!(deploy(mounts(1, "id"), state).1, ["create disk/a"]);
}

#[test]
fn destroyed_data_is_told() {
    let protected = |size: u8| {
        let mut all = mounts(size, "id");
        all[0].protect = true;
        all
    };
    let state = deployed(protected(1));
    let data = |desired: Vec<Desired>| -> Vec<String> {
        plan(desired, &state).destroyed_data().map(|change| change.key.to_string()).collect()
    };
    assert_eq!(data(protected(1)), Vec::<String>::new());
    assert_eq!(data(protected(2)), ["disk/a"]);
    assert_eq!(data(vec![]), ["disk/a"]);
    // Ceasing to protect and destroying at once is no way around it.
    assert_eq!(data(mounts(2, "id")), ["disk/a"]);
    // It is kept in mind that it is data no more, without a call.
    let (state, calls) = deploy(mounts(1, "id"), state);
    assert_eq!(calls, Vec::<String>::new());
    assert_eq!(plan(vec![], &state).destroyed_data().count(), 0);
}

#[test]
fn a_change_that_leaves_an_output_as_it_is_does_not_reach_its_users() {
    let boxes = |size: u8, label: &str| {
        vec![
            node("box/a", serde_json::json!({ "size": size, "label": label })),
            node("disk/b", serde_json::json!({ "of": to("box/a", "revision") })),
        ]
    };
    let state = deployed(boxes(1, "old"));
    assert_eq!(deploy(boxes(1, "new"), state.clone()).1, ["update box/a"]);
    let both = ["update box/a", "create disk/b@1", "delete disk/b"];
    assert_eq!(deploy(boxes(2, "new"), state).1, both);
}

#[test]
fn what_is_destroyed_in_spite_of_its_guard_is_told() {
    let disk = |size: u8, guard: bool| {
        vec![
            node("disk/a", serde_json::json!({ "size": size, "guard": guard })),
            node("disk/b", serde_json::json!({})),
        ]
    };
    let told = |desired: Vec<Desired>, state: &State| -> Vec<String> {
        plan(desired, state).destroyed_guarded().map(|change| change.key.to_string()).collect()
    };
    let (open, guarded) = (deployed(disk(1, false)), deployed(disk(1, true)));
    assert_eq!(told(disk(1, true), &guarded), Vec::<String>::new());
    assert_eq!(told(disk(2, true), &guarded), ["disk/a"]);
    assert_eq!(told(vec![], &guarded), ["disk/a"]);
    // Neither by ceasing to guard it in the same deploy, nor before the guard is there.
    assert_eq!(told(disk(2, false), &guarded), ["disk/a"]);
    assert_eq!(told(disk(2, true), &open), ["disk/a"]);
    assert_eq!(told(disk(2, false), &open), Vec::<String>::new());
}

#[test]
fn a_plan_of_another_state_is_stale() {
    let state = deployed(mounts(1, "id"));
    let plan = plan(mounts(2, "id"), &state);
    let later = State { serial: sf_plan::Serial(state.serial.0 + 1), ..state.clone() };
    let other = State { lineage: Lineage("other".into()), ..state };
    assert!(Run::new(plan.clone(), later).is_err());
    assert!(Run::new(plan, other).is_err());
}

#[test]
fn a_plan_and_its_tokens_are_the_same_each_time() {
    let state = deployed(mounts(1, "id"));
    let tokens = || {
        let mut run = Run::new(plan(mounts(2, "id"), &state), state.clone()).unwrap();
        run.ready(9).0.into_iter().map(|call| call.token.0).collect::<Vec<_>>()
    };
    assert_eq!(tokens(), tokens());
    // A later run of the same steps has others.
    assert_eq!(tokens(), [format!("line-{}-0", state.serial.0)]);
}

#[test]
fn a_plan_can_be_written_and_read() {
    let plan = plan(mounts(2, "id"), &deployed(mounts(1, "id")));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

/// A tree with a branch and two leaves, one of which is on the branch; a bird sits on that one.
fn tree(bird: bool) -> Vec<Desired> {
    let on = |of: &str| serde_json::json!({ "on": to(of, "id") });
    let mut all = vec![
        node("tree/a", serde_json::json!({})),
        node("branch/a", on("tree/a")),
        node("leaf/a", on("branch/a")),
        node("leaf/b", on("tree/a")),
    ];
    all.extend(bird.then(|| node("bird/a", on("leaf/a"))));
    all
}

#[test]
fn what_goes_with_its_container_needs_no_call() {
    let (state, calls) = deploy(Vec::new(), deployed(tree(true)));
    assert_eq!(calls, ["delete bird/a", "delete tree/a"]);
    assert!(state.objects.is_empty() && state.pending.is_empty(), "{state:?}");
}

#[test]
fn what_is_deleted_without_its_container_needs_a_call() {
    let rest = tree(false).into_iter().filter(|node| node.addr.kind.0 == "tree").collect();
    let (state, calls) = deploy(rest, deployed(tree(false)));
    assert_eq!(calls, ["delete branch/a", "delete leaf/b"]);
    assert_eq!(state.objects.len(), 1);
}

/// Each tree's branch leans on the other's leaf: if both only went along, each would have to go before the other.
#[test]
fn containers_whose_contents_use_each_other_go_after_as_few_calls_as_are_needed() {
    let on = |tree: &str| serde_json::json!({ "on": to(tree, "id") });
    let leaning =
        |tree: &str, leaf: &str| serde_json::json!({ "on": to(tree, "id"), "near": to(leaf, "id") });
    let desired = vec![
        node("tree/a", serde_json::json!({})),
        node("tree/b", serde_json::json!({})),
        node("leaf/a", on("tree/a")),
        node("leaf/b", on("tree/b")),
        node("branch/a", leaning("tree/a", "leaf/b")),
        node("branch/b", leaning("tree/b", "leaf/a")),
    ];
    let (state, calls) = deploy(Vec::new(), deployed(desired));
    assert_eq!(calls, ["delete branch/a", "delete tree/b", "delete tree/a"]);
    assert!(state.objects.is_empty(), "{state:?}");
}

#[test]
fn what_would_go_with_its_container_stays_recorded_if_that_cannot_be_deleted() {
    let state = deployed(tree(false));
    let mut run = Run::new(plan(Vec::new(), &state), state).unwrap();
    let (calls, _) = run.ready(10);
    let keys: Vec<_> = calls.iter().map(|call| call.key.to_string()).collect();
    assert_eq!(keys, ["tree/a"]);
    let error = sf_plan::Failure::internal("no");
    run.finish(calls[0].step, Outcome::Failed { partial: None, error });
    assert!(run.is_over());
    let (state, report) = run.end();
    assert_eq!((state.objects.len(), report.failed.len(), report.skipped.len()), (4, 1, 3));
}

/// A function's alias uses a table: the table stays until the function is gone, which takes the alias along.
#[test]
fn what_the_contents_use_goes_after_the_container() {
    let desired = vec![
        node("soil/a", serde_json::json!({})),
        node("tree/a", serde_json::json!({})),
        node("leaf/a", serde_json::json!({ "on": to("tree/a", "id"), "fed_by": to("soil/a", "id") })),
    ];
    let (_, calls) = deploy(Vec::new(), deployed(desired));
    assert_eq!(calls, ["delete tree/a", "delete soil/a"]);
}
