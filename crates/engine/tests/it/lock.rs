//! Who may change the state.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sf_engine::{Holder, LockInfo, Session, Store, StoreError};

use crate::support::{Stand, who};

fn holder_file(stand: &Stand) -> PathBuf {
    stand.file().with_file_name("dev.holder.json")
}

/// A process somewhere took the lock and was last heard of then.
fn leave_behind(stand: &Stand, host: &str, heartbeat_ms: u64) -> Holder {
    let info = LockInfo { host: host.into(), pid: 4242, ..who("sf deploy --stage dev") };
    let holder = Holder { info, heartbeat_ms };
    fs::create_dir_all(stand.file().parent().unwrap()).unwrap();
    fs::write(stand.file().with_file_name("dev.lock"), "").unwrap();
    fs::write(holder_file(stand), serde_json::to_vec(&holder).unwrap()).unwrap();
    holder
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn the_second_is_refused_and_told_who_is_first() {
    let stand = Stand::new();
    let first = Session::open(&stand.store, stand.provider(), who("sf deploy --stage dev")).await.unwrap();
    let Err(refused) = Session::open(&stand.store, stand.provider(), who("sf remove")).await else {
        panic!("two hold the lock");
    };
    let message = refused.to_string();
    let expected = format!("ada on engine (process {}, `sf deploy --stage dev`", std::process::id());
    assert!(message.contains(&expected), "{message}");
    assert!(refused.hint().unwrap().contains("sf state unlock"));
    assert!(matches!(stand.store.unlock().await, Err(StoreError::Locked(Some(_)))), "its process lives");

    drop(first);
    assert!(!holder_file(&stand).exists());
    drop(stand.store.lock(who("sf remove")).await.unwrap());
}

#[tokio::test]
async fn the_lock_of_a_dead_process_here_is_none() {
    let stand = Stand::new();
    leave_behind(&stand, "engine", now_ms());
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    assert_eq!(lock.info().command, "sf deploy");
}

#[tokio::test]
async fn a_holder_elsewhere_keeps_others_out_as_long_as_its_heart_beats() {
    let stand = Stand::new();
    leave_behind(&stand, "elsewhere", now_ms());
    let Err(StoreError::Locked(Some(holder))) = stand.store.lock(who("sf deploy")).await else {
        panic!("the lock of another machine is ignored");
    };
    assert_eq!(holder.info.host, "elsewhere");
    leave_behind(&stand, "elsewhere", now_ms() - 61_000);
    drop(stand.store.lock(who("sf deploy")).await.unwrap());
}

#[tokio::test]
async fn unlock_removes_what_another_machine_left() {
    let stand = Stand::new();
    assert_eq!(stand.store.unlock().await.unwrap(), None);
    assert!(!stand.dir.path().join("state").exists());
    let holder = leave_behind(&stand, "elsewhere", now_ms());
    assert_eq!(stand.store.unlock().await.unwrap(), Some(holder));
    drop(stand.store.lock(who("sf deploy")).await.unwrap());
    assert_eq!(stand.store.unlock().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_holder_says_that_it_lives() {
    let stand = Stand::new();
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    fs::remove_file(holder_file(&stand)).unwrap();
    tokio::time::sleep(Duration::from_secs(16)).await;
    let holder: Holder = serde_json::from_slice(&fs::read(holder_file(&stand)).unwrap()).unwrap();
    assert_eq!(&holder.info, lock.info());
    drop(lock);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!holder_file(&stand).exists());
}

#[test]
fn this_process_knows_who_it_is() {
    let info = LockInfo::of_this_process("sf deploy");
    assert_eq!((info.pid, info.command.as_str()), (std::process::id(), "sf deploy"));
    assert!(!info.who.is_empty() && !info.host.is_empty() && !info.host.contains('\n'));
}
