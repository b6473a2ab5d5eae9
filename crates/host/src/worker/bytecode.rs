//! Python's compiled code. Python keeps it beside the source, where a worker may not write: without this each start would compile all
//! that it imports again. So it is compiled once, in the background, by a process that may write there, but that runs none of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sf_host_api::FunctionSpec;

use super::launcher;
use super::pool::FunctionContext;
use super::runtime::Program;
use super::sandbox::Need;
use crate::store::Unpacked;

/// Whatever is not compiled by then stays as it is.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Folders that were seen to, so that the workers of a function do it once.
static SEEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Compiles an artifact's Python in the background, unless that was done. The worker that this is for has its first call to answer now:
/// nothing is done on that call's way, and what is done gives way to it.
pub(super) fn compile(
    context: &FunctionContext,
    spec: &FunctionSpec,
    program: Program,
    folder: &Arc<Unpacked>,
) {
    let is_done = || folder.join(".sf-kit/sf_kit/__pycache__").is_dir();
    let is_new = || SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_path_buf());
    if spec.runtime.family != "python" || is_done() || !is_new() {
        return;
    }
    let (context, memory, folder) = (context.clone(), spec.memory, folder.clone());
    tokio::spawn(async move { run(&context, memory, &program, &folder).await });
}

async fn run(context: &FunctionContext, memory: u64, program: &Program, folder: &Arc<Unpacked>) {
    let path: &Path = folder;
    let need = Need { memory, trees: &program.trees, folder: path, writable: Some(path) };
    let Ok(place) = context.sandbox.place(&need) else { return };
    // By its name: the working folder is the one from before the sandbox, where nobody writes.
    let name = path.to_string_lossy().into_owned();
    let arguments = ["-I", "-m", "compileall", "-q"].map(str::to_owned).into_iter().chain([name]);
    let arguments: Vec<_> = arguments.collect();
    let mut command = launcher::command(&context.launcher, &place.plan, &program.path, &arguments, path);
    command.env("PATH", program.search_path()).env("HOME", place.home()).env("TMPDIR", place.home());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return };
    let occupied = context.sandbox.occupy(place, launcher::group_of(&child));
    launcher::give_way(&child);
    // A file that does not compile fails when it is imported: that is the function's own business.
    let _ = tokio::time::timeout(TIMEOUT, child.wait()).await;
    let _ = tokio::task::spawn_blocking(move || occupied.clear()).await;
}
