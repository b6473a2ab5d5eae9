//! Credentials and region, found as AWS's own tools find them: variables, profiles, SSO, web identity, the instance's role.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use sf_plan::Failure;

use super::http::Http;
use super::keys::{self, Keys};
use super::limit::Limits;
use super::place::Endpoints;
use super::region;
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

/// How long a connection may take to be made: what AWS's own SDKs take, which is one packet lost and sent again.
const CONNECTION: Duration = Duration::from_millis(3100);

impl Connect {
    /// A client. Reads files and variables; asks nobody yet.
    ///
    /// # Errors
    /// There is no region, or a file with authorities cannot be read.
    pub async fn client(self) -> Result<Client, Failure> {
        // The one TLS stack of this program. That it is there already is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = http_client(std::env::var_os("AWS_CA_BUNDLE").as_deref().map(Path::new))?;
        let variable = |name: &str| std::env::var(name).ok();
        let shared = SharedHttpClient::new(Http(http.clone()));
        let region = region::find(&self, variable, shared.clone()).await;
        let config = self.load(region.as_deref(), shared).await;
        let keys = Keys::new(config.credentials_provider().ok_or_else(no_provider)?);
        let Some(region) = region else { return Err(no_region(&keys).await) };
        let notes = self.notes(variable);
        let endpoints = Endpoints::new(&region, self.endpoint.as_deref(), config.service_config());
        let inner = Inner::new(http, keys, region, endpoints, Limits::default());
        Ok(Client(Arc::new(inner.with_notes(notes))))
    }

    /// A client with keys of one's own, of something that only answers as AWS does: for tests.
    ///
    /// # Errors
    /// There is no HTTP client.
    #[doc(hidden)]
    pub fn to_counterpart(endpoint: &str, region: &str) -> Result<Client, Failure> {
        let keys = aws_credential_types::Credentials::new("test", "test", None, None, "the test");
        let keys = Keys::new(SharedCredentialsProvider::new(keys));
        let endpoints = Endpoints::new(region, Some(endpoint), None);
        let http = http_client(None)?;
        Ok(Client(Arc::new(Inner::new(http, keys, region.to_owned(), endpoints, Limits::default()))))
    }

    /// What somebody may have meant who has set these variables, and what goes before them.
    fn notes(&self, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut notes = Vec::new();
        let own = [
            ("region", &self.region, &["AWS_REGION", "AWS_DEFAULT_REGION"][..]),
            ("profile", &self.profile, &["AWS_PROFILE"]),
            ("endpoint", &self.endpoint, &["AWS_ENDPOINT_URL"]),
        ];
        for (key, said, names) in own {
            let Some(said) = said else { continue };
            let other = names.iter().find_map(|name| Some((name, set(name)?)));
            if let Some((name, other)) = other.filter(|(_, other)| other != said) {
                notes.push(format!("the {key} is `{said}`, as the manifest says, not `{other}` of {name}"));
            }
        }
        if let (Some(profile), Some(_)) = (&self.profile, set("AWS_ACCESS_KEY_ID")) {
            notes.push(format!(
                "the keys are those of AWS_ACCESS_KEY_ID, not those of the profile `{profile}`"
            ));
        }
        notes
    }

    /// Without a region there are credentials all the same, and what is wrong with them may be why there is none.
    async fn load(&self, region: Option<&str>, http: SharedHttpClient) -> SdkConfig {
        let region = Region::new(region.unwrap_or("us-east-1").to_owned());
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(region);
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        loader.load().await
    }
}

/// The client of all requests. `bundle`: a file with further authorities (`AWS_CA_BUNDLE`), as proxies that look into TLS have them;
/// those of the system, and of `SSL_CERT_FILE`, are trusted anyway.
fn http_client(bundle: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder().connect_timeout(CONNECTION);
    if let Some(path) = bundle.filter(|path| !path.as_os_str().is_empty()) {
        builder = builder.tls_certs_merge(authorities(path)?);
    }
    builder
        .build()
        .map_err(|error| failure("http-client", format!("make an HTTP client: {}", deepest(&error)), None))
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        let hint = "AWS_CA_BUNDLE must name a file of certificates in PEM format";
        failure("ca-bundle", format!("read AWS_CA_BUNDLE `{}`: {cause}", path.display()), Some(hint))
    };
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    let all = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))?;
    if all.is_empty() { Err(failed(&"there is no certificate in it")) } else { Ok(all) }
}

fn deepest(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), deepest)
}

/// A profile that does not exist has no region either, and is what is wrong.
async fn no_region(keys: &Keys) -> Failure {
    let hint = "set `region` in `[providers.aws]`, AWS_REGION, or a region in the profile";
    let failure = failure("no-region", "connect to AWS: no region is set".into(), Some(hint));
    match keys.at(SystemTime::now()).await.map_err(|error| keys::failure(&error)) {
        Err(undefined) if undefined.code.as_deref() == Some(keys::UNKNOWN_PROFILE) => undefined,
        _ => failure,
    }
}

fn no_provider() -> Failure {
    failure("no-credentials", "connect to AWS: nothing gives credentials".into(), None)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manifest_overrules_is_said() {
        let connect =
            Connect { region: Some("eu-west-1".into()), profile: Some("shop".into()), endpoint: None };
        let variables = |name: &str| match name {
            "AWS_DEFAULT_REGION" => Some("us-east-1".to_owned()),
            "AWS_PROFILE" => Some("shop".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_REGION" | "AWS_ACCESS_KEY_ID" => Some(String::new()),
            _ => None,
        };
        let said = "the region is `eu-west-1`, as the manifest says, not `us-east-1` of AWS_DEFAULT_REGION";
        assert_eq!(connect.notes(variables), [said]);
        assert_eq!(Connect::default().notes(variables), [] as [String; 0]);
        let keys = connect.notes(|name| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIA".to_owned()));
        assert_eq!(keys, ["the keys are those of AWS_ACCESS_KEY_ID, not those of the profile `shop`"]);
    }
}
