//! Which program runs a function, and whether this machine has it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sf_host_api::FunctionSpec;

use super::interpreter::{self, Interpreter};
use super::{CallError, sandbox};

/// A program, its arguments, and whether it speaks the worker protocol (else HTTP on `$PORT`).
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) framed: bool,
    /// What it consists of besides the artifact and the system's own folders.
    pub(super) trees: Vec<PathBuf>,
    /// The folder of an interpreter that PATH alone would not lead to.
    first: Option<PathBuf>,
}

impl Program {
    /// The host's PATH; a name leads to the same interpreter in the worker as in the host.
    pub(super) fn search_path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = self.first.iter().cloned().chain(std::env::split_paths(&path));
        std::env::join_paths(folders).unwrap_or(path)
    }
}

/// How to get a runtime, for those who lack it.
fn hint(family: &str) -> &'static str {
    match family {
        "node" => "install Node.js 20 or later and make sure that `node` is on the host's PATH",
        _ => "install Python 3.9 or later and make sure that `python3` is on the host's PATH",
    }
}

pub(super) fn program(spec: &FunctionSpec, folder: &Path) -> Result<Program, CallError> {
    let kit = |names: &[String], main: &str| {
        let found = names.iter().find_map(|name| which(name));
        let path = found.ok_or_else(|| {
            let runtime = names.first().map_or("", String::as_str);
            CallError::start(
                "runtime-missing",
                format!("runtime `{runtime}` is not installed; {}", hint(&spec.runtime.family)),
            )
        })?;
        let interpreter = interpreter::behind(&path);
        let mut arguments = heap_limit(spec);
        arguments.push(format!(".sf-kit/{main}"));
        let first = folder_of(&interpreter);
        Ok(Program { path: interpreter.path, arguments, framed: true, trees: interpreter.trees, first })
    };
    match spec.runtime.family.as_str() {
        "node" => kit(&["node".into()], "main.mjs"),
        "python" => match &spec.runtime.version {
            Some(version) => kit(&[format!("python{version}")], "main.py"),
            None => kit(&["python3".into(), "python".into()], "main.py"),
        },
        _ => {
            let [program, arguments @ ..] = spec.command.as_slice() else {
                return Err(CallError::start("bad-command", "the function has no command".into()));
            };
            let path = folder.join(program);
            if !path.is_file() {
                return Err(CallError::start(
                    "handler-file-missing",
                    format!("`{program}` is not in the artifact"),
                ));
            }
            let named = interpreter::of_script(&path);
            let found =
                named.and_then(|name| if name.is_absolute() { Some(name) } else { which(name.to_str()?) });
            let interpreter = found.map(|found| interpreter::behind(&found));
            let first = interpreter.as_ref().and_then(folder_of);
            let trees = interpreter.map(|interpreter| interpreter.trees).unwrap_or_default();
            Ok(Program { path, arguments: arguments.to_vec(), framed: false, trees, first })
        }
    }
}

fn folder_of(interpreter: &Interpreter) -> Option<PathBuf> {
    interpreter.path.parent().filter(|_| interpreter.is_elsewhere).map(Path::to_owned)
}

/// Makes Node collect its garbage before the function's memory is used up, and say so if that does not help; else it would size its
/// heap by the machine. What the runtime itself and its buffers need is left to them.
fn heap_limit(spec: &FunctionSpec) -> Vec<String> {
    let options = spec.env.get("NODE_OPTIONS").map_or("", String::as_str);
    let is_set = options.replace('_', "-").contains("max-old-space-size");
    if spec.runtime.family != "node" || is_set {
        return Vec::new();
    }
    let memory = spec.memory.max(sandbox::LEAST_MEMORY) >> 20;
    vec![format!("--max-old-space-size={}", memory - memory / 16 - 56)]
}

/// Whether this machine can run the function: the runtime is there, in the version that is asked for.
pub(crate) fn check(spec: &FunctionSpec) -> Result<(), CallError> {
    if !matches!(spec.runtime.family.as_str(), "node" | "python") {
        return Ok(());
    }
    let Program { path, .. } = program(spec, Path::new(""))?;
    let (Some(wanted), "node") = (&spec.runtime.version, spec.runtime.family.as_str()) else { return Ok(()) };
    let output =
        std::process::Command::new(&path).arg("--version").stdin(std::process::Stdio::null()).output();
    let found =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if found.trim_start_matches('v').split('.').next() == Some(wanted) {
        return Ok(());
    }
    let message = format!("runtime `node{wanted}` is not installed: `{}` is {found}", path.display());
    Err(CallError::start("runtime-missing", message))
}

/// A program on PATH.
fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path).map(|folder| folder.join(&file)).find(|candidate| candidate.is_file())
}
