//! Secrets: their values go straight to the host.

use async_trait::async_trait;
use sf_plan::Failure;
use sf_provider::{Cx, SecretState, Secrets};

use super::HostOperate;
use crate::failure;

#[async_trait]
impl Secrets for HostOperate {
    async fn list(&self, cx: &Cx) -> Result<Vec<SecretState>, Failure> {
        let listed = match self.app(cx)?.secrets().await {
            Ok(listed) => listed,
            // An app that was never deployed has none.
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(failure::from_client(&error)),
        };
        let state = |secret: sf_host_api::SecretInfo| SecretState {
            name: secret.name,
            declared: secret.declared,
            updated_ms: secret.updated_ms,
        };
        Ok(listed.into_iter().map(state).collect())
    }

    async fn set(&self, cx: &Cx, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        let set = self.app(cx)?.set_secret(name, value).await;
        set.map_err(|error| failure::from_client(&error))
    }

    async fn remove(&self, cx: &Cx, name: &str) -> Result<bool, Failure> {
        let removed = self.app(cx)?.remove_secret(name).await;
        removed.map_err(|error| failure::from_client(&error))
    }
}
