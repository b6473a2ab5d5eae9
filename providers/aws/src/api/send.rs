//! Sending: the turn, the signature, the answer, and what is made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sf_plan::Failure;
use tokio::sync::{Mutex, OnceCell};

use super::connect::Identity;
use super::error::{self, ApiError};
use super::keys::{self, Keys};
use super::limit::Limits;
use super::place::{Endpoints, partition};
use super::request::{Answer, Body, Params, Request};
use super::service::{Operation, Service};
use super::sign::{self, Signing};
use crate::names::Place;

/// Attempts at a request that fails for a passing reason.
const ATTEMPTS: u32 = 8;
/// The same for the first request of all: where nobody answers that one, the endpoint or the network is what is wrong, and whoever waits
/// for the answer wants to know.
const FIRST_ATTEMPTS: u32 = 3;
const IDENTITY: &str = "GetCallerIdentity";
/// The pause before the second attempt; it doubles from there.
const PAUSE: Duration = Duration::from_millis(150);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long an answer may take to begin: Lambda answers an invocation when the function has, after 15 minutes at most; a big
/// upload is answered when it has been sent.
fn patience(request: &Request) -> Duration {
    match (&request.body, request.operation.name) {
        (Body::File { .. }, _) | (_, "Invoke") => Duration::from_secs(16 * 60),
        _ => Duration::from_secs(60),
    }
}

/// The one client, for all services; cheap to clone.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Inner>);

impl Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.0.region)
    }
}

/// The functions' aliases that each API is known to have integrations of.
pub(crate) type Integrations = BTreeMap<String, BTreeSet<String>>;

pub(super) struct Inner {
    http: reqwest::Client,
    pub(super) keys: Keys,
    pub(super) region: String,
    pub(super) endpoints: Endpoints,
    limits: Limits,
    identity: OnceCell<Identity>,
    /// What the environment says and the manifest overrules, one sentence each.
    notes: Vec<String>,
    integrations: Mutex<Integrations>,
}

impl Inner {
    pub(super) fn new(
        http: reqwest::Client,
        keys: Keys,
        region: String,
        endpoints: Endpoints,
        limits: Limits,
    ) -> Self {
        Self {
            http,
            keys,
            region,
            endpoints,
            limits,
            identity: OnceCell::new(),
            notes: Vec::new(),
            integrations: Mutex::default(),
        }
    }

    pub(super) fn with_notes(self, notes: Vec<String>) -> Self {
        Self { notes, ..self }
    }
}

impl Client {
    /// Who asks. Asked once.
    ///
    /// # Errors
    /// There are no credentials, or AWS does not take them.
    pub async fn identity(&self) -> Result<&Identity, Failure> {
        self.0.identity.get_or_try_init(|| self.caller()).await
    }

