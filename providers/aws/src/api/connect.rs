//! Credentials and region, found as AWS's own tools find them: variables, profiles, SSO, web identity, the instance's role.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use sf_plan::Failure;

use super::http::Http;
use super::limit::Limits;
use super::place::Endpoints;
use super::send::{Client, Inner};

/// What the manifest says of it; the rest is the environment's.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// `[providers.aws] region`
    pub region: Option<String>,
    /// `[providers.aws] profile`
    pub profile: Option<String>,
    /// `[providers.aws] endpoint`
    pub endpoint: Option<String>,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The user or role.
    pub arn: String,
    /// Where calls go.
    pub region: String,
}

impl Connect {
    /// A client. Reads files and variables; asks nobody yet.
    ///
    /// # Errors
    /// There is no region or nothing that could give credentials.
    pub async fn client(self) -> Result<Client, Failure> {
        // The one TLS stack of this program. That it is there already is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| failure("http-client", format!("make an HTTP client: {error}"), None))?;
        let config = self.load(&http).await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            let hint = "set AWS_REGION, a region in the profile, or `region` in `[providers.aws]`";
            failure("no-region", "connect to AWS: no region is set".into(), Some(hint))
        })?;
        let credentials = config.credentials_provider().ok_or_else(no_credentials)?;
        let endpoints =
            Endpoints::new(&region, self.endpoint.or_else(|| config.endpoint_url().map(str::to_owned)));
        Ok(Client(Arc::new(Inner::new(http, credentials, region, endpoints, Limits::default()))))
    }

    /// A client with keys of one's own, of something that only answers as AWS does: for tests.
    ///
    /// # Errors
    /// There is no HTTP client.
    #[doc(hidden)]
    pub fn to_counterpart(endpoint: &str, region: &str) -> Result<Client, Failure> {
        let http = reqwest::Client::builder()
            .build()
            .map_err(|error| failure("http-client", format!("make an HTTP client: {error}"), None))?;
        let keys = aws_credential_types::Credentials::new("test", "test", None, None, "the test");
        let endpoints = Endpoints::new(region, Some(endpoint.to_owned()));
        let keys = SharedCredentialsProvider::new(keys);
        Ok(Client(Arc::new(Inner::new(http, keys, region.to_owned(), endpoints, Limits::default()))))
    }

    async fn load(&self, http: &reqwest::Client) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(SharedHttpClient::new(Http(http.clone())));
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        loader.load().await
    }
}

/// The credentials that a provider has for now.
pub(super) async fn credentials(
    provider: &SharedCredentialsProvider,
) -> Result<aws_credential_types::Credentials, Failure> {
    use aws_credential_types::provider::ProvideCredentials as _;
    provider.provide_credentials().await.map_err(|error| {
        let mut failure = no_credentials();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        failure.message = format!("{}: {error}: {cause}", failure.message);
        failure
    })
}

fn no_credentials() -> Failure {
    let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with `aws sso login`; in CI use OIDC: \
                AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE";
    failure("no-credentials", "connect to AWS: no credentials".into(), Some(hint))
}

fn failure(code: &str, message: String, hint: Option<&str>) -> Failure {
    Failure {
        message,
        code: Some(code.into()),
        request_id: None,
        hint: hint.map(str::to_owned),
        transient: false,
    }
}
