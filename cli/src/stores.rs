//! Where a project's state is: a folder, or a bucket with the credentials that it takes.

use sf_engine::{Holder, LocalStore, StatePlace, Store};
use sf_host::EndSignals;

use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::{self, Settings};
use crate::ui::Ui;
use crate::{pipeline, registry};

/// The state of the project's stage.
pub(crate) async fn open(project: &Project) -> Result<Box<dyn Store>, Error> {
    let (app, kept) = (&project.app, pipeline::kept_releases(project));
    if let Some(folder) = pipeline::state_folder(project) {
        return Ok(Box::new(LocalStore::new(&folder, &app.provider, &app.stage).keeping(kept)));
    }
    let place = StatePlace::parse(app.state_store.as_deref().unwrap_or_default())?;
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
    let store = place.store(bucket, &app.project, &app.provider, &app.stage, settings::lock_timing()?);
    Ok(Box::new(store.keeping(kept)))
}

/// Does something with a store, and sees to it that no lock of it is left behind. `work` ends by itself when it is told to: see
/// [`with_signals`].
pub(crate) async fn with<T>(
    settings: &Settings,
    project: &Project,
    work: impl AsyncFnOnce(&dyn Store) -> Result<T, Error>,
) -> Result<T, Error> {
    let store = open(project).await?;
    let done = work(store.as_ref()).await;
    // Whoever is told once more while it waits for that does not wait; the lock then expires.
    let mut signals = listen()?;
    tokio::select! {
        closed = store.close() => if let Err(cause) = closed {
            settings.ui.warn(format_args!("the lock stays for a minute: {cause}"));
        },
        () = signals.next() => {}
    }
    done
}

/// As [`with`], for work that may be dropped at any point: Ctrl-C does.
pub(crate) async fn with_signals<T>(
    settings: &Settings,
    project: &Project,
    work: impl AsyncFnOnce(&dyn Store) -> Result<T, Error>,
) -> Result<T, Error> {
    with(settings, project, async |store| {
        let mut signals = listen()?;
        tokio::select! {
            biased;
            done = work(store) => done,
            () = signals.next() => {
                Err(Error::new(Exit::Interrupted, "interrupted", "interrupted")
                    .hint("`sf state list` shows what is recorded"))
            }
        }
    })
    .await
}

fn listen() -> Result<EndSignals, Error> {
    EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))
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
