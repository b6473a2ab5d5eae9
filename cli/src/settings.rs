//! What the flags and the environment come to, resolved once. The one place that reads environment variables of `sf`'s own
//! (besides those that clap binds to a flag: `SF_PROVIDER`, which `sf check` reads from here, `SF_STAGE`, and `SF_HOST_PORT` where there is `--port`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

use sf_engine::{LockTiming, Witness};
use sf_model::Period;

use crate::args::{DEFAULT_HOST_PORT, Global};
use crate::audit::Tap;
use crate::errors::Error;
use crate::ui::Ui;

/// Where `sf` keeps what belongs to no project, instead of the platform's data folder.
const SF_HOME: &str = "SF_HOME";
/// The bearer token of the host that `[providers.self-hosted] host` names.
const SF_HOST_TOKEN: &str = "SF_HOST_TOKEN";
const SF_PROVIDER: &str = "SF_PROVIDER";
/// The port of the embedded host's control API.
const SF_HOST_PORT: &str = "SF_HOST_PORT";

/// What every command is given.
pub(crate) struct Settings {
    /// How to print and ask.
    pub(crate) ui: Arc<Ui>,
    /// `--manifest`
    pub(crate) manifest: Option<PathBuf>,
    /// When the command began.
    pub(crate) started: Instant,
    /// Where traces become part of a run's event log.
    pub(crate) tap: Tap,
}

impl Settings {
    /// Resolves the global flags. Changes to the folder of `-C`, so that every path of the command line is relative to it.
    pub(crate) fn resolve(global: Global, tap: Tap) -> Result<Self, (Ui, Error)> {
        let started = Instant::now();
        let ui = Ui::new(&global);
        if let Some(directory) = &global.directory
            && let Err(cause) = std::env::set_current_dir(directory)
        {
            let error = Error::io("change to the folder", directory.display(), &cause)
                .kind(crate::errors::Exit::Usage);
            return Err((ui, error));
        }
        Ok(Self { ui: Arc::new(ui), manifest: global.manifest, started, tap })
    }
}

/// The embedded host's folder: `SF_HOME/host`, or `sf/host` in the platform's data folder (`XDG_DATA_HOME` or `~/.local/share`,
/// `~/Library/Application Support`, `%LOCALAPPDATA%`). Absolute, since the host runs elsewhere.
pub(crate) fn host_dir() -> Result<PathBuf, Error> {
    Ok(home()?.join("host"))
}

/// What was seen of states: `SF_HOME/seen`. Without a home nothing is remembered.
pub(crate) fn witness() -> Option<Witness> {
    Some(Witness::new(home().ok()?.join("seen")))
}

fn home() -> Result<PathBuf, Error> {
    if let Some(home) = std::env::var_os(SF_HOME).filter(|home| !home.is_empty()) {
        return std::path::absolute(Path::new(&home))
            .map_err(|cause| Error::io("use SF_HOME", Path::new(&home).display(), &cause));
    }
    let base = choose_native_strategy().map_err(|cause| {
        Error::usage("no-home", format!("find the data folder: {cause}"))
            .hint("set SF_HOME to a folder that sf may use")
    })?;
    // On Windows the data folder roams between machines; a running process and its log do not.
    let base = if cfg!(windows) { base.cache_dir() } else { base.data_dir() };
    Ok(base.join("sf"))
}

/// After what silence the holder of a lock in a bucket is dead: `SF_LOCK_EXPIRY`, which all who use the store must have alike. For tests, which
/// do not wait for a minute.
pub(crate) fn lock_timing() -> Result<LockTiming, Error> {
    let Some(text) = std::env::var_os("SF_LOCK_EXPIRY") else { return Ok(LockTiming::default()) };
    let expiry = text.to_str().and_then(|text| text.parse::<Period>().ok()).ok_or_else(|| {
        Error::usage("bad-duration", format!("read SF_LOCK_EXPIRY: {} is no duration", text.display()))
            .hint("a duration is a number with a unit: `60s`")
    })?;
    Ok(LockTiming { heartbeat: expiry.0 / 4, expiry: expiry.0 })
}

/// What answers in the place of Google Cloud Storage, and whether it wants no credentials: `SF_GCP_ENDPOINT`, or what Google's own SDKs
/// take for an emulator.
pub(crate) fn gcs_endpoint() -> Option<(String, bool)> {
    let set = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let emulator = || {
        let host = set("STORAGE_EMULATOR_HOST")?;
        Some((if host.contains("://") { host } else { format!("http://{host}") }, true))
    };
    set("SF_GCP_ENDPOINT").map(|url| (url, false)).or_else(emulator)
}

/// What answers in the place of Azure's Blob Storage: `SF_AZURE_ENDPOINT`, the URL before the container.
pub(crate) fn azure_endpoint() -> Option<String> {
    std::env::var("SF_AZURE_ENDPOINT").ok().filter(|url| !url.is_empty())
}

/// Whether Azure's credentials are those of `az login`: the environment has no others, and there is an `az` to ask.
pub(crate) fn azure_cli() -> bool {
    let others = [
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_TOKEN",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
    ];
    let program = if cfg!(windows) { "az.cmd" } else { "az" };
    let is_there = |folder: PathBuf| folder.join(program).is_file();
    others.iter().all(|name| std::env::var_os(name).is_none())
        && std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(is_there))
}

/// The provider that `SF_PROVIDER` names, for a command whose `--provider` means more than the choice.
pub(crate) fn provider() -> Option<String> {
    std::env::var(SF_PROVIDER).ok().filter(|name| !name.is_empty())
}

/// The token for a host that the manifest names.
pub(crate) fn host_token() -> Option<String> {
    std::env::var(SF_HOST_TOKEN).ok().filter(|token| !token.is_empty())
}

/// The control API's port for a host that a deploy starts: as `sf host start --port`.
pub(crate) fn host_port() -> Result<u16, Error> {
    let Some(text) = std::env::var_os(SF_HOST_PORT) else { return Ok(DEFAULT_HOST_PORT) };
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::usage("bad-port", format!("read {SF_HOST_PORT}: {} is not a port", text.display()))
            .hint("a port is a number from 0 to 65535; 0 takes any that is free")
    })
}
