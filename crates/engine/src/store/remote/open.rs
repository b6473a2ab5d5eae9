//! From what `[state] store` says to a client of that bucket.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::ClientOptions;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, Certificate, ObjectStore, RetryConfig};

use super::{LockTiming, RemoteStore};
use crate::store::StoreError;

/// Where states are that are not in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatePlace {
    /// `s3://bucket/prefix?region=…&endpoint=…&profile=…`: Amazon S3, or what answers like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// What its objects' names begin with; may be empty.
        prefix: String,
        /// The bucket's region, if it is not the one that is set for everything.
        region: Option<String>,
        /// The URL of what answers like S3.
        endpoint: Option<String>,
        /// The profile in AWS's own files whose credentials are taken.
        profile: Option<String>,
    },
    /// `gs://bucket/prefix`: Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: String,
        /// What its objects' names begin with; may be empty.
        prefix: String,
    },
    /// `az://account/container/prefix`: Azure Blob Storage. With the account, since a container's name alone means nothing.
    Azure {
        /// The storage account.
        account: String,
        /// The container.
        container: String,
        /// What its blobs' names begin with; may be empty.
        prefix: String,
    },
}

/// A URL that names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("open the state store `{url}`: {cause}")]
pub struct BadPlace {
    /// What was said.
    pub url: String,
    /// What is wrong with it.
    pub cause: String,
}

/// What it takes to use a bucket of S3.
#[derive(Debug)]
pub struct BucketAccess {
    /// Gives the keys for a request.
    pub credentials: AwsCredentialProvider,
    /// The bucket's region.
    pub region: String,
    /// Where S3 answers, if not where AWS has it.
    pub endpoint: Option<String>,
    /// Authorities to be trusted beside the system's, in PEM format.
    pub authorities: Option<Vec<u8>>,
}

impl StatePlace {
    /// Reads a URL.
    ///
    /// # Errors
    /// It names nothing that could hold a state.
    pub fn parse(url: &str) -> Result<Self, BadPlace> {
        let bad = |cause: String| BadPlace { url: url.to_owned(), cause };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it is no URL".into()))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !(query.is_empty() || scheme == "s3") {
            return Err(bad("only `s3://` takes settings after a `?`".into()));
        }
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        if first.is_empty() {
            return Err(bad("it names no bucket".into()));
        }
        let prefix = |text: &str| text.trim_matches('/').to_owned();
        match scheme {
            "s3" => {
                let mut settings = [("region", None), ("endpoint", None), ("profile", None)];
                for (name, value) in form_urlencoded::parse(query.as_bytes()) {
                    let known = settings.iter_mut().find(|(known, _)| *known == name);
                    let (_, place) = known.ok_or_else(|| {
                        bad(format!("`{name}` is none of its settings, `region`, `endpoint` and `profile`"))
                    })?;
                    *place = Some(value.into_owned());
                }
                let [(_, region), (_, endpoint), (_, profile)] = settings;
                let (bucket, prefix) = (first.to_owned(), prefix(rest));
                Ok(Self::S3 { bucket, prefix, region, endpoint, profile })
            }
            "gs" => Ok(Self::Gcs { bucket: first.to_owned(), prefix: prefix(rest) }),
            "az" => {
                let (container, rest) = rest.split_once('/').unwrap_or((rest, ""));
                if container.is_empty() {
                    return Err(bad("it names an account and no container".into()));
                }
                let (account, container) = (first.to_owned(), container.to_owned());
                Ok(Self::Azure { account, container, prefix: prefix(rest) })
            }
            other => Err(bad(format!("this sf knows `s3://`, `gs://` and `az://`, not `{other}://`"))),
        }
    }

    /// What people call it, without the prefix.
    fn url(&self) -> String {
        match self {
            Self::S3 { bucket, .. } => format!("s3://{bucket}"),
            Self::Gcs { bucket, .. } => format!("gs://{bucket}"),
            Self::Azure { account, container, .. } => format!("az://{account}/{container}"),
        }
    }

    fn prefix(&self) -> &str {
        match self {
            Self::S3 { prefix, .. } | Self::Gcs { prefix, .. } | Self::Azure { prefix, .. } => prefix,
        }
    }

    /// The bucket of S3. Asks nobody yet.
    ///
    /// # Errors
    /// The client cannot be made of it.
    pub fn s3(&self, access: BucketAccess) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let Self::S3 { bucket, .. } = self else { return Err(self.mistaken()) };
        let mut options = options(access.endpoint.as_deref());
        if let Some(pem) = access.authorities {
            let all = Certificate::from_pem_bundle(&pem).map_err(|error| self.unusable(&error))?;
            options = all.into_iter().fold(options, ClientOptions::with_root_certificate);
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(access.region)
            .with_credentials(access.credentials)
            .with_retry(retries())
            .with_client_options(options);
        if let Some(endpoint) = access.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Arc::new(builder.build().map_err(|error| self.unusable(&error))?))
    }

    /// The bucket of Google Cloud Storage, with the credentials that the environment has. `endpoint`: what answers in its place.
    ///
    /// # Errors
    /// The credentials cannot be read.
    pub fn gcs(&self, endpoint: Option<&str>, is_emulator: bool) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let Self::Gcs { bucket, .. } = self else { return Err(self.mistaken()) };
        let mut builder = GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(bucket)
            .with_skip_signature(is_emulator)
            .with_retry(retries())
            .with_client_options(options(endpoint));
        if let Some(endpoint) = endpoint {
            builder = builder.with_base_url(endpoint);
        }
        Ok(Arc::new(builder.build().map_err(|error| self.unusable(&error))?))
    }

    /// The container of Azure, with the credentials that the environment has. `endpoint`: what answers in its place. `cli`: those of `az login`
    /// are taken if the environment has none.
    ///
    /// # Errors
    /// The credentials cannot be read.
    pub fn azure(&self, endpoint: Option<&str>, cli: bool) -> Result<Arc<dyn ObjectStore>, StoreError> {
        let Self::Azure { account, container, .. } = self else { return Err(self.mistaken()) };
        let mut builder = MicrosoftAzureBuilder::from_env()
            .with_account(account)
            .with_container_name(container)
            .with_retry(retries())
            .with_client_options(options(endpoint));
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint.to_owned());
        }
        if cli {
            builder = builder.with_use_azure_cli(true);
        }
        Ok(Arc::new(builder.build().map_err(|error| self.unusable(&error))?))
    }

    /// The store of a project's stage in the bucket that was opened.
    pub fn store(
        &self,
        bucket: Arc<dyn ObjectStore>,
        project: &str,
        provider: &str,
        stage: &str,
        timing: LockTiming,
    ) -> RemoteStore {
        let folder = [self.prefix(), project, provider];
        RemoteStore::new(bucket, self.url(), &folder, stage, timing)
    }

    fn mistaken(&self) -> StoreError {
        let cause = "it is of another kind: this is a bug in sf".into();
        StoreError::Remote { operation: "open", at: self.url(), cause, hint: None }
    }

    fn unusable(&self, error: &object_store::Error) -> StoreError {
        StoreError::Remote {
            operation: "open",
            at: self.url(),
            cause: super::objects::cause(error),
            hint: None,
        }
    }
}

