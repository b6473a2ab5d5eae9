//! How damage is seen, and what is none.

use sf_engine::{ObserveError, Rebuild, Store, StoreError};
use sf_plan::State;

use super::change;
use crate::support::{Stand, two, who};

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
        stand.store().close().await.unwrap();
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