    async fn caller(&self) -> Result<Identity, Failure> {
        #[derive(serde::Deserialize)]
        struct Response {
            #[serde(rename = "GetCallerIdentityResult")]
            result: Caller,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Caller {
            account: String,
            arn: String,
        }
        // First, since what is wrong with them is said better than by whatever fails for want of them.
        self.0.keys.at(SystemTime::now()).await.map_err(|error| keys::failure(&error))?;
        let operation = Service::Sts.operation(IDENTITY);
        let answer: Response = self
            .query(operation, &Params::default())
            .await
            .map_err(|error| error.failure("ask AWS whose credentials these are"))?;
        Ok(Identity { account: answer.result.account, arn: answer.result.arn, region: self.0.region.clone() })
    }

    /// What the placeholders stand for.
    ///
    /// # Errors
    /// As [`Client::identity`].
    pub(crate) async fn place(&self) -> Result<Place, Failure> {
        let identity = self.identity().await?;
        Ok(Place {
            partition: partition(&self.0.region).to_owned(),
            region: self.0.region.clone(),
            account: identity.account.clone(),
        })
    }

    /// What was found out while connecting, one sentence each.
    pub(crate) fn notes(&self) -> &[String] {
        &self.0.notes
    }

    /// What was listed and made of the APIs' integrations.
    pub(crate) fn integrations(&self) -> &Mutex<Integrations> {
        &self.0.integrations
    }

    /// The region that everything is in.
    pub(crate) fn region(&self) -> &str {
        &self.0.region
    }

    /// The one endpoint that stands for all of AWS, where there is such a one.
    pub(crate) fn overridden_endpoint(&self) -> Option<String> {
        self.is_overridden(Service::Sts).then(|| self.endpoint(Service::Sts))
    }

    /// Whether a service answers elsewhere than AWS has it.
    pub(crate) fn is_overridden(&self, service: Service) -> bool {
        self.0.endpoints.is_overridden(service)
    }

    /// The URL before a service's paths.
    pub(crate) fn endpoint(&self, service: Service) -> String {
        self.0.endpoints.of(service)
    }

    /// A request of AWS JSON (SQS, DynamoDB, Secrets Manager, Logs, tagging).
    pub(crate) async fn json<O: DeserializeOwned>(
        &self,
        operation: Operation,
        input: &(impl Serialize + Sync),
    ) -> Result<O, ApiError> {
        let Some((target, version)) = operation.service.json_target() else {
            return Err(ApiError::unreadable(operation, "the service speaks no AWS JSON"));
        };
        let request = Request::new(operation, Method::POST, "/")
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", format!("{target}.{}", operation.name))
            .body(body(operation, input)?);
        parsed(operation, &self.send(request).await?)
    }

    /// A request of REST JSON (Lambda, API Gateway, Scheduler): what the path, query and headers of `request` do not say is in `input`.
    pub(crate) async fn rest<O: DeserializeOwned>(
        &self,
        request: Request,
        input: &(impl Serialize + Sync),
    ) -> Result<O, ApiError> {
        let operation = request.operation;
        let request = request.header("content-type", "application/json").body(body(operation, input)?);
        parsed(operation, &self.send(request).await?)
    }

    /// A request of REST JSON without a body.
    pub(crate) async fn rest_bare<O: DeserializeOwned>(&self, request: Request) -> Result<O, ApiError> {
        let operation = request.operation;
        parsed(operation, &self.send(request).await?)
    }

    /// A request of the query protocol (IAM, STS, SNS); `O` is the whole answer, `{Operation}Response`.
    pub(crate) async fn query<O: DeserializeOwned>(
        &self,
        operation: Operation,
        params: &Params,
    ) -> Result<O, ApiError> {
        let Some(version) = operation.service.query_version() else {
            return Err(ApiError::unreadable(operation, "the service does not speak the query protocol"));
        };
        let request = Request::new(operation, Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(params.form(operation.name, version));
        xml(operation, &self.send(request).await?)
    }

    /// Sends a request, again where it failed for a passing reason. So it may take effect twice.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, ApiError> {
        let operation = request.operation;
        // Once more where the answer broke off.
        let mut again = request.repeatable;
        loop {
            let begun = Instant::now();
            let response = self.open(&request).await?;
            let headers = response.headers().clone();
            match response.bytes().await {
                Ok(body) => return Ok(Answer { headers, body }),
                Err(error) if again => {
                    again = false;
                    trace(&request, 1, begun, &Err(unreachable(operation, &error)), true);
                }
                Err(error) => return Err(unreachable(operation, &error)),
            }
        }
    }

    /// Sends a request, for an answer whose body is read as it comes.
    pub(crate) async fn open(&self, request: &Request) -> Result<reqwest::Response, ApiError> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            self.0.limits.turn(request.operation).await;
            let begun = Instant::now();
            let result = self.once(request).await;
            let again = result.as_ref().is_err_and(|error| is_worth_another(request, error, attempt));
            trace(request, attempt, begun, &result, again);
            let error = match result {
                Err(error) if again => error,
                result => return result,
            };
            if error.is_throttling() {
                self.0.limits.throttled(request.operation).await;
            }
            let share = 500 + fastrand::u32(0..500);
            tokio::time::sleep(pause * share / 1000).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }

