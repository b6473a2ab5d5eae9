//! A typed client of the control API: one method a call of the table in the crate's documentation.

mod app;
mod data;
mod error;
mod logs;
mod request;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};

pub use app::AppClient;
pub use data::encode_segment;
pub use error::ClientError;
pub use logs::{LogLines, LogsQuery};

use crate::types::{AppStatus, ClockAdvance, Health, HostStatus, S3Access};
use request::{Request, segment};

/// How long to wait for a connection: a host is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call that runs no user code may take, the waiting for its answer included.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection pool to one host. Cheap to make (no TLS roots are read for an `http` URL) and to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Chooses ring as the process's TLS provider, unless one was chosen already. A binary calls it first thing, so that
/// libraries that ask for the process's provider find one.
pub fn install_crypto_provider() {
    // An error means that there is one already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Client {
    /// A client of the host at `url` (`http://127.0.0.1:7070`), which sends `token` with every call that wants one.
    /// Connects to nothing yet. A loopback address is never reached through a proxy.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], [`ClientError::BadToken`]; [`ClientError::Setup`] if the machine's TLS roots cannot be read
    /// (`https` only).
    pub fn new(url: &str, token: &str) -> Result<Self, ClientError> {
        let parsed = parse_base(url)?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::BadToken)?;
        authorization.set_sensitive(true);
        Ok(Self {
            http: http_client(&parsed)?,
            base: parsed.as_str().trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// The host's URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// `GET /v1/health`. The token is not sent: whoever listens there may not be the host.
    ///
    /// # Errors
    /// As [`ClientError`] says; [`ClientError::Connect`] if nothing listens.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.request(Method::GET, "/v1/health", "ask for the host's health").anonymous().json().await
    }

    /// `GET /v1/openapi.json`
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.request(Method::GET, "/v1/openapi.json", "read the API's description").anonymous().json().await
    }

    /// `GET /v1/status`
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn status(&self) -> Result<HostStatus, ClientError> {
        self.request(Method::GET, "/v1/status", "ask for the host's status").json().await
    }

    /// `GET /v1/s3`
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn s3(&self) -> Result<S3Access, ClientError> {
        self.request(Method::GET, "/v1/s3", "ask for the key to the buckets").json().await
    }

    /// `POST /v1/shutdown`. Answered before the host exits; what is in flight ends first.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        self.request(Method::POST, "/v1/shutdown", "stop the host").send().await.map(drop)
    }

    /// `POST /v1/clock`: moves the clock of schedules forward.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn advance_clock(&self, advance: ClockAdvance) -> Result<(), ClientError> {
        self.request(Method::POST, "/v1/clock", "move the host's clock").body(&advance).send().await.map(drop)
    }

    /// `HEAD /v1/artifacts/{digest}`: whether the host has it.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn has_artifact(&self, digest: &str) -> Result<bool, ClientError> {
        let path = format!("/v1/artifacts/{}", segment(digest)?);
        let operation = format!("look for artifact {digest}");
        // The answer to HEAD has no body that could say more than its status.
        match self.request(Method::HEAD, &path, &operation).status().await? {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => Err(request::bodyless_error(operation, status)),
        }
    }

    /// `PUT /v1/artifacts/{digest}`: streams the zip at `file`. Memory does not grow with its size.
    ///
    /// # Errors
    /// [`ClientError::File`] if the file cannot be read; [`ClientError::Api`] if its content has another digest.
    pub async fn put_artifact(&self, digest: &str, file: &Path) -> Result<(), ClientError> {
        let unreadable = |cause| ClientError::File { path: file.to_owned(), cause };
        let path = format!("/v1/artifacts/{}", segment(digest)?);
        let zip = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let size = zip.metadata().await.map_err(unreadable)?.len();
        self.request(Method::PUT, &path, &format!("upload artifact {digest}"))
            .unlimited()
            .header(CONTENT_TYPE, HeaderValue::from_static("application/zip"))
            .header(CONTENT_LENGTH, size.into())
            .stream(zip.into())
            .send()
            .await
            .map(drop)
    }

    /// `GET /v1/apps`
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn apps(&self) -> Result<Vec<AppStatus>, ClientError> {
        self.request(Method::GET, "/v1/apps", "list what is deployed").json().await
    }

    /// The calls that concern one project's stage.
    ///
    /// # Errors
    /// [`ClientError::BadName`] if a name cannot be part of a path.
    pub fn app(&self, project: &str, stage: &str) -> Result<AppClient, ClientError> {
        AppClient::new(self.clone(), project, stage)
    }

    fn request(&self, method: Method, path: &str, operation: &str) -> Request<'_> {
        Request::new(self, method, path, operation)
    }
}

fn parse_base(url: &str) -> Result<Url, ClientError> {
    let bad = |cause: String| ClientError::BadUrl { url: url.to_owned(), cause };
    let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(bad("its scheme is neither http nor https".into()));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(bad("it has a query or a fragment".into()));
    }
    Ok(parsed)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    // IPv6 addresses stand in brackets in a URL.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// What an HTTP client for one base URL begins with: no proxy to a loopback address, no TLS for an `http` URL (so no redirect to `https`),
/// the machine's roots for an `https` one.
///
/// # Errors
/// [`ClientError::Setup`] if TLS cannot be set up.
pub fn client_builder(base: &Url) -> Result<reqwest::ClientBuilder, ClientError> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("sf/", env!("CARGO_PKG_VERSION")));
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // Reading the machine's roots takes tens of milliseconds; nothing here can lead to an https URL.
        builder = builder.tls_backend_preconfigured(rootless_tls()?);
    } else {
        install_crypto_provider();
    }
    Ok(builder)
}

fn http_client(base: &Url) -> Result<reqwest::Client, ClientError> {
    let builder = client_builder(base)?.redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| ClientError::Setup(error.to_string()))
}

/// A TLS configuration that trusts nobody, for a client that never uses it.
fn rootless_tls() -> Result<rustls::ClientConfig, ClientError> {
    let provider = rustls::crypto::ring::default_provider();
    Ok(rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Setup(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

#[cfg(test)]
mod tests;
