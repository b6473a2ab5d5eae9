//! Who may change it.

use std::sync::Mutex;
use std::time::Duration;

use sf_engine::{Holder, Lock, Patience, Store, StoreError, acquire};

use super::{MINUTE, change, two_machines};
use crate::bucket::Writes;
use crate::support::who;

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
    store.close().await.unwrap();
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
    store.close().await.unwrap();
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
    store.close().await.unwrap();
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
        store.close().await.unwrap();
    };
    let waits = acquire(&other, who("sf remove"), patience(Duration::from_secs(300)));
    let (acquired, ()) = tokio::join!(waits, ends);
    assert_eq!(acquired.unwrap().info().command, "sf remove");
}
