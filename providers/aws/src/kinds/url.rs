//! `url`: a function's own address.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::function::with_patience;
use super::{At, Inventory, Made, RemoteKind, Seen, Undone, of_alias};
use crate::api::lambda::on_alias::{self, Cors, UrlConfig, create_url, delete_url, get_url, update_url};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Url;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    alias: String,
    auth_type: String,
    invoke_mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cors: Option<Cors>,
}

fn made(alias: &str, url: &on_alias::Url) -> Made {
    Made::new(alias, [("url", url.function_url.as_str())])
}

#[async_trait]
impl RemoteKind for Url {
    type Spec = Spec;

    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Alias"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let of = of_alias::parsed(at, &spec.alias)?;
        let Spec { auth_type, invoke_mode, .. } = spec;
        let config = UrlConfig { auth_type, invoke_mode, cors: spec.cors.clone() };
        match create_url(at.api, of, &config).await {
            Ok(url) => Ok(made(&spec.alias, &url)),
            Err(error) if error.is(&["ResourceConflictException"]) => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec == *spec {
            return Ok(prior.made.clone());
        }
        let of = of_alias::parsed(at, &spec.alias)?;
        let Spec { auth_type, invoke_mode, .. } = spec;
        let config = UrlConfig { auth_type, invoke_mode, cors: Some(spec.cors.clone().unwrap_or_default()) };
        let url = with_patience(|| update_url(at.api, of, &config)).await;
        Ok(made(&spec.alias, &url.map_err(|error| at.failed("update", &error))?))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let of = of_alias::parsed(at, &prior.spec.alias)?;
        with_patience(|| delete_url(at.api, of)).await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let found = get_url(at.api, of_alias::parsed(at, id)?).await;
        let found = found.map_err(|error| at.failed("read", &error))?;
        Ok(found.map(|url| {
            let made = made(id, &url);
            let spec = Spec {
                alias: id.to_owned(),
                auth_type: url.auth_type,
                invoke_mode: url.invoke_mode.unwrap_or_else(|| "BUFFERED".to_owned()),
                cors: url.cors.filter(|cors| *cors != Cors::default()),
            };
            Seen { made, spec, key: None }
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
