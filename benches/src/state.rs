//! Saving a state of 10,000 objects, as a run does it: a change at a time, each durable before the next call, and whole at the end.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sf_engine::{LocalStore, Lock, LockInfo, Store};
use sf_plan::{Delta, Object, Save, Serial, State};

use crate::Result;
use crate::clock::interleaved;
use crate::plan::deployed;
use crate::report::{Row, Table, show};

/// Saves of a run: a changed object each.
const SAVES: u32 = 200;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let state = deployed()?;
    let folder = tempfile::tempdir()?;
    let (journal, whole) = (folder.path().join("journal"), folder.path().join("whole"));
    let [sf, rewriting] =
        interleaved(3, [&mut || saves(&journal, &state), &mut || rewrites(&whole, &state)])?;
    let bar = Duration::from_millis(50);
    table.row(Row {
        what: format!("one save of 10,000 resources, over {SAVES} of them and the last one whole"),
        sf: show(sf),
        beside: format!("writing the whole file each time, synced: {}", show(rewriting)),
        ratio: Some(sf.as_secs_f64() / rewriting.as_secs_f64()),
        bar: format!("under {}", show(bar)),
        held: Some(sf < bar),
    });
    let size = fs::metadata(&whole)?.len() / 1024;
    table.note(format!("The state of 10,000 resources is a file of {size} KiB."));
    Ok(())
}

/// The time of one save, the end of the run included.
fn saves(folder: &Path, state: &State) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = LocalStore::new(folder, "bench", "dev");
    let time = runtime.block_on(async {
        let lock = store.lock(LockInfo::of_this_process("bench")).await?;
        let mut state =
            State { serial: Serial(store.load().await?.map_or(0, |state| state.serial.0)), ..state.clone() };
        state.serial.0 += 1;
        store.save(lock.as_ref(), &Save::whole(&state)).await?;
        let start = Instant::now();
        run(&store, lock.as_ref(), &mut state).await?;
        Ok::<_, sf_engine::StoreError>(start.elapsed())
    })?;
    Ok(time / SAVES)
}

async fn run(
    store: &LocalStore,
    lock: &dyn Lock,
    state: &mut State,
) -> std::result::Result<(), sf_engine::StoreError> {
    let keys: Vec<_> = state.objects.keys().take(SAVES as usize).cloned().collect();
    for key in keys {
        let Some(object) = state.objects.get(&key) else { continue };
        let object = Object { protect: !object.protect, ..object.clone() };
        let serial = Serial(state.serial.0 + 1);
        let delta = Delta { serial, objects: [(key, Some(object))].into(), pending: [].into() };
        state.apply(delta.clone());
        store.save(lock, &Save { state, delta: Some(delta) }).await?;
    }
    store.compact(lock, state).await
}

/// What a tool does that keeps no journal.
fn rewrites(path: &Path, state: &State) -> Result<Duration> {
    const ROUNDS: u32 = 10;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(state)?)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
    }
    Ok(start.elapsed() / ROUNDS)
}
