//! `invoke-config`: what becomes of events that nobody waits for, when the function fails.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::function::with_patience;
use super::{At, Inventory, Made, RemoteKind, Seen, Undone, of_alias};
use crate::api::lambda::on_alias::{
    self, Destination, Destinations, delete_invoke_config, get_invoke_config, put_invoke_config,
};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvokeConfig;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    alias: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    /// The ARN of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
}

/// Sets it; in the place of what was set, so that it may be done again.
async fn put(at: &At<'_>, spec: &Spec) -> Result<Made, Failure> {
    let of = of_alias::parsed(at, &spec.alias)?;
    let destinations = spec
        .on_failure
        .clone()
        .map(|queue| Destinations { on_failure: Some(Destination { destination: Some(queue) }) });
    let config = on_alias::InvokeConfig {
        maximum_retry_attempts: spec.maximum_retry_attempts,
        destination_config: destinations,
    };
    with_patience(|| put_invoke_config(at.api, of, &config))
        .await
        .map_err(|error| at.failed("put", &error))?;
    Ok(of_alias::made(&spec.alias))
}

#[async_trait]
impl RemoteKind for InvokeConfig {
    type Spec = Spec;

    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Alias"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        Ok(put(at, spec).await?)
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec == *spec { Ok(prior.made.clone()) } else { put(at, spec).await }
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let of = of_alias::parsed(at, &prior.spec.alias)?;
        with_patience(|| delete_invoke_config(at.api, of)).await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let found = get_invoke_config(at.api, of_alias::parsed(at, id)?).await;
        let found = found.map_err(|error| at.failed("read", &error))?;
        Ok(found.map(|found| {
            let on_failure = found.destination_config.and_then(|config| config.on_failure?.destination);
            let maximum_retry_attempts = found.maximum_retry_attempts;
            let spec = Spec { alias: id.to_owned(), maximum_retry_attempts, on_failure };
            Seen { made: of_alias::made(id), spec, key: None }
        }))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        self.look(at, &spec.alias).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let look = async |arn: String| of_alias::single(self.look(at, &arn).await);
        of_alias::list(&at.key.addr.kind.0, inventory, look).await
    }
}