    async fn once(&self, request: &Request) -> Result<reqwest::Response, ApiError> {
        let operation = request.operation;
        let base = request.endpoint.clone().unwrap_or_else(|| self.0.endpoints.of(operation.service));
        let url = format!("{base}{}", request.target());
        let signing = self.signing(operation).await?;
        let signature =
            sign::headers(&signing, request.method.as_str(), &url, &request.headers, &request.body)?;
        let mut builder = self.0.http.request(request.method.clone(), &url);
        for (name, value) in request.headers.iter().chain(&signature) {
            builder = builder.header(name, value);
        }
        let builder = match &request.body {
            Body::Bytes(bytes) => builder.body(bytes.clone()),
            Body::File { path, size } => {
                let file = tokio::fs::File::open(path).await.map_err(|error| {
                    ApiError::unreadable(operation, format!("{}: {error}", path.display()))
                })?;
                let stream = tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024);
                builder.header("content-length", *size).body(reqwest::Body::wrap_stream(stream))
            }
        };
        let answered = tokio::time::timeout(patience(request), builder.send()).await;
        let response = answered
            .map_err(|_| ApiError::unreachable(operation, "no answer in time".into()))?
            .map_err(|error| unreachable(operation, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| unreachable(operation, &error))?;
        Err(ApiError::of_response(operation, status.as_u16(), &headers, &body))
    }

    /// A URL that lets whoever has it make one request until it expires.
    pub(crate) async fn presigned(&self, request: &Request, expires: Duration) -> Result<String, ApiError> {
        let base = request.endpoint.clone().unwrap_or_else(|| self.0.endpoints.of(request.operation.service));
        let url = format!("{base}{}", request.target());
        sign::presigned(&self.signing(request.operation).await?, request.method.as_str(), &url, expires)
    }

    async fn signing(&self, operation: Operation) -> Result<Signing<'_>, ApiError> {
        let time = SystemTime::now();
        let credentials = self
            .0
            .keys
            .at(time)
            .await
            .map_err(|error| ApiError::no_credentials(operation, &keys::failure(&error)))?;
        let region = self.0.endpoints.signing_region(operation.service);
        Ok(Signing { operation, region, credentials, time })
    }
}

/// Whether a request that failed so is made again.
fn is_worth_another(request: &Request, error: &ApiError, attempt: u32) -> bool {
    let passes = error.is_throttling() || request.repeatable && error.is_passing();
    let is_first = request.operation.name == IDENTITY && !error.is_answer();
    passes && attempt < if is_first { FIRST_ATTEMPTS } else { ATTEMPTS }
}

/// For a run's event log. AWS's words may repeat what was sent, a secret's value for one: they are not in it, its code is.
fn trace(
    request: &Request,
    attempt: u32,
    begun: Instant,
    result: &Result<reqwest::Response, ApiError>,
    again: bool,
) {
    let Operation { service, name } = request.operation;
    let (status, request_id, error) = match result {
        Ok(response) => (Some(response.status().as_u16()), error::request_id(response.headers()), None),
        Err(error) if error.is_answer() => {
            (Some(error.status), error.request_id.clone(), Some(error.code.clone()))
        }
        Err(error) => (None, None, Some(format!("{}: {}", error.code, error.message))),
    };
    tracing::debug!(
        target: "sf::api",
        service = service.host_prefix(),
        operation = name,
        attempt,
        status,
        duration_ms = begun.elapsed().as_millis(),
        request_id,
        error,
        again,
    );
}

fn body(operation: Operation, input: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(input)
        .map_err(|error| ApiError::unreadable(operation, format!("the request: {error}")))
}

fn parsed<O: DeserializeOwned>(operation: Operation, answer: &Answer) -> Result<O, ApiError> {
    // Operations without an answer have an empty one.
    let body: &[u8] = if answer.body.is_empty() { b"{}" } else { &answer.body };
    serde_json::from_slice(body).map_err(|error| ApiError::unreadable(operation, error))
}

/// Reads an XML answer.
pub(crate) fn xml<O: DeserializeOwned>(operation: Operation, answer: &Answer) -> Result<O, ApiError> {
    let text = std::str::from_utf8(&answer.body).map_err(|error| ApiError::unreadable(operation, error))?;
    quick_xml::de::from_str(text).map_err(|error| ApiError::unreadable(operation, error))
}

fn unreachable(operation: Operation, error: &reqwest::Error) -> ApiError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    ApiError::unreachable(operation, cause.to_string())
}
