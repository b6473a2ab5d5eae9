//! The packages of `requirements.txt`, installed into the cache by uv or pip and copied from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::collect::{Collected, Shared as Build, Source};
use crate::extra::PythonTarget;
use crate::{Cause, tree};

/// What all functions of a build share: each file's packages are installed once.
#[derive(Default)]
pub(crate) struct Shared {
    python: OnceLock<Result<String, Cause>>,
    installed: Mutex<BTreeMap<Wanted, Result<Arc<Installed>, Cause>>>,
}

/// A `requirements.txt`, and what its packages must fit.
type Wanted = (PathBuf, Option<PythonTarget>);

/// Files of installed packages: their paths in an artifact, and where they are.
type Installed = Vec<(String, PathBuf)>;

/// The interpreter's command.
const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Adds the packages of the nearest `requirements.txt`, from the handler's folder upward.
pub(super) fn add(
    folder: &Path,
    target: Option<&PythonTarget>,
    collected: &mut Collected,
    build: &Build<'_>,
) -> Result<(), Cause> {
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
        let key = (file.clone(), target.cloned());
        installed.entry(key).or_insert_with(|| install(&file, target, build).map(Arc::new)).clone()?
    };
    let why = format!("installed from {}", build.shown(&file));
    for (path, file) in files.iter() {
        collected.add(path.clone(), Source::File(file.clone()), why.as_str());
    }
    Ok(())
}

/// Installs, unless it was done before for the same requirements, interpreter and system.
fn install(file: &Path, target: Option<&PythonTarget>, build: &Build<'_>) -> Result<Installed, Cause> {
    let text = fs::read(file).map_err(|error| Cause::io("read", file, &error))?;
    let wanted = String::from_utf8_lossy(&text);
    if wanted.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#')) {
        return Ok(Vec::new());
    }
    let python = match target {
        Some(PythonTarget { version, architecture, glibc }) => format!("{version} {architecture} {glibc}"),
        None => build.python.python.get_or_init(version).clone()?,
    };
    let key = hex::encode(Sha256::digest([python.as_bytes(), b"\n", text.as_slice()].concat()));
    let folder = build.layout.cache.join("python").join(key);
    if !folder.is_dir() {
        let parent = folder.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(|error| Cause::io("create", parent, &error))?;
        let unfinished = tempfile::tempdir_in(parent).map_err(|error| Cause::io("create", parent, &error))?;
        run(file, target, unfinished.path(), build)?;
        fs::rename(unfinished.keep(), &folder).map_err(|error| Cause::io("create", &folder, &error))?;
    }
    let mut files = Vec::new();
    for path in tree::list_all(&folder, "")? {
        if !differs_by_machine(&path) {
            let at = folder.join(&path);
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

fn run(file: &Path, target: Option<&PythonTarget>, folder: &Path, build: &Build<'_>) -> Result<(), Cause> {
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
    command.args(target.map_or_else(Vec::new, |target| if uv { for_uv(target) } else { for_pip(target) }));
    command.arg("--target").arg(folder).arg("-r").arg(file);
    let shown = build.shown(file);
    build.progress.output(&shown, "installing its packages");
    let done = command.current_dir(&build.root).stdin(Stdio::null()).output();
    let done = done.map_err(|error| Cause::new(format!("install `{shown}`: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let cause = Cause::new(format!("install `{shown}`: {}", said.trim()));
    Err(match target {
        Some(PythonTarget { version, architecture, .. }) => cause.hint(format!(
            "packages are taken as wheels for Python {version} on Linux ({architecture}), since nothing can be compiled for it here: is there \
             one of each?"
        )),
        None => cause,
    })
}

/// <https://pip.pypa.io/en/stable/cli/pip_install/#cmdoption-platform>: pip takes a platform by its name alone, so that older ones are named too.
fn for_pip(target: &PythonTarget) -> Vec<String> {
    let PythonTarget { version, architecture, glibc } = target;
    let mut arguments = vec!["--only-binary=:all:".to_owned(), "--implementation=cp".into()];
    arguments.push(format!("--python-version={version}"));
    for system in [format!("manylinux_{glibc}"), "manylinux_2_17".into(), "manylinux2014".into()] {
        arguments.push(format!("--platform={system}_{architecture}"));
    }
    arguments
}

/// <https://docs.astral.sh/uv/reference/cli/#uv-pip-install>
fn for_uv(target: &PythonTarget) -> Vec<String> {
    let PythonTarget { version, architecture, glibc } = target;
    vec![
        "--only-binary=:all:".to_owned(),
        format!("--python-version={version}"),
        format!("--python-platform={architecture}-manylinux_{glibc}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_for_another_machine_are_asked_for_by_its_name() {
        let target =
            PythonTarget { version: "3.13".into(), architecture: "aarch64".into(), glibc: "2_28".into() };
        let pip = for_pip(&target);
        assert!(pip.contains(&"--python-version=3.13".to_owned()), "{pip:?}");
        let platforms: Vec<_> = pip.iter().filter(|argument| argument.starts_with("--platform=")).collect();
        assert_eq!(
            platforms,
            [
                "--platform=manylinux_2_28_aarch64",
                "--platform=manylinux_2_17_aarch64",
                "--platform=manylinux2014_aarch64"
            ]
        );
        assert!(for_uv(&target).contains(&"--python-platform=aarch64-manylinux_2_28".to_owned()));
    }
}
