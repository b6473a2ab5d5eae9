//! What is put into artifacts for AWS, as it is embedded: the kits' files, and the program that web functions are started with.
//!
//! That program runs on Lambda, so it is a static one for Linux, whatever this machine is. On Linux it is compiled here, for this machine's
//! architecture. `SF_WEB_BRIDGE_X86_64` and `SF_WEB_BRIDGE_AARCH64` name ready ones instead, which is the way for the other architecture and
//! for other systems. Without one, `sf` says so when a web function is to be deployed.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of the kits, by the constant's name, and where their files are in an artifact. Lambda imports Python's handlers as modules,
/// so that kit is laid out as the artifact's root.
const KITS: [(&str, &str, &str); 2] = [("NODE", "node", ".sf-kit/aws/"), ("PYTHON", "python", "")];
/// Architectures as Rust calls them, and the variable with a ready program.
const BRIDGES: [(&str, &str); 2] = [("x86_64", "SF_WEB_BRIDGE_X86_64"), ("aarch64", "SF_WEB_BRIDGE_AARCH64")];
/// The package of the bridge; its program has the same name.
const BRIDGE: &str = "sf-web-bridge";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    let root = fs::canonicalize(root)?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut code = String::new();
    for (name, language, prefix) in KITS {
        let folder = root.join("kits").join(language).join("aws");
        // Cargo takes a missing folder for one that has changed each time.
        watch(folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(&root));
        let mut files = Vec::new();
        list(&folder, prefix, &mut files)?;
        files.sort();
        writeln!(code, "static {name}: &[(&str, &[u8])] = &[")?;
        for (path, file) in files {
            writeln!(code, "    ({path:?}, include_bytes!({file:?})),")?;
        }
        writeln!(code, "];")?;
    }
    for (architecture, ready) in BRIDGES {
        println!("cargo::rerun-if-env-changed={ready}");
        let name = architecture.to_uppercase();
        let program = match env::var_os(ready).filter(|path| !path.is_empty()) {
            Some(path) => Some(named(ready, &path)?),
            None => compiled(architecture, &root, &out)?,
        };
        match program {
            Some(path) => writeln!(code, "static {name}: Option<&[u8]> = Some(include_bytes!({path:?}));")?,
            None => writeln!(code, "static {name}: Option<&[u8]> = None;")?,
        }
    }
    Ok(fs::write(out.join("embedded.rs"), code)?)
}

fn variable(name: &str) -> Outcome<OsString> {
    env::var_os(name).ok_or_else(|| format!("cargo does not set {name}").into())
}

fn watch(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// The files of a folder, those of its subfolders included; none if there is no such folder.
fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Outcome<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| format!("{} is no UTF-8", name.display()))?;
        match entry.file_type()?.is_dir() {
            // Left behind by whoever ran the kit's tests before.
            true if name == "__pycache__" => {}
            true => list(&entry.path(), &format!("{prefix}{name}/"), files)?,
            false => files.push((format!("{prefix}{name}"), entry.path())),
        }
    }
    Ok(())
}

/// The program that a variable names.
fn named(variable: &str, path: &OsString) -> Outcome<PathBuf> {
    let path = fs::canonicalize(path).map_err(|error| format!("{variable}={}: {error}", path.display()))?;
    watch(&path);
    Ok(path)
}

/// The program compiled, if this machine can: a cargo within cargo, with a folder of its own, since the outer one holds the lock of its own. It
/// stands beside the folders of this script's runs, so that `cargo clippy` and `cargo build`, whose runs are different ones, compile it once.
fn compiled(architecture: &str, root: &Path, out: &Path) -> Outcome<Option<PathBuf>> {
    let host = variable("HOST")?.to_string_lossy().into_owned();
    let source = root.join("kits").join("web");
    watch(&source.join("Cargo.toml"));
    watch(&source.join("src"));
    if !host.starts_with(architecture) || !host.contains("-linux-") {
        return Ok(None);
    }
    let target = out.ancestors().nth(2).unwrap_or(out).join(format!("{BRIDGE}-target"));
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "bridge",
        "--package",
        BRIDGE,
        "--target",
        &host,
    ]);
    cargo.arg("--manifest-path").arg(source.join("Cargo.toml")).arg("--target-dir").arg(&target);
    // What the outer cargo says to its own compilers (clippy instead of rustc, flags for tests) is not for this one.
    for outer in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(outer);
    }
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let status = cargo.status()?;
    if !status.success() {
        println!(
            "cargo::warning={BRIDGE} could not be compiled as a static program ({status}): this sf deploys no web functions for {architecture} to AWS. \
             Install the C library for static linking, or name a ready program in SF_WEB_BRIDGE_{}",
            architecture.to_uppercase()
        );
        return Ok(None);
    }
    let program = out.join(BRIDGE);
    fs::copy(target.join(host).join("bridge").join(BRIDGE), &program)?;
    Ok(Some(program))
}
