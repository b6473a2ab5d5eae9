//! Deploys on which nothing goes wrong.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sf_engine::{ApplyError, LocalStore, Session, Store, observe, stop_pair};
use sf_plan::{Call, Event, Failure, Intent, Object, ObjectKey, Op, Outcome, Reason, Value};
use sf_provider::testkit::{ModelBackend, ModelCloud};
use sf_provider::{Cx, Driver};

use crate::support::{Stand, one, two, who};

#[tokio::test]
async fn a_deploy_makes_the_calls_of_its_plan() {
    let stand = Stand::new();
    let (control, mut heard) = stand.control(stop_pair().1);
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    // What `sf plan` shows is the same.
    assert_eq!(stand.plan(two("v1")).await.steps, plan.steps);
    let mut planned: Vec<_> = plan.steps.iter().map(|step| format!("create {}", step.key)).collect();
    let applied = session.apply(plan, control).await.unwrap();
    assert!(applied.report.is_success() && !applied.stopped);
    let mut made = stand.cloud.take_calls();
    planned.sort();
    made.sort();
    assert_eq!(made, planned);
    stand.expect_converged(two("v1"), "").await;
    assert_eq!(stand.state().await, applied.state);

    let mut finished = 0;
    while let Ok(event) = heard.try_recv() {
        finished += usize::from(matches!(event, Event::Finished { .. }));
    }
    assert_eq!(finished, planned.len());
}

#[tokio::test]
async fn a_second_deploy_calls_nothing_and_writes_nothing() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    stand.cloud.take_calls();
    let look = || (fs::read(stand.file()).unwrap(), fs::metadata(stand.file()).unwrap().modified().unwrap());
    let before = look();
    let applied = stand.deploy(two("v1")).await;
    assert_eq!(applied.report, sf_plan::Report::default());
    assert_eq!(stand.cloud.take_calls(), Vec::<String>::new());
    assert_eq!(look(), before);
}

#[tokio::test]
async fn a_look_writes_nothing_and_is_not_kept_out_by_a_lock() {
    let stand = Stand::new();
    assert_eq!(stand.plan(two("v1")).await.steps.len(), 7);
    assert!(!stand.dir.path().join("state").exists());
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    assert_eq!(stand.plan(two("v1")).await.steps.len(), 7);
    drop(lock);
    // Without a provider to ask, the record stands.
    let observed = observe(&stand.store, None, &who("sf plan")).await.unwrap();
    assert_eq!((observed.state.objects.len(), observed.adopted), (0, 0));
}

#[tokio::test]
async fn new_code_reaches_what_uses_it_and_nothing_else() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let mut half = two("v2");
    let old = two("v1");
    // Only `hello` has new code.
    for node in &mut half {
        if node.addr.name == "bye" {
            *node = old.iter().find(|other| other.addr == node.addr).unwrap().clone();
        }
    }
    stand.cloud.take_calls();
    stand.deploy(half.clone()).await;
    assert_eq!(
        stand.cloud.take_calls(),
        ["create code/hello@1", "update function/hello", "update release/current", "delete code/hello"]
    );
    stand.expect_converged(half, "").await;
}

#[tokio::test]
async fn removal_is_a_deploy_of_nothing() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    stand.deploy(one("v2")).await;
    stand.expect_converged(one("v2"), "").await;
    stand.deploy(Vec::new()).await;
    stand.expect_converged(Vec::new(), "").await;
    assert!(stand.cloud.objects(&stand.scope()).is_empty());
}

#[tokio::test]
async fn a_lost_state_is_adopted() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let objects = stand.state().await.objects;
    fs::remove_dir_all(stand.dir.path().join("state")).unwrap();
    stand.cloud.take_calls();
    let observed = stand.look().await.unwrap();
    assert_eq!((observed.adopted, observed.changed), (objects.len(), true));
    stand.deploy(two("v1")).await;
    assert_eq!(stand.cloud.take_calls(), Vec::<String>::new());
    assert_eq!(stand.state().await.objects, objects);
    assert_eq!(stand.look().await.unwrap().adopted, 0);
}

#[tokio::test]
async fn what_was_deleted_outside_is_noticed_by_a_refresh_and_made_again() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let key: ObjectKey = "function/hello".parse().unwrap();
    assert!(stand.cloud.delete_outside(&stand.scope(), &key));
    let mut session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let drift = session.refresh().await.unwrap();
    assert_eq!(drift, [sf_plan::Drift { key: key.clone(), why: vec![Reason::Missing] }]);
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let change = plan.actual_changes().find(|change| change.key == key).unwrap();
    assert_eq!(change.why, [Reason::Missing]);
    let (control, _) = stand.control(stop_pair().1);
    assert!(session.apply(plan, control).await.unwrap().report.is_success());
    stand.expect_converged(two("v1"), "").await;
}

