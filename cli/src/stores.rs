//! Where a project's state is: a folder, or a bucket with the credentials that it takes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sf_engine::{Holder, LocalStore, StatePlace, Store};
use sf_host::EndSignals;

use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::ui::Ui;
use crate::{registry, settings};

/// The state of the project's stage.
pub(crate) async fn open(project: &Project) -> Result<Box<dyn Store>, Error> {
    let app = &project.app;
    let said = app.state_store.as_deref().unwrap_or(".sf/state");
    let Some(place) = StatePlace::parse(said)? else {
        let folder = project.manifest.root.join(Path::new(said));
        return Ok(Box::new(LocalStore::new(&folder, &app.provider, &app.stage)));
    };
    let bucket = match &place {
        StatePlace::S3 { region, endpoint, profile, .. } => {
            let said = [region, endpoint, profile].map(Clone::clone);
            place.s3(registry::bucket_access(app, said).await?)?
        }
        StatePlace::Gcs { .. } => {
            sf_host_api::install_crypto_provider();
            let (endpoint, is_emulator) = settings::gcs_endpoint().unzip();
            place.gcs(endpoint.as_deref(), is_emulator.unwrap_or(false))?
        }
        StatePlace::Azure { .. } => {
            sf_host_api::install_crypto_provider();
            place.azure(settings::azure_endpoint().as_deref(), settings::azure_cli())?
        }
    };
    Ok(Box::new(place.store(bucket, &app.project, &app.provider, &app.stage, settings::lock_timing()?)))
}

/// Does something with a store, and sees to it that no lock of it is left behind: neither by an error nor by Ctrl-C. A part of `work` that handles
/// signals itself asks `calm` to be left alone.
pub(crate) async fn with<T>(
    project: &Project,
    work: impl AsyncFnOnce(&dyn Store, &Calm) -> Result<T, Error>,
) -> Result<T, Error> {
    let store = open(project).await?;
    let calm = Calm::default();
    let mut signals = listen()?;
    let interrupted = async {
        loop {
            signals.next().await;
            if !calm.0.load(Ordering::Relaxed) {
                break;
            }
        }
    };
    let done = tokio::select! {
        biased;
        done = work(store.as_ref(), &calm) => done,
        () = interrupted => Err(Error::new(Exit::Interrupted, "interrupted", "interrupted: nothing was changed")),
    };
    // Another one than before: that may have a signal left which `work` has heard of.
    let mut signals = listen()?;
    tokio::select! {
        () = store.close() => {}
        () = signals.next() => {}
    }
    done
}

fn listen() -> Result<EndSignals, Error> {
    EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))
}

/// Whether signals are somebody else's.
#[derive(Debug, Default)]
pub(crate) struct Calm(AtomicBool);

impl Calm {
    /// From now on they are.
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Says whom a run waits for.
pub(crate) fn say_waiting(ui: &Ui, holder: Option<&Holder>) {
    match holder {
        Some(Holder { info, .. }) => ui.info(format_args!(
            "waiting for {} on {} (process {}, `{}`)",
            info.who, info.host, info.pid, info.command
        )),
        None => ui.info("waiting for another process"),
    }
}
