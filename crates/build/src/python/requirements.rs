//! The packages of `requirements.txt`, installed into the cache by uv or pip and copied from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::collect::{Collected, Shared as Build, Source};
use crate::digest::hex;
use crate::{Cause, tree};

/// What all functions of a build share: each file's packages are installed once.
#[derive(Default)]
pub(crate) struct Shared {
    python: OnceLock<Result<String, Cause>>,
    installed: Mutex<BTreeMap<PathBuf, Result<Arc<Installed>, Cause>>>,
}

/// Files of installed packages: their paths in an artifact, and where they are.
type Installed = Vec<(String, PathBuf)>;

/// The interpreter's command.
const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Adds the packages of the nearest `requirements.txt`, from the handler's folder upward.
pub(super) fn add(folder: &Path, collected: &mut Collected, build: &Build<'_>) -> Result<(), Cause> {
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(&build.root));
    let mut folders = folders.map(|folder| folder.join("requirements.txt"));
    let Some(file) = folders.find(|file| file.is_file()) else {
        if build.root.join("uv.lock").is_file() {
            collected.warnings.push(
                "uv.lock is not read: `uv export --no-dev -o requirements.txt` makes a file that is".into(),
            );
        }
        return Ok(());
    };
    let files = {
        let mut installed = build.python.installed.lock().unwrap_or_else(PoisonError::into_inner);
        installed.entry(file.clone()).or_insert_with(|| install(&file, build).map(Arc::new)).clone()?
    };
    let why = format!("installed from {}", build.shown(&file));
    for (path, file) in files.iter() {
        collected.add(path.clone(), Source::File(file.clone()), why.as_str());
    }
    Ok(())
}

/// Installs, unless it was done before for the same requirements, interpreter and system.
fn install(file: &Path, build: &Build<'_>) -> Result<Installed, Cause> {
    let text = fs::read(file).map_err(|error| Cause::io("read", file, &error))?;
    let wanted = String::from_utf8_lossy(&text);
    if wanted.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
        return Ok(Vec::new());
    }
    let python = build.python.python.get_or_init(version).clone()?;
    let key = hex(&Sha256::digest([python.as_bytes(), b"\n", text.as_slice()].concat()));
    let target = build.layout.cache.join("python").join(key);
    if !target.is_dir() {
        let parent = target.parent().unwrap_or(&target);
        fs::create_dir_all(parent).map_err(|error| Cause::io("create", parent, &error))?;
        let unfinished = tempfile::tempdir_in(parent).map_err(|error| Cause::io("create", parent, &error))?;
        run(file, unfinished.path(), build)?;
        fs::rename(unfinished.keep(), &target).map_err(|error| Cause::io("create", &target, &error))?;
    }
    let mut files = Vec::new();
    for path in tree::list_all(&target, "")? {
        if !differs_by_machine(&path) {
            let at = target.join(&path);
            files.push((path, at));
        }
    }
    Ok(files)
}

/// Programs have the interpreter's path in their first line, and an installer's notes say who installed what when.
fn differs_by_machine(path: &str) -> bool {
    let (folder, name) = path.split_once('/').unwrap_or(("", path));
    folder == "bin"
        || (folder.ends_with(".dist-info")
            && matches!(name, "RECORD" | "INSTALLER" | "REQUESTED" | "direct_url.json"))
}

/// The interpreter's version and platform, on which compiled packages depend.
fn version() -> Result<String, Cause> {
    let program = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_platform())";
    let output = Command::new(PYTHON).args(["-c", program]).stdin(Stdio::null()).output();
    let missing =
        || Cause::new(format!("`{PYTHON}` is not installed")).hint("install Python 3, or put it on PATH");
    let output = output.map_err(|_| missing())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(missing()),
    }
}

fn run(file: &Path, target: &Path, build: &Build<'_>) -> Result<(), Cause> {
    let uv = Command::new("uv")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|done| done.status.success());
    let mut command = Command::new(if uv { "uv" } else { PYTHON });
    if uv {
        command.args(["pip", "install", "--quiet", "--python", PYTHON, "--link-mode", "copy"]);
    } else {
        command.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--no-input",
            "--disable-pip-version-check",
        ]);
    }
    command.arg("--target").arg(target).arg("-r").arg(file);
    let shown = build.shown(file);
    build.progress.output(&shown, "installing its packages");
    let done = command.current_dir(&build.root).stdin(Stdio::null()).output();
    let done = done.map_err(|error| Cause::new(format!("install `{shown}`: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Cause::new(format!("install `{shown}`: {}", said.trim())))
}
