//! A state's file, whole and not.

use std::fs;

use sf_engine::{LocalStore, Lock, ObserveError, Rebuild, STATE_FORMAT, Store, StoreError};
use sf_plan::{Delta, Object, Save, Serial, State};

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
    let later = format!("{{\"version\": {}, \"things\": []}}", STATE_FORMAT + 1);
    fs::write(stand.file(), &later).unwrap();
    let error = refused(&stand).await;
    assert!(
        matches!(error, StoreError::Newer { found, .. } if found == u64::from(STATE_FORMAT) + 1),
        "{error}"
    );
    assert_eq!(error.hint().as_deref(), Some("update sf"));
    assert_eq!(fs::read_to_string(stand.file()).unwrap(), later);
}

/// What the first version of `sf` wrote.
fn in_first_format(state: &State) -> Vec<u8> {
    let mut json = serde_json::to_value(state).unwrap();
    json["version"] = 1.into();
    serde_json::to_vec_pretty(&json).unwrap()
}

#[tokio::test]
async fn a_state_of_the_first_format_is_read_and_written_anew() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let state = stand.state().await;
    fs::write(stand.file(), in_first_format(&state)).unwrap();
    assert_eq!(stand.state().await, state);
    stand.deploy(two("v2")).await;
    stand.expect_converged(two("v2"), "").await;
    // What an `sf` that knows the first format alone goes by: it does not look further, and says that the file is newer.
    let file: serde_json::Value = serde_json::from_slice(&fs::read(stand.file()).unwrap()).unwrap();
    assert_eq!(file["version"], STATE_FORMAT);
    assert_eq!(file.get("objects"), None);
}

/// Saves a change of one object.
async fn save_a_change(stand: &Stand, lock: &dyn Lock, state: &mut State) {
    let (key, object) = state.objects.first_key_value().unwrap();
    let object = Object { protect: !object.protect, ..object.clone() };
    let delta = Delta {
        serial: Serial(state.serial.0 + 1),
        objects: [(key.clone(), Some(object))].into(),
        pending: [].into(),
    };
    state.apply(delta.clone());
    stand.store.save(lock, &Save { state, delta: Some(delta) }).await.unwrap();
}

/// A run that was killed after three saves: the journal that it left.
async fn cut_short(stand: &Stand) -> Vec<u8> {
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    let mut state = stand.store.load().await.unwrap().unwrap();
    let whole = fs::read(stand.file()).unwrap();
    for _ in 0..3 {
        save_a_change(stand, lock.as_ref(), &mut state).await;
    }
    assert_eq!(
        fs::read(stand.file()).unwrap(),
        whole,
        "a change is appended, and the state not written anew"
    );
    fs::read(journal(stand)).unwrap()
}

fn journal(stand: &Stand) -> std::path::PathBuf {
    stand.file().with_file_name("dev.journal")
}

#[tokio::test]
async fn what_was_saved_last_is_read_from_the_journal() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let before = stand.state().await;
    let lines = cut_short(&stand).await;
    assert_eq!(stand.state().await.serial.0, before.serial.0 + 3);
    // Cut anywhere in its last line, which then was never saved.
    let last = lines[..lines.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for length in last..lines.len() - 1 {
        fs::write(journal(&stand), &lines[..length]).unwrap();
        assert_eq!(stand.state().await.serial.0, before.serial.0 + 2, "{length} of {} bytes", lines.len());
    }
    stand.deploy(two("v2")).await;
    stand.expect_converged(two("v2"), "").await;
    assert!(!journal(&stand).exists(), "the run ended, and its state is whole");
}

#[tokio::test]
async fn a_damaged_journal_is_seen() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let lines = cut_short(&stand).await;
    let serial = stand.state().await.serial;
    for at in (0..lines.len()).step_by(29).chain([lines.len() - 1]) {
        let mut flipped = lines.clone();
        flipped[at] ^= 1;
        fs::write(journal(&stand), &flipped).unwrap();
        match stand.look().await {
            Err(ObserveError::Store(StoreError::Corrupt { .. })) => {}
            other => assert!(lines[at] == b'\n' || serial == other.unwrap().state.serial, "byte {at}"),
        }
    }
}

/// A folder's backup holds the state without the journal that led on from it.
#[tokio::test]
async fn a_state_that_its_journal_does_not_go_on_from_is_told() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let old = fs::read(stand.file()).unwrap();
    stand.deploy(two("v2")).await;
    cut_short(&stand).await;
    fs::write(stand.file(), old).unwrap();
    let error = refused(&stand).await;
    assert!(error.to_string().contains("brought back"), "{error}");
    assert!(error.hint().unwrap().contains("sf state rebuild"));
    let rebuild = Rebuild::begin(&stand.store, &stand.provider(), who("sf state rebuild")).await.unwrap();
    rebuild.save(None).await.unwrap();
    stand.expect_converged(two("v2"), "").await;
}

#[tokio::test]
async fn a_journal_that_the_state_has_overtaken_is_nothing() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let lines = cut_short(&stand).await;
    stand.deploy(two("v2")).await;
    let state = stand.state().await;
    fs::write(journal(&stand), lines).unwrap();
    assert_eq!(stand.state().await, state);
    stand.deploy(two("v3")).await;
    stand.expect_converged(two("v3"), "").await;
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
    fs::write(stand.file(), in_first_format(&theirs)).unwrap();
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

/// The changes that are in the journal already must not go when it has to be opened anew: here somebody touched it.
#[tokio::test]
async fn a_journal_that_was_touched_in_the_middle_of_a_run_loses_nothing() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    let mut state = stand.state().await;
    for _ in 0..3 {
        save_a_change(&stand, lock.as_ref(), &mut state).await;
        let file = fs::File::options().write(true).open(journal(&stand));
        if let Ok(file) = file {
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        assert_eq!(
            LocalStore::new(&stand.dir.path().join("state"), "model", "dev").load().await.unwrap(),
            Some(state.clone())
        );
    }
}

/// `sf plan` takes no lock, so that a run may write the state whole while it reads.
#[tokio::test]
async fn a_reader_is_not_confused_by_a_run_that_goes_on() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let folder = stand.dir.path().join("state");
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = LocalStore::new(&folder, "model", "dev");
        let mut newest = 0;
        while is_done.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let serial = runtime.block_on(store.load()).unwrap().unwrap().serial.0;
            assert!(newest <= serial, "{serial} after {newest}");
            newest = serial;
        }
    });
    let lock = stand.store.lock(who("sf deploy")).await.unwrap();
    let mut state = stand.state().await;
    for round in 0..400 {
        save_a_change(&stand, lock.as_ref(), &mut state).await;
        if round % 3 == 0 {
            stand.store.compact(lock.as_ref(), &state).await.unwrap();
        }
    }
    drop(done);
    reader.join().unwrap();
}
