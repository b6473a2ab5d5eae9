//! A state in a bucket: what becomes of it when answers are lost and runs are killed.

mod damage;
mod lock;
mod push;

use std::fs;
use std::time::Duration;

use sf_engine::{ApplyError, Edit, Lock, Pushed, RemoteStore, Store, StoreError, read_state};
use sf_plan::{Delta, Object, Save, Serial, State};

use crate::bucket::Writes;
use crate::support::{Stand, many, one, two, who};

const MINUTE: Duration = Duration::from_secs(61);

/// Saves one more change, and gives the state that it led to.
async fn change(store: &dyn Store, lock: &dyn Lock, mut state: State) -> Result<State, StoreError> {
    let (key, object) = state.objects.first_key_value().unwrap();
    let (key, object) = (key.clone(), Object { protect: !object.protect, ..object.clone() });
    let (serial, objects) = (Serial(state.serial.0 + 1), [(key, Some(object))].into());
    let delta = Delta { serial, objects, pending: [].into() };
    state.apply(delta.clone());
    store.save(lock, &Save { state: &state, delta: Some(delta) }).await?;
    Ok(state)
}

/// Two machines, and a project that was deployed by a third one.
async fn two_machines() -> (Stand, RemoteStore, RemoteStore) {
    let stand = Stand::remote();
    stand.deploy(two("v1")).await;
    let (one, other) = (stand.bucket().store(), stand.bucket().store());
    (stand, one, other)
}

#[tokio::test]
async fn a_run_leaves_its_state_whole_and_no_lock() {
    let stand = Stand::remote();
    stand.deploy(two("v1")).await;
    assert_eq!(stand.bucket().names().await, ["dev.json"]);
    let before = stand.bucket().read("dev.json").await;
    assert_eq!(read_state(&before, "").unwrap(), stand.state().await);
    stand.deploy(one("v2")).await;
    stand.expect_converged(one("v2"), "").await;
    assert_eq!(stand.bucket().names().await, ["dev.json", "dev.json.backup"]);
    assert_eq!(stand.bucket().read("dev.json.backup").await, before);
    assert_eq!(stand.bucket().store().load().await.unwrap(), Some(stand.state().await));
}

/// While a save is under way calls go on, and what they come to is in the next one.
#[tokio::test(start_paused = true)]
async fn a_save_covers_all_that_happened_during_the_one_before() {
    let stand = Stand::remote();
    stand.bucket().slow(Duration::from_millis(50));
    let started = tokio::time::Instant::now();
    let applied = stand.deploy(many(100)).await;
    let (calls, saves) = (applied.report.done.len(), applied.state.serial.0);
    assert!(calls > 200, "{calls} calls");
    // Two for each call would be 602: that it begins, and what came of it.
    assert!(saves as usize <= calls / 2, "{saves} saves of {calls} calls");
    // The lock is taken, renewed and given back, and the state is written whole.
    let (took, least) = (started.elapsed(), Duration::from_millis(50 * saves));
    assert!((least..least + Duration::from_millis(500)).contains(&took), "{took:?} for {saves} saves");
    assert_eq!(stand.bucket().store().load().await.unwrap(), Some(applied.state));
}

#[tokio::test(start_paused = true)]
async fn an_own_write_whose_answer_is_lost_is_not_taken_for_somebody_elses() {
    for writes in [Writes::Lost, Writes::Repeated] {
        let stand = Stand::remote();
        stand.bucket().writes(writes);
        stand.deploy(two("v1")).await;
        stand.deploy(one("v2")).await;
        stand.expect_converged(one("v2"), &format!("{writes:?}")).await;
        assert_eq!(stand.bucket().names().await, ["dev.json", "dev.json.backup"], "{writes:?}");
        // Heartbeats too.
        let lock = stand.store().lock(who("sf deploy")).await.unwrap();
        let state = stand.state().await;
        tokio::time::sleep(MINUTE).await;
        change(stand.store(), lock.as_ref(), state).await.unwrap();
    }
}

/// The same change by two: each would take the other's object for its own if it did not name its writer.
#[tokio::test(start_paused = true)]
async fn the_same_write_of_somebody_else_is_not_ones_own() {
    let (stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let state = store.load().await.unwrap().unwrap();
    stand.bucket().age_locks(MINUTE);
    let theirs = other.lock(who("sf deploy")).await.unwrap();
    assert_eq!(other.load().await.unwrap().as_ref(), Some(&state));
    change(&other, theirs.as_ref(), state.clone()).await.unwrap();
    let refused = change(&store, lock.as_ref(), state).await;
    assert!(matches!(refused, Err(StoreError::LockLost { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_saved_is_in_a_file_that_can_be_pushed() {
    let stand = Stand::remote();
    stand.deploy(two("v1")).await;
    let (control, mut heard) = stand.control(sf_engine::stop_pair().1);
    let session = sf_engine::Session::open(stand.store(), stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(one("v2"), &sf_provider::testkit::ModelBackend).unwrap();
    // The store is away from the first finished call on.
    let bucket = stand.bucket().clone();
    let away = async {
        while let Some(event) = heard.recv().await {
            if matches!(event, sf_plan::Event::Finished { .. }) {
                bucket.writes(Writes::Cut);
            }
        }
    };
    let (applied, ()) = tokio::join!(session.apply(plan, control), away);
    let Err(error @ ApplyError::Unsaved { .. }) = applied else { panic!("it was saved") };
    let hint = error.hint().unwrap();
    assert!(hint.contains("`sf state push ") && hint.contains("sf-state.rescue.json`"), "{hint}");
    stand.bucket().writes(Writes::Answered);
    stand.bucket().remove("dev.lock").await;
    let rescued = read_state(&fs::read(stand.rescue()).unwrap(), "").unwrap();
    let edit = Edit::begin(stand.store(), who("sf state push")).await.unwrap();
    let pushed = edit.push(rescued.clone(), &stand.scope(), false, None).await.unwrap();
    assert!(matches!(pushed, Pushed::Stored { aside: None, .. }));
    assert_eq!(stand.state().await.objects, rescued.objects);
    stand.deploy(one("v2")).await;
    stand.expect_converged(one("v2"), "").await;
}
