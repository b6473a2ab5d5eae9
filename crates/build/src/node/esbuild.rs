//! esbuild, where the project has it: one file per function, which is not made again while nothing it was made of has changed.
//!
//! A project has it when its `package.json` names it. Only for what Node cannot run as it is (TypeScript) one that happens to be
//! installed will do: otherwise two machines would build two things from one tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Cause;
use crate::collect::{Collected, Shared, Source};
use crate::files::save_if_changed;

/// The oldest Node that is still maintained anywhere `sf` deploys to.
const TARGET: &str = "--target=node20";
/// CommonJS packages within an ES module ask for `require`, which only CommonJS has.
const BANNER: &str = "--banner:js=import{createRequire as sfCreateRequire}from'node:module';\
                      const require=sfCreateRequire(import.meta.url);";
/// Files whose content decides what an import means.
const CONFIGURATION: [&str; 6] =
    ["package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "tsconfig.json", "jsconfig.json"];

/// An installed esbuild.
#[derive(Clone)]
pub(super) struct Esbuild {
    program: PathBuf,
    version: String,
}

/// What was found, once a build: the project's own, and any.
#[derive(Default)]
pub(super) struct Found {
    own: OnceLock<Option<Esbuild>>,
    any: OnceLock<Option<Esbuild>>,
    context: OnceLock<Result<String, Cause>>,
}

/// What a bundle was made of.
#[derive(Serialize, Deserialize, PartialEq)]
struct Record {
    context: String,
    /// SHA-256 by path relative to the root.
    inputs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metafile {
    inputs: BTreeMap<String, serde::de::IgnoredAny>,
}

/// The esbuild to use.
pub(super) fn find(typed: bool, shared: &Shared<'_>) -> Option<Esbuild> {
    let found = &shared.node.esbuild;
    let own = found.own.get_or_init(|| named(&shared.root).then(|| installed(&shared.root)).flatten());
    match own {
        Some(own) => Some(own.clone()),
        None if typed => found.any.get_or_init(|| installed(&shared.root).or_else(on_path)).clone(),
        None => None,
    }
}

/// Whether the project's `package.json` names it.
fn named(root: &Path) -> bool {
    let nearest = root.ancestors().map(|folder| folder.join("package.json")).find(|path| path.is_file());
    let Some(Ok(text)) = nearest.map(fs::read) else { return false };
    let Ok(json) = serde_json::from_slice::<Value>(&text) else { return false };
    ["dependencies", "devDependencies"]
        .iter()
        .any(|key| json.get(key).is_some_and(|all| all.get("esbuild").is_some()))
}

fn installed(root: &Path) -> Option<Esbuild> {
    let name = if cfg!(windows) { "esbuild.cmd" } else { "esbuild" };
    root.ancestors().find_map(|folder| {
        let modules = folder.join("node_modules");
        let json: Value =
            serde_json::from_slice(&fs::read(modules.join("esbuild/package.json")).ok()?).ok()?;
        let program = modules.join(".bin").join(name);
        let version = json.get("version")?.as_str()?.to_owned();
        program.is_file().then_some(Esbuild { program, version })
    })
}

fn on_path() -> Option<Esbuild> {
    let output = Command::new("esbuild").arg("--version").stdin(Stdio::null()).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    output.status.success().then(|| Esbuild { program: "esbuild".into(), version })
}

/// Bundles a handler's file.
pub(super) fn collect(esbuild: &Esbuild, file: &str, shared: &Shared<'_>) -> Result<Collected, Cause> {
    let bundler = format!("esbuild {}", esbuild.version);
    let key = hex::encode(Sha256::digest(format!("{bundler}\n{TARGET}\n{BANNER}\n{file}")));
    let folder = shared.layout.cache.join("esbuild");
    let (record, output) = (folder.join(format!("{key}.json")), folder.join(format!("{key}.mjs")));
    let context = shared.node.esbuild.context.get_or_init(|| context(shared)).clone()?;
    if !is_current(&record, &output, &context, shared) {
        fs::create_dir_all(&folder).map_err(|error| Cause::io("create", &folder, &error))?;
        let inputs = run(esbuild, file, &output, shared)?;
        let bytes =
            serde_json::to_vec(&Record { context, inputs }).map_err(|error| Cause::new(error.to_string()))?;
        save_if_changed(&record, &bytes);
    }
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let mut collected =
        Collected { entry: format!("{stem}.mjs"), bundler: bundler.clone(), ..Collected::default() };
    collected.add(collected.entry.clone(), Source::File(output), format!("{file}, bundled by {bundler}"));
    Ok(collected)
}

fn is_current(record: &Path, output: &Path, context: &str, shared: &Shared<'_>) -> bool {
    let Ok(bytes) = fs::read(record) else { return false };
    let Ok(record) = serde_json::from_slice::<Record>(&bytes) else { return false };
    let same = |(path, sha256): (&String, &String)| {
        shared.files.hash(&shared.root.join(path)).is_ok_and(|now| now.sha256 == *sha256)
    };
    output.is_file() && record.context == context && record.inputs.iter().all(same)
}

/// Which files there are, and what the configuration says: another import may mean another file then.
fn context(shared: &Shared<'_>) -> Result<String, Cause> {
    let mut hasher = Sha256::new();
    for path in shared.listing()? {
        hasher.update(path.as_bytes());
        hasher.update(b"\n");
        let name = path.rsplit('/').next().unwrap_or(path);
        if CONFIGURATION.contains(&name) || (name.starts_with("tsconfig.") && name.ends_with(".json")) {
            let hashed = shared.files.hash(&shared.root.join(path));
            hasher.update(hashed.map(|hashed| hashed.sha256.clone()).unwrap_or_default().as_bytes());
        }
    }
    // npm's record of what is installed.
    let installed = shared.root.ancestors().map(|folder| folder.join("node_modules/.package-lock.json"));
    if let Some(hashed) =
        installed.filter(|path| path.is_file()).find_map(|path| shared.files.hash(&path).ok())
    {
        hasher.update(hashed.sha256.as_bytes());
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Runs esbuild; what it made the bundle of.
fn run(
    esbuild: &Esbuild,
    file: &str,
    output: &Path,
    shared: &Shared<'_>,
) -> Result<BTreeMap<String, String>, Cause> {
    let metafile = output.with_extension("meta.json");
    let flag = |name: &str, path: &Path| {
        let mut flag = std::ffi::OsString::from(name);
        flag.push(path);
        flag
    };
    let mut command = Command::new(&esbuild.program);
    command.args([
        file,
        "--bundle",
        "--platform=node",
        "--format=esm",
        "--charset=utf8",
        "--log-level=warning",
    ]);
    command.args([TARGET, BANNER, "--color=false"]);
    command.arg(flag("--outfile=", output)).arg(flag("--metafile=", &metafile));
    let done = command.current_dir(&shared.root).stdin(Stdio::null()).output();
    let done = done.map_err(|error| Cause::io("run", &esbuild.program, &error))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if !done.status.success() {
        return Err(Cause::new(format!("esbuild {} failed on `{file}`:\n{said}", esbuild.version)));
    }
    let bytes = fs::read(&metafile).map_err(|error| Cause::io("read", &metafile, &error))?;
    let read: Metafile = serde_json::from_slice(&bytes)
        .map_err(|error| Cause::new(format!("parse `{}`: {error}", metafile.display())))?;
    let mut inputs = BTreeMap::new();
    for path in read.inputs.into_keys() {
        // esbuild lists what is no file too, such as `(disabled):x`.
        if let Ok(hashed) = shared.files.hash(&shared.root.join(&path)) {
            inputs.insert(path, hashed.sha256.clone());
        }
    }
    Ok(inputs)
}