/// Plain HTTP only where somebody named it.
fn options(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new().with_allow_http(endpoint.is_some_and(|url| url.starts_with("http://")))
}

/// Long enough for a store that is busy, and not so long that nobody knows whether anything happens.
fn retries() -> RetryConfig {
    let (init_backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(5));
    RetryConfig {
        backoff: BackoffConfig { init_backoff, max_backoff, base: 2.0 },
        max_retries: 5,
        retry_timeout: Duration::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_stores() {
        let s3 = |prefix: &str, region: Option<&str>, endpoint: Option<&str>| StatePlace::S3 {
            bucket: "states".into(),
            prefix: prefix.into(),
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
            profile: None,
        };
        let parse = |url: &str| StatePlace::parse(url).unwrap();
        assert_eq!(parse("s3://states"), s3("", None, None));
        assert_eq!(parse("s3://states/a/b/"), s3("a/b", None, None));
        let elsewhere = s3("a", Some("eu-west-1"), Some("http://127.0.0.1:9000"));
        assert_eq!(parse("s3://states/a?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1:9000"), elsewhere);
        let gcs = StatePlace::Gcs { bucket: "states".into(), prefix: "a".into() };
        assert_eq!(parse("gs://states/a"), gcs);
        let (account, container) = ("shop".to_owned(), "states".to_owned());
        let azure = StatePlace::Azure { account, container, prefix: "a/b".into() };
        assert_eq!(parse("az://shop/states/a/b"), azure);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        let cause = |url: &str| StatePlace::parse(url).unwrap_err().cause;
        assert_eq!(cause(".sf/state"), "it is no URL");
        assert_eq!(cause("s3:///a"), "it names no bucket");
        assert_eq!(cause("az://shop"), "it names an account and no container");
        assert_eq!(cause("gs://states?region=x"), "only `s3://` takes settings after a `?`");
        let unknown = "`zone` is none of its settings, `region`, `endpoint` and `profile`";
        assert_eq!(cause("s3://states?zone=x"), unknown);
        assert_eq!(cause("ftp://x"), "this sf knows `s3://`, `gs://` and `az://`, not `ftp://`");
    }
}
