//! Buckets for S3 clients: a listener of its own, the host's one key pair, and links to objects.
//!
//! The port is chosen once and kept, so that links outlive a restart. The key opens every bucket; it is for the person at the machine (`sf bucket credentials`). A
//! function's token is none: functions reach buckets by the data API.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use sf_data::AppId;
use sf_host_api::S3Access;
use sf_s3::{BucketName, Credentials, Link, Names, Service};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::HostError;
use crate::apps::Shared;
use crate::store::Store;

/// How long transfers under way may go on when the host stops.
const LAST_TRANSFERS: Duration = Duration::from_secs(10);

/// Where buckets answer to S3 clients, and what opens them.
pub(crate) struct S3 {
    url: String,
    credentials: Credentials,
}

impl S3 {
    /// Listens at an address; port 0 is the port of last time.
    pub(crate) fn open(store: &Store, wanted: SocketAddr) -> Result<(Self, TcpListener), HostError> {
        let credentials =
            Credentials { access_key: format!("sf{}", store.id()), secret_key: store.s3_secret()? };
        let listener = listen(store, wanted)?;
        let address = listener
            .local_addr()
            .map_err(|cause| HostError::io("read the address of", store.root(), cause))?;
        store.remember_s3_port(address.port())?;
        Ok((Self { url: format!("http://{address}"), credentials }, listener))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a client has to know.
    pub(crate) fn access(&self) -> S3Access {
        S3Access {
            url: self.url.clone(),
            access_key: self.credentials.access_key.clone(),
            secret_key: self.credentials.secret_key.clone(),
            region: sf_s3::REGION.into(),
        }
    }

    /// A URL with which anybody may do this to the object until it expires. By the system's clock, also when the host's was moved: clients have no other.
    pub(crate) fn presign(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        method: &str,
        expires: Duration,
    ) -> String {
        let bucket = &BucketName { app: app.clone(), bucket: bucket.to_owned() };
        let now_ms = crate::clock::now_ms();
        sf_s3::presign(&self.credentials, &Link { endpoint: &self.url, method, bucket, key, expires, now_ms })
    }
}

/// The port of last time may be somebody else's by now: then it is another one, which is better than no host.
fn listen(store: &Store, wanted: SocketAddr) -> Result<TcpListener, HostError> {
    let last = store.s3_port().filter(|_| wanted.port() == 0);
    if let Some(port) = last {
        match crate::ports::listen(SocketAddr::new(wanted.ip(), port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                tracing::warn!(port, %error, "the port of the buckets is taken; links to it are void");
            }
        }
    }
    crate::ports::listen(wanted).map_err(|cause| HostError::not_listening(wanted, cause))
}

/// The listener at work.
pub(crate) struct Serving {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    /// Begins to answer.
    pub(crate) fn start(shared: &Arc<Shared>, listener: TcpListener) -> Self {
        let names = Deployed(Arc::downgrade(shared));
        let service = Service::new(shared.data.clone(), names, &shared.s3.credentials);
        let router = Router::new().fallback(answer).with_state(service);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::warn!(%error, "serve buckets");
            }
        });
        Self { stop, task }
    }

    /// Takes no new requests and waits for those in flight.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_TRANSFERS, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    service.answer(request.map(sf_s3::Body::http_body_unsync)).await.map(Body::new)
}

/// The buckets of what is deployed.
struct Deployed(Weak<Shared>);

impl Names for Deployed {
    fn all(&self) -> Vec<BucketName> {
        self.of_apps(|_| true)
    }

    fn named(&self, physical: &str) -> Vec<BucketName> {
        let of_app = |app: &AppId| {
            let rest = physical.strip_prefix(&app.project).and_then(|rest| rest.strip_prefix('-'));
            rest.and_then(|rest| rest.strip_prefix(&app.stage)).is_some_and(|rest| rest.starts_with('-'))
        };
        let mut buckets = self.of_apps(of_app);
        buckets.retain(|bucket| bucket.physical() == physical);
        buckets
    }
}

impl Deployed {
    /// The buckets of these apps.
    fn of_apps(&self, wanted: impl Fn(&AppId) -> bool) -> Vec<BucketName> {
        let apps = self.0.upgrade().map(|shared| shared.apps()).unwrap_or_default();
        let buckets = apps.iter().filter(|app| wanted(&app.id)).flat_map(|app| {
            let of_app = |bucket| BucketName { app: app.id.clone(), bucket };
            app.names("bucket").into_iter().map(of_app).collect::<Vec<_>>()
        });
        buckets.collect()
    }
}
