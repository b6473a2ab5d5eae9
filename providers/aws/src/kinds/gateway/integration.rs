//! `integration`: what an API calls, a function's alias. Output: `id`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{apis, functions, id, key, parts, undone};
use crate::api::ApiError;
use crate::api::gateway::{self, Collection};
use crate::kinds::{At, Inventory, Made, RemoteKind, Seen, Undone};
use crate::names::LIVE;

/// `integration`
pub(crate) struct Integration;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    api: String,
    alias: String,
    /// `1.0` or `2.0`; `None` in a WebSocket API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_format_version: Option<String>,
}

/// WebSocket APIs take the address of Lambda's own API only, HTTP APIs the function's ARN.
const INVOCATIONS: (&str, &str) = (":lambda:path/2015-03-31/functions/", "/invocations");

impl Spec {
    fn body(&self, at: &At<'_>) -> gateway::Integration {
        let integration_uri = match self.payload_format_version {
            Some(_) => self.alias.clone(),
            None => {
                let (before, after) = INVOCATIONS;
                let (partition, region) = (&at.place.partition, &at.place.region);
                format!("arn:{partition}:apigateway:{region}{before}{}{after}", self.alias)
            }
        };
        gateway::Integration {
            integration_id: String::new(),
            integration_type: "AWS_PROXY".into(),
            integration_method: "POST".into(),
            integration_uri,
            payload_format_version: self.payload_format_version.clone(),
        }
    }
}

/// The function's ARN in either form.
fn alias(uri: &str) -> &str {
    let (before, after) = INVOCATIONS;
    uri.split_once(before).and_then(|(_, rest)| rest.strip_suffix(after)).unwrap_or(uri)
}

fn made(api: &str, found: &gateway::Integration) -> Made {
    Made::new(id(api, &found.integration_id), [("id", &found.integration_id)])
}

fn seen(api: &str, found: &gateway::Integration) -> Seen<Spec> {
    let is_socket = found.integration_uri.contains(INVOCATIONS.0);
    let spec = Spec {
        api: api.to_owned(),
        alias: alias(&found.integration_uri).to_owned(),
        payload_format_version: found.payload_format_version.clone().filter(|_| !is_socket),
    };
    Seen { made: made(api, found), spec, key: None }
}

async fn all(at: &At<'_>, api: &str) -> Result<Vec<gateway::Integration>, Failure> {
    let all: Result<_, ApiError> = Collection::integrations(api).all(at.api).await;
    all.map_err(|error| at.failed("look for", &error))
}

/// Whether the API has an integration of that alias, which nothing keeps from having two of. Who asks makes it if not: so it has one from
/// now on, and the integrations of an API are listed once, however many are made.
async fn has_one(at: &At<'_>, spec: &Spec) -> Result<bool, Failure> {
    let mut known = at.api.integrations().lock().await;
    if !known.contains_key(&spec.api) {
        let listed = all(at, &spec.api).await?;
        let aliases = listed.iter().map(|found| alias(&found.integration_uri).to_owned()).collect();
        known.insert(spec.api.clone(), aliases);
    }
    Ok(known.get_mut(&spec.api).is_some_and(|aliases| !aliases.insert(spec.alias.clone())))
}

/// What the API has is not known any more.
async fn forget(at: &At<'_>, api: &str) {
    at.api.integrations().lock().await.remove(api);
}

#[async_trait]
impl RemoteKind for Integration {
    type Spec = Spec;
    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Api"];
    const GOES_WITH: &'static [&'static str] = super::AN_API;

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        if has_one(at, spec).await? {
            return Err(Undone::Exists);
        }
        match Collection::integrations(&spec.api).create(at.api, &spec.body(at)).await {
            Ok(found) => Ok(made(&spec.api, &found)),
            Err(error) => {
                forget(at, &spec.api).await;
                Err(undone(self, at, spec, error).await)
            }
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec != *spec {
            let own = parts(&prior.made.id).1;
            let body = spec.body(at);
            let updated =
                Collection::integrations(&spec.api).update::<gateway::Integration>(at.api, own, &body).await;
            updated.map_err(|error| at.failed("update", &error))?;
            forget(at, &spec.api).await;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let (api, own) = parts(&prior.made.id);
        let deleted = Collection::integrations(api).delete(at.api, own).await;
        forget(at, api).await;
        deleted.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let (api, own) = parts(id);
        let found = Collection::integrations(api).get(at.api, own).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| seen(api, &found)))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let found =
            all(at, &spec.api).await?.into_iter().find(|found| alias(&found.integration_uri) == spec.alias);
        Ok(found.map(|found| seen(&spec.api, &found)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let functions = functions(inventory);
        let mut listed = Vec::new();
        for api in apis(at, inventory).await? {
            for found in all(at, &api.id).await? {
                let arn = alias(&found.integration_uri).trim_end_matches(&format!(":{LIVE}"));
                let Some(function) = functions.get(arn) else { continue };
                let key = Some(key("integration", &api, function));
                listed.push(Seen { key, ..seen(&api.id, &found) });
            }
        }
        Ok(listed)
    }
}
