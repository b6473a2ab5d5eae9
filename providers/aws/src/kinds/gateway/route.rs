//! `route`: which integration answers a request. Output: `id`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{apis, id, key, parts, undone};
use crate::api::ApiError;
use crate::api::gateway::{self, Collection};
use crate::kinds::{At, Inventory, Made, RemoteKind, Seen, Undone};

/// `route`
pub(crate) struct Route;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    api: String,
    route_key: String,
    integration: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorizer: Option<String>,
}

/// What a route's target begins with.
const TARGET: &str = "integrations/";

impl Spec {
    fn body(&self) -> gateway::Route {
        gateway::Route {
            route_id: String::new(),
            route_key: self.route_key.clone(),
            target: format!("{TARGET}{}", self.integration),
            authorization_type: if self.authorizer.is_some() { "JWT" } else { "NONE" }.into(),
            authorizer_id: self.authorizer.clone(),
        }
    }
}

fn made(api: &str, found: &gateway::Route) -> Made {
    Made::new(id(api, &found.route_id), [("id", &found.route_id)])
}

fn seen(api: &str, found: gateway::Route) -> Seen<Spec> {
    let made = made(api, &found);
    let spec = Spec {
        api: api.to_owned(),
        route_key: found.route_key,
        integration: found.target.trim_start_matches(TARGET).to_owned(),
        authorizer: found.authorizer_id.filter(|id| !id.is_empty() && found.authorization_type != "NONE"),
    };
    Seen { made, spec, key: None }
}

async fn all(at: &At<'_>, api: &str) -> Result<Vec<gateway::Route>, Failure> {
    let all: Result<_, ApiError> = Collection::routes(api).all(at.api).await;
    all.map_err(|error| at.failed("look for", &error))
}

#[async_trait]
impl RemoteKind for Route {
    type Spec = Spec;
    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Api"];
    const GOES_WITH: &'static [&'static str] = super::AN_API;

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        match Collection::routes(&spec.api).create(at.api, &spec.body()).await {
            Ok(found) => Ok(made(&spec.api, &found)),
            Err(error) => Err(undone(self, at, spec, error).await),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec != *spec {
            let body = spec.body();
            let updated = Collection::routes(&spec.api)
                .update::<gateway::Route>(at.api, parts(&prior.made.id).1, &body)
                .await;
            updated.map_err(|error| at.failed("update", &error))?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let (api, own) = parts(&prior.made.id);
        Collection::routes(api).delete(at.api, own).await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let (api, own) = parts(id);
        let found = Collection::routes(api).get(at.api, own).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| seen(api, found)))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let found = all(at, &spec.api).await?.into_iter().find(|found| found.route_key == spec.route_key);
        Ok(found.map(|found| seen(&spec.api, found)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let mut listed = Vec::new();
        for api in apis(at, inventory).await? {
            for found in all(at, &api.id).await? {
                let key = Some(key("route", &api, &found.route_key));
                listed.push(Seen { key, ..seen(&api.id, found) });
            }
        }
        Ok(listed)
    }
}
