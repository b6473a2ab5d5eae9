//! A state's file, whole and not.

use std::fs;

use sf_engine::{ObserveError, Store, StoreError};
use sf_plan::{Save, State};

use crate::support::{Stand, one, two, who};

async fn refused(stand: &Stand) -> StoreError {
    match stand.look().await {
        Err(ObserveError::Store(error)) => error,
        other => panic!("the state is read: {other:?}"),
    }
}

#[tokio::test]
async fn a_damaged_state_is_refused_wherever_it_was_cut() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let whole = fs::read(stand.file()).unwrap();
    // The last byte is the end of the line.
    for length in (0..whole.len() - 1).step_by(37) {
        fs::write(stand.file(), &whole[..length]).unwrap();
        let error = refused(&stand).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{length} bytes: {error}");
        assert!(error.hint().unwrap().contains("dev.json"));
    }
    for text in ["null", "[]", "{\"version\": 1}", "\u{0}", "{\"version\": \"one\"}"] {
        fs::write(stand.file(), text).unwrap();
        assert!(matches!(refused(&stand).await, StoreError::Corrupt { .. }), "{text}");
    }
    // With the file out of the way, what is deployed is found.
    fs::remove_file(stand.file()).unwrap();
    stand.deploy(two("v1")).await;
    stand.expect_converged(two("v1"), "").await;
}

#[tokio::test]
async fn a_state_of_a_later_format_is_left_alone() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let later = format!("{{\"version\": {}, \"things\": []}}", State::VERSION + 1);
    fs::write(stand.file(), &later).unwrap();
    let error = refused(&stand).await;
    assert!(
        matches!(error, StoreError::Newer { found, .. } if found == u64::from(State::VERSION) + 1),
        "{error}"
    );
    assert_eq!(error.hint().as_deref(), Some("update sf"));
    assert_eq!(fs::read_to_string(stand.file()).unwrap(), later);
}

#[tokio::test]
async fn the_state_before_the_deploy_is_kept() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let before = fs::read(stand.file()).unwrap();
    stand.deploy(one("v2")).await;
    assert_eq!(fs::read(stand.file().with_file_name("dev.json.backup")).unwrap(), before);
}

#[tokio::test]
async fn a_save_over_somebody_elses_is_refused() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    let mut mine = stand.state().await;
    let mut theirs = mine.clone();
    theirs.serial.0 += 7;
    fs::write(stand.file(), serde_json::to_vec(&theirs).unwrap()).unwrap();
    mine.serial.0 += 1;
    let refused = stand.store.save(lock.as_ref(), &Save::whole(&mine)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    theirs.serial.0 += 1;
    stand.store.save(lock.as_ref(), &Save::whole(&theirs)).await.unwrap();
    assert_eq!(stand.state().await, theirs);
}

#[tokio::test]
async fn nothing_is_left_beside_the_state() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    stand.deploy(one("v2")).await;
    let mut files: Vec<_> = fs::read_dir(stand.file().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["dev.json", "dev.json.backup", "dev.lock"]);
}
