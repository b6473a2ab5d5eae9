//! A way into a bucket for a client that is not ours: the object store that keeps states.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use sf_plan::Failure;

use super::connect::Connect;
use super::keys;
use super::send::Client;
use super::service::Service;

/// What such a client has to know.
#[derive(Clone, Debug)]
pub struct BucketAccess {
    /// Gives the keys for a request: those that all requests of this backend are signed with.
    pub credentials: AwsCredentialProvider,
    /// The region.
    pub region: String,
    /// Where S3 answers, if not where AWS has it.
    pub endpoint: Option<String>,
    /// The authorities of `AWS_CA_BUNDLE`, in PEM format.
    pub authorities: Option<Vec<u8>>,
}

/// Keys as `aws-config` finds them, and as long as they last.
#[derive(Debug)]
struct Credentials(Client);

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.0.0.keys.at(SystemTime::now()).await.map_err(|error| {
            let source = keys::failure(&error).message.into();
            object_store::Error::Generic { store: "AWS", source }
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: keys.access_key_id().to_owned(),
            secret_key: keys.secret_access_key().to_owned(),
            token: keys.session_token().map(str::to_owned),
        }))
    }
}

impl Connect {
    /// A way into a bucket in the region that this comes to. Asks nobody yet.
    ///
    /// # Errors
    /// As [`Connect::client`].
    pub async fn bucket(self) -> Result<BucketAccess, Failure> {
        let client = self.client().await?;
        let (region, endpoints) = (client.0.region.clone(), &client.0.endpoints);
        let is_elsewhere =
            endpoints.is_overridden(Service::S3) || super::place::partition(&region) == "aws-cn";
        let endpoint = is_elsewhere.then(|| endpoints.of(Service::S3));
        let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        // That it can be read is certain: the client was made with it.
        let authorities = bundle.as_deref().map(<OsStr as AsRef<Path>>::as_ref);
        let authorities = authorities.and_then(|path| std::fs::read(path).ok());
        Ok(BucketAccess { credentials: Arc::new(Credentials(client)), region, endpoint, authorities })
    }
}
