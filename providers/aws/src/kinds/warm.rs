//! `warm`: instances that are kept ready behind the alias, and paid for.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::function::with_patience;
use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Undone, of_alias, until};
use crate::api::ApiError;
use crate::api::lambda::on_alias::{
    AliasOf, delete_provisioned_concurrency, get_provisioned_concurrency, put_provisioned_concurrency,
};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Warm;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    alias: String,
    provisioned_concurrent_executions: u32,
}

/// Asks for the instances, and waits for them.
async fn put(at: &At<'_>, spec: &Spec) -> Result<Made, Failure> {
    let failed = |error: ApiError| at.failed("put", &error);
    let of = of_alias::parsed(at, &spec.alias)?;
    let instances = spec.provisioned_concurrent_executions;
    let put = with_patience(|| put_provisioned_concurrency(at.api, of, instances)).await.map_err(failed)?;
    if put.status != "READY" {
        ready(at, of).await?;
    }
    Ok(of_alias::made(&spec.alias))
}

async fn ready(at: &At<'_>, of: AliasOf<'_>) -> Result<(), Failure> {
    let ask = || async {
        let provisioned = get_provisioned_concurrency(at.api, of).await;
        let provisioned = provisioned.map_err(|error| at.failed("read", &error))?.unwrap_or_default();
        match provisioned.status.as_str() {
            "READY" => Ok(Some(())),
            "FAILED" => {
                let reason = provisioned.status_reason.unwrap_or_default();
                let cause = format!("Lambda could not keep instances ready: {reason}");
                let hint = "keep fewer ready with `warm`, or ask AWS for a larger quota";
                Err(at.failure("not-ready", "put", &cause, hint))
            }
            _ => Ok(None),
        }
    };
    until(Patience::USUAL, ask).await?.ok_or_else(|| {
        let cause = "Lambda has not made the instances ready within five minutes";
        at.failure("not-ready", "put", cause, "run the command again: it goes on waiting")
    })
}

#[async_trait]
impl RemoteKind for Warm {
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
        with_patience(|| delete_provisioned_concurrency(at.api, of))
            .await
            .map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let found = get_provisioned_concurrency(at.api, of_alias::parsed(at, id)?).await;
        let found = found.map_err(|error| at.failed("read", &error))?;
        Ok(found.map(|found| {
            let instances = found.requested_provisioned_concurrent_executions;
            let spec = Spec { alias: id.to_owned(), provisioned_concurrent_executions: instances };
            Seen { made: of_alias::made(id), spec, key: None }
        }))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        self.look(at, &spec.alias).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        of_alias::list(&at.key.addr.kind.0, inventory, async |arn| {
            of_alias::single(self.look(at, &arn).await)
        })
        .await
    }
}
