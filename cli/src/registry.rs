//! The one place that names concrete providers: which there are, and how each is reached.

use std::sync::Arc;

use sf_engine::BucketAccess;
use sf_model::App;
use sf_provider::{Backend, Driver, Operate, Renamed};
use sf_provider_aws::{Aws, Connect, Settings as AwsSettings};
use sf_provider_self_hosted::{SelfHosted, Settings as SelfHostedSettings};

use crate::embedded::{Embedded, Running};
use crate::errors::{Error, Exit};
use crate::settings::{self, Settings};

/// Every backend of this `sf`.
fn backends() -> [&'static dyn Backend; 2] {
    [Aws::backend(), SelfHosted::backend()]
}

/// The backend of that name.
pub(crate) fn backend(name: &str) -> Result<&'static dyn Backend, Error> {
    backends().into_iter().find(|backend| backend.name() == name).ok_or_else(|| {
        let known: Vec<_> = backends().iter().map(|backend| format!("`{}`", backend.name())).collect();
        Error::usage("unknown-provider", format!("use provider `{name}`: this sf does not have it"))
            .hint(format!("it has {}", known.join(", ")))
    })
}

/// A provider that can be asked and told.
pub(crate) struct Connection {
    /// Makes the calls of a plan.
    pub(crate) driver: Arc<dyn Driver>,
    /// Invokes, reads logs, looks.
    pub(crate) operate: Arc<dyn Operate>,
}

/// How far to go for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Start what has to run.
    Start,
    /// Only what runs; if it should and does not, that is an error.
    Running,
    /// Only what runs.
    IfRunning,
}

/// Connects to the App's provider. `None`: there is nobody to ask, since nothing runs and that will do.
pub(crate) async fn connect(
    settings: &Settings,
    app: &App,
    reach: Reach,
) -> Result<Option<Connection>, Error> {
    let connection = match app.provider.as_str() {
        sf_provider_aws::NAME => Some(aws(app).await?),
        _ => self_hosted(settings, app, reach).await?,
    };
    Ok(connection.map(|Connection { driver, operate }| Connection {
        driver,
        operate: Renamed::wrap(operate, &app.renames),
    }))
}

async fn aws(app: &App) -> Result<Connection, Error> {
    let own = AwsSettings::read(app).map_err(|_| accepted_and_refused())?;
    let connect = Connect { region: own.region, profile: own.profile, endpoint: own.endpoint };
    let (driver, operate) = Aws::connect(connect).await?;
    Ok(Connection { driver: Arc::new(driver), operate: Arc::new(operate) })
}

/// A way into the bucket of S3 that holds states: as the project's own calls to AWS are made, if it is on AWS. What the store's URL says of the
/// region, the endpoint and the profile goes before.
pub(crate) async fn bucket_access(app: &App, said: [Option<String>; 3]) -> Result<BucketAccess, Error> {
    let own = match app.provider.as_str() {
        sf_provider_aws::NAME => AwsSettings::read(app).map_err(|_| accepted_and_refused())?,
        _ => AwsSettings::default(),
    };
    let [region, endpoint, profile] = said;
    let connect = Connect {
        region: region.or(own.region),
        profile: profile.or(own.profile),
        endpoint: endpoint.or(own.endpoint),
    };
    let sf_provider_aws::BucketAccess { credentials, region, endpoint, authorities } =
        connect.bucket().await?;
    Ok(BucketAccess { credentials, region, endpoint, authorities })
}

async fn self_hosted(settings: &Settings, app: &App, reach: Reach) -> Result<Option<Connection>, Error> {
    let own = SelfHostedSettings::read(app).map_err(|_| accepted_and_refused())?;
    let host = match own.host {
        Some(url) => Some(named(url).await?),
        None => embedded(settings, reach).await?,
    };
    let Some(host) = host else { return Ok(None) };
    let (driver, operate) = SelfHosted::connect(&host.url, &host.token)?;
    Ok(Some(Connection { driver: Arc::new(driver), operate: Arc::new(operate) }))
}

fn accepted_and_refused() -> Error {
    Error::internal("settings that were accepted are refused")
}

/// The host that `[providers.self-hosted] host` names. The token of the host on this machine need not be said.
async fn named(url: String) -> Result<Running, Error> {
    if let Some(token) = settings::host_token() {
        return Ok(Running { url, token, pid: 0 });
    }
    let own = Embedded::find()?
        .running()
        .await?
        .filter(|own| own.url.trim_end_matches('/') == url.trim_end_matches('/'));
    own.ok_or_else(|| {
        Error::usage("no-token", format!("connect to the host at {url}: SF_HOST_TOKEN is not set"))
            .hint("set it to what is in the file `token` of the host's data folder")
    })
}

async fn embedded(settings: &Settings, reach: Reach) -> Result<Option<Running>, Error> {
    let embedded = Embedded::find()?;
    match (embedded.running().await?, reach) {
        (Some(running), _) => Ok(Some(running)),
        (None, Reach::Start) => embedded.start(&settings.ui, settings::host_port()?).await.map(Some),
        (None, Reach::IfRunning) => Ok(None),
        (None, Reach::Running) => Err(not_running()),
    }
}

/// A host that should run does not.
pub(crate) fn not_running() -> Error {
    Error::new(Exit::Unreachable, "host-not-running", "connect to the embedded host: it does not run")
        .hint("`sf host start` starts it, and so does `sf deploy`")
}