#[tokio::test]
async fn what_was_changed_outside_is_told_by_field_and_put_right() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let key: ObjectKey = "function/hello".parse().unwrap();
    let mut inputs = stand.state().await.objects[&key].inputs.clone();
    let Value::Map(map) = &mut inputs else { panic!("inputs are a map") };
    let old = map.insert("memory".into(), Value::Lit(1.into())).unwrap().to_json();
    assert!(stand.cloud.change_outside(&stand.scope(), &key, inputs));
    // Nobody looks, nobody knows.
    assert_eq!(stand.plan(two("v1")).await.steps, []);
    let mut session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let drift = session.refresh().await.unwrap();
    let field = Reason::Field {
        path: sf_plan::Path(vec!["memory".into()]),
        old: Some(old),
        new: Some(1.into()),
        known_at_apply: false,
    };
    assert_eq!(drift, [sf_plan::Drift { key, why: vec![field] }]);
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let (control, _) = stand.control(stop_pair().1);
    assert!(session.apply(plan, control).await.unwrap().report.is_success());
    stand.expect_converged(two("v1"), "").await;
}

#[tokio::test]
async fn a_protected_object_begins_and_ceases_to_be_so_without_a_call() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    stand.cloud.take_calls();
    for protect in [true, false] {
        let mut desired = two("v1");
        desired.iter_mut().for_each(|node| node.protect = protect);
        stand.deploy(desired).await;
        assert!(stand.state().await.objects.values().all(|object| object.protect == protect));
        assert_eq!(stand.plan(Vec::new()).await.destroyed_data().count(), if protect { 7 } else { 0 });
    }
    assert_eq!(stand.cloud.take_calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_of_another_state_is_refused() {
    let stand = Stand::new();
    let plan = stand.plan(two("v1")).await;
    stand.deploy(one("v1")).await;
    stand.cloud.take_calls();
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let (control, _) = stand.control(stop_pair().1);
    let refused = session.apply(plan, control).await;
    assert!(matches!(refused, Err(ApplyError::Stale(_))), "{refused:?}");
    assert_eq!(stand.cloud.take_calls(), Vec::<String>::new());
}

/// Looks at the stored state during each call, and counts the calls in flight.
struct Witness {
    cloud: ModelCloud,
    /// Another store of the same files, as another process would have it.
    store: LocalStore,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Driver for Witness {
    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        self.cloud.read(cx, key, object).await
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let stored = self.store.load().await.unwrap().unwrap();
        assert_eq!(stored.pending.get(&call.token).map(|intent| &intent.key), Some(&call.key));
        let outcome = self.cloud.call(cx, call).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        self.cloud.find(cx, intent).await
    }

    async fn discover(&self, cx: &Cx) -> Result<std::collections::BTreeMap<ObjectKey, Object>, Failure> {
        self.cloud.discover(cx).await
    }
}

#[tokio::test]
async fn every_intent_is_stored_before_its_call_and_calls_are_bounded() {
    let stand = Stand::new();
    let cloud = stand.cloud.clone();
    let (in_flight, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let store = LocalStore::new(&stand.dir.path().join("state"), "model", "dev");
    let witness = Arc::new(Witness { cloud, store, in_flight, most });
    for desired in [two("v1"), one("v2"), Vec::new()] {
        let provider = stand.provider_of(witness.clone());
        let applied = stand.deploy_with(&stand.store, provider, desired).await.unwrap();
        assert!(applied.report.is_success(), "{:?}", applied.report);
    }
    // The limit of the stand is 3, and there is always that much to do at some time.
    assert_eq!(witness.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_step_that_only_corrects_the_record_is_no_call() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let mut desired = two("v1");
    let release = desired.iter_mut().find(|node| node.addr.kind.0 == "release").unwrap();
    release.after.insert("route/GET /hello".parse().unwrap());
    let plan = stand.plan(desired.clone()).await;
    assert!(matches!(plan.steps.as_slice(), [step] if matches!(step.op, Op::Record { .. })));
    stand.cloud.take_calls();
    stand.deploy(desired.clone()).await;
    assert_eq!(stand.cloud.take_calls(), Vec::<String>::new());
    assert_eq!(stand.plan(desired).await.steps, []);
}
