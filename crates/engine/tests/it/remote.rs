//! A state in a bucket: who may change it, what becomes of it when answers are lost, and how damage is seen.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use sf_engine::{
    ApplyError, Edit, Holder, Lock, ObserveError, Patience, Pushed, Rebuild, RemoteStore, Store, StoreError,
    acquire, read_state,
};
use sf_plan::{Delta, Object, Save, Serial, State};

use crate::bucket::Writes;
use crate::support::{Stand, one, two, who};

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

#[tokio::test(start_paused = true)]
async fn the_second_is_refused_and_told_who_is_first() {
    let (_stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy --stage dev")).await.unwrap();
    let Err(refused) = other.lock(who("sf remove")).await else { panic!("two hold the lock") };
    let message = refused.to_string();
    assert!(
        message.contains("ada on engine (process ") && message.contains("sf deploy --stage dev"),
        "{message}"
    );
    assert!(refused.hint().unwrap().contains("--lock-timeout"));
    let holder = other.holder().await.unwrap().unwrap();
    assert!(other.is_heard_of(&holder), "on this machine too: it may be another one of the same name");
    drop(lock);
    store.close().await;
    assert_eq!(other.holder().await.unwrap(), None);
    drop(other.lock(who("sf remove")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_holder_says_that_it_lives() {
    let (stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    for _ in 0..8 {
        let before = stand.bucket().version("dev.lock").await;
        tokio::time::sleep(Duration::from_secs(16)).await;
        assert_ne!(stand.bucket().version("dev.lock").await, before);
        assert!(matches!(other.lock(who("sf remove")).await, Err(StoreError::Locked(Some(_)))));
    }
    drop(lock);
    store.close().await;
    tokio::time::sleep(MINUTE).await;
    assert_eq!(other.holder().await.unwrap(), None, "a heart that beats on would bring the lock back");
}

/// A killed process does not release.
fn killed(lock: Box<dyn Lock>) {
    std::mem::forget(lock);
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_replaced_once_it_was_silent_for_a_minute() {
    let (stand, store, other) = two_machines().await;
    killed(store.lock(who("sf deploy")).await.unwrap());
    let refused = other.lock(who("sf remove")).await;
    assert!(matches!(refused, Err(StoreError::Locked(Some(_)))));
    // Somebody who was not there before sees it by the bucket's clock.
    stand.bucket().age_locks(Duration::from_secs(59));
    assert!(matches!(stand.bucket().store().lock(who("sf remove")).await, Err(StoreError::Locked(_))));
    stand.bucket().age_locks(MINUTE);
    let lock = stand.bucket().store().lock(who("sf remove")).await.unwrap();
    assert_eq!(lock.info().command, "sf remove");
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_lock_does_not_change_for_a_minute_is_dead() {
    let (stand, store, other) = two_machines().await;
    killed(store.lock(who("sf deploy")).await.unwrap());
    assert!(matches!(other.lock(who("sf remove")).await, Err(StoreError::Locked(_))));
    // The test has one runtime for all, where the heart beats on: but in vain.
    stand.bucket().writes(Writes::Cut);
    tokio::time::sleep(MINUTE).await;
    stand.bucket().writes(Writes::Answered);
    drop(other.lock(who("sf remove")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_for_dead_saves_nothing_and_is_told_by_whom() {
    let (stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let mine = store.load().await.unwrap().unwrap();
    stand.bucket().age_locks(MINUTE);
    let theirs = other.lock(who("sf remove")).await.unwrap();
    let state = other.load().await.unwrap().unwrap();
    // Before its next heartbeat: the other one has saved already.
    let state = change(&other, theirs.as_ref(), state).await.unwrap();
    let refused = change(&store, lock.as_ref(), mine.clone()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::LockLost { by: Some(by), .. } if by.info.command == "sf remove"));
    assert!(refused.to_string().contains("`sf remove`"), "{refused}");
    // And after it.
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(matches!(change(&store, lock.as_ref(), mine).await, Err(StoreError::LockLost { .. })));
    drop(lock);
    store.close().await;
    assert!(other.holder().await.unwrap().is_some(), "the lock that was lost is not released");
    change(&other, theirs.as_ref(), state).await.unwrap();
}

/// The place of its next change is free again: the changes were deleted when the state was written whole.
#[tokio::test(start_paused = true)]
async fn who_slept_through_a_whole_run_saves_nothing() {
    let (stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let mine = store.load().await.unwrap().unwrap();
    let mine = change(&store, lock.as_ref(), mine).await.unwrap();
    stand.bucket().age_locks(MINUTE);
    let theirs = other.lock(who("sf deploy")).await.unwrap();
    let mut state = other.load().await.unwrap().unwrap();
    assert_eq!(state, mine, "what was saved before it fell asleep is there");
    for _ in 0..3 {
        state = change(&other, theirs.as_ref(), state).await.unwrap();
    }
    other.compact(theirs.as_ref(), &state).await.unwrap();
    assert!(stand.bucket().names().await.iter().all(|name| !name.contains("journal")));
    let refused = change(&store, lock.as_ref(), mine).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(other.load().await.unwrap(), Some(state.clone()));
    change(&other, theirs.as_ref(), state).await.unwrap();
}

/// The other way round: the state was written whole, and contains less than is saved.
#[tokio::test(start_paused = true)]
async fn a_late_compaction_harms_nobody() {
    let (stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let mine = store.load().await.unwrap().unwrap();
    let mine = change(&store, lock.as_ref(), mine).await.unwrap();
    stand.bucket().age_locks(MINUTE);
    let theirs = other.lock(who("sf deploy")).await.unwrap();
    let state = other.load().await.unwrap().unwrap();
    store.compact(lock.as_ref(), &mine).await.unwrap();
    let state = change(&other, theirs.as_ref(), state).await;
    // Either it goes on from there, or it is refused before it begins: nothing is lost.
    match state {
        Ok(state) => assert_eq!(store.load().await.unwrap(), Some(state)),
        Err(error) => assert!(matches!(error, StoreError::Conflict { .. }), "{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn whose_lock_was_removed_saves_nothing() {
    let (_stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let state = store.load().await.unwrap().unwrap();
    let removed = other.unlock().await.unwrap().unwrap();
    assert_eq!(removed.info.command, "sf deploy");
    assert_eq!(other.unlock().await.unwrap(), None);
    tokio::time::sleep(Duration::from_secs(16)).await;
    let refused = change(&store, lock.as_ref(), state).await;
    assert!(matches!(refused, Err(StoreError::LockLost { by: None, .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_patient_waits_and_says_for_whom() {
    let (_stand, store, other) = two_machines().await;
    let lock = store.lock(who("sf deploy")).await.unwrap();
    let told = Mutex::new(Vec::new());
    let waiting = |holder: Option<&Holder>| {
        told.lock().unwrap().push(holder.map(|holder| holder.info.command.clone()));
    };
    let patience = |longest| Patience { longest, waiting: Some(&waiting) };
    let impatient = acquire(&other, who("sf remove"), patience(Duration::from_secs(30))).await;
    assert!(matches!(impatient, Err(StoreError::Locked(Some(_)))));
    assert_eq!(*told.lock().unwrap(), [Some("sf deploy".to_owned())]);
    let ends = async {
        tokio::time::sleep(MINUTE).await;
        drop(lock);
        store.close().await;
    };
    let waits = acquire(&other, who("sf remove"), patience(Duration::from_secs(300)));
    let (acquired, ()) = tokio::join!(waits, ends);
    assert_eq!(acquired.unwrap().info().command, "sf remove");
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
    let pushed = edit.push(rescued.clone(), false, None).await.unwrap();
    assert!(matches!(pushed, Pushed::Stored { aside: None, .. }));
    assert_eq!(stand.state().await.objects, rescued.objects);
    stand.deploy(one("v2")).await;
    stand.expect_converged(one("v2"), "").await;
}

async fn refused(stand: &Stand) -> StoreError {
    match stand.look().await {
        Err(ObserveError::Store(error)) => error,
        other => panic!("the state is read: {other:?}"),
    }
}

/// A deploy that was killed after three saves.
async fn cut_short() -> (Stand, State) {
    let stand = Stand::remote();
    stand.deploy(two("v1")).await;
    let lock = stand.store().lock(who("sf deploy")).await.unwrap();
    let mut state = stand.state().await;
    for _ in 0..3 {
        state = change(stand.store(), lock.as_ref(), state).await.unwrap();
    }
    (stand, state)
}

fn journal(serial: u64) -> String {
    format!("dev.journal/{serial}.json")
}

#[tokio::test]
async fn what_a_killed_run_saved_is_read_and_goes_on() {
    let (stand, state) = cut_short().await;
    assert_eq!(stand.bucket().store().load().await.unwrap(), Some(state));
    stand.deploy(two("v2")).await;
    stand.expect_converged(two("v2"), "").await;
    assert_eq!(stand.bucket().names().await, ["dev.json", "dev.json.backup"]);
}

#[tokio::test]
async fn a_gap_is_damage_and_is_rebuilt() {
    for (gone, cause) in [(1, "follows state"), (2, "follows state")] {
        let (stand, state) = cut_short().await;
        stand.bucket().remove(&journal(state.serial.0 - gone)).await;
        let error = refused(&stand).await;
        assert!(matches!(error, StoreError::Corrupt { .. }) && error.to_string().contains(cause), "{error}");
        assert!(error.hint().unwrap().contains("sf state rebuild"));
        let rebuild =
            Rebuild::begin(stand.store(), &stand.provider(), who("sf state rebuild")).await.unwrap();
        let aside = rebuild.save(None).await.unwrap().unwrap();
        stand.store().close().await;
        assert!(aside.starts_with("mem://bucket/team/states/sample/model/dev.unreadable-"), "{aside}");
        stand.expect_converged(two("v1"), "").await;
    }
}

#[tokio::test]
async fn changes_without_their_state_are_damage() {
    let (stand, _) = cut_short().await;
    stand.bucket().remove("dev.json").await;
    assert!(refused(&stand).await.to_string().contains("goes on from is gone"));
}

#[tokio::test]
async fn a_flipped_bit_is_seen_wherever_it_is() {
    let (stand, state) = cut_short().await;
    for name in [journal(state.serial.0), journal(state.serial.0 - 1), "dev.json".to_owned()] {
        let whole = stand.bucket().read(&name).await;
        for at in (0..whole.len()).step_by(7) {
            let mut flipped = whole.to_vec();
            flipped[at] ^= 1 << (at % 8);
            stand.bucket().write(&name, flipped.clone()).await;
            match stand.look().await {
                Err(ObserveError::Store(StoreError::Corrupt { .. } | StoreError::Newer { .. })) => {}
                // The writer's number is nothing that the state depends on, and one blank is as good as another.
                other => assert_eq!(other.unwrap().state, state, "{}", String::from_utf8_lossy(&flipped)),
            }
        }
        stand.bucket().write(&name, whole).await;
    }
}

#[tokio::test]
async fn changes_that_the_state_contains_are_nothing() {
    let (stand, state) = cut_short().await;
    let names: Vec<_> = (0..3).map(|back| journal(state.serial.0 - back)).collect();
    let mut old = Vec::new();
    for name in names {
        old.push((name.clone(), stand.bucket().read(&name).await));
    }
    stand.deploy(two("v2")).await;
    let state = stand.state().await;
    for (name, bytes) in old {
        stand.bucket().write(&name, bytes).await;
    }
    assert_eq!(stand.state().await, state);
    stand.deploy(two("v3")).await;
    stand.expect_converged(two("v3"), "").await;
    assert_eq!(stand.bucket().names().await, ["dev.json", "dev.json.backup"]);
}

#[tokio::test]
async fn what_a_later_sf_wrote_is_left_alone() {
    let (stand, state) = cut_short().await;
    let name = journal(state.serial.0);
    stand.bucket().write(&name, "{\"version\": 3, \"things\": []}").await;
    let error = refused(&stand).await;
    assert!(matches!(error, StoreError::Newer { found: 3, .. }), "{error}");
    assert_eq!(error.hint().as_deref(), Some("update sf"));
}

#[tokio::test]
async fn a_journal_does_not_grow_without_end() {
    let (stand, mut state) = cut_short().await;
    let lock = stand.store().lock(who("sf deploy")).await.unwrap();
    state = stand.store().load().await.unwrap().unwrap_or(state);
    let mut longest = 0;
    for _ in 0..600 {
        state = change(stand.store(), lock.as_ref(), state).await.unwrap();
        longest = longest.max(stand.bucket().names().await.len());
    }
    assert!((20..510).contains(&longest), "{longest} objects");
    assert_eq!(stand.bucket().store().load().await.unwrap(), Some(state));
}

#[tokio::test]
async fn a_state_that_is_pushed_must_be_newer_and_of_the_same_history() {
    for stand in [Stand::new(), Stand::remote()] {
        stand.deploy(two("v1")).await;
        let old = stand.state().await;
        stand.deploy(one("v2")).await;
        let new = stand.state().await;
        let push = async |state: &State, force| {
            let edit = Edit::begin(stand.store(), who("sf state push")).await.unwrap();
            let pushed = edit.push(state.clone(), force, None).await;
            stand.store().close().await;
            pushed
        };
        assert_eq!(push(&new, false).await.unwrap(), Pushed::Same);
        let older = push(&old, false).await.unwrap_err();
        let serials = format!("has serial {}, and this one {}", new.serial.0, old.serial.0);
        assert!(older.to_string().contains(&serials), "{older}");
        let mut other = old.clone();
        other.lineage.0 = "other".into();
        other.serial.0 += 100;
        assert!(push(&other, false).await.unwrap_err().to_string().contains("another history"));
        assert_eq!(stand.state().await, new, "nothing was changed until now");

        let Pushed::Stored { serial, aside: None } = push(&old, true).await.unwrap() else { panic!() };
        assert_eq!(serial.0, new.serial.0 + 1);
        assert_eq!(stand.state().await.objects, old.objects);
        let Pushed::Stored { serial, aside: Some(_) } = push(&other, true).await.unwrap() else { panic!() };
        assert_eq!((serial, stand.state().await), (other.serial, other));
    }
}

#[tokio::test]
async fn a_state_moves_from_one_store_to_another() {
    let (from, to) = (Stand::new(), Stand::remote());
    from.deploy(two("v1")).await;
    let state = from.state().await;
    let edit = Edit::begin(to.store(), who("sf state push")).await.unwrap();
    let pushed = edit.push(state.clone(), false, None).await.unwrap();
    assert_eq!(pushed, Pushed::Stored { serial: state.serial, aside: None });
    assert_eq!(to.state().await, state);
}
