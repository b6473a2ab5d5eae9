//! `authorizer`: lets requests with a good JWT through. Output: `id`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{apis, id, key, parts, undone};
use crate::api::ApiError;
use crate::api::gateway::{self, Collection, Jwt};
use crate::kinds::{At, Inventory, Made, RemoteKind, Seen, Undone};

/// `authorizer`
pub(crate) struct Authorizer;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    api: String,
    name: String,
    issuer: String,
    audience: Vec<String>,
}

impl Spec {
    fn body(&self) -> gateway::Authorizer {
        gateway::Authorizer {
            authorizer_id: String::new(),
            authorizer_type: "JWT".into(),
            identity_source: vec!["$request.header.Authorization".into()],
            name: self.name.clone(),
            jwt_configuration: Jwt { audience: self.audience.clone(), issuer: self.issuer.clone() },
        }
    }
}

fn made(api: &str, found: &gateway::Authorizer) -> Made {
    Made::new(id(api, &found.authorizer_id), [("id", &found.authorizer_id)])
}

fn seen(api: &str, found: gateway::Authorizer) -> Seen<Spec> {
    let made = made(api, &found);
    let Jwt { audience, issuer } = found.jwt_configuration;
    Seen { made, spec: Spec { api: api.to_owned(), name: found.name, issuer, audience }, key: None }
}

async fn all(at: &At<'_>, api: &str) -> Result<Vec<gateway::Authorizer>, Failure> {
    let all: Result<_, ApiError> = Collection::authorizers(api).all(at.api).await;
    all.map_err(|error| at.failed("look for", &error))
}

#[async_trait]
impl RemoteKind for Authorizer {
    type Spec = Spec;
    const TAGGED: bool = false;
    const VERBATIM: &'static [&'static str] = &["Issuer", "Audience"];
    const REPLACED_BY: &'static [&'static str] = &["Api"];
    const GOES_WITH: &'static [&'static str] = super::AN_API;

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        // Nothing keeps two authorizers of one name apart.
        if self.locate(at, spec).await?.is_some() {
            return Err(Undone::Exists);
        }
        match Collection::authorizers(&spec.api).create(at.api, &spec.body()).await {
            Ok(found) => Ok(made(&spec.api, &found)),
            Err(error) => Err(undone(self, at, spec, error).await),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec != *spec {
            let body = spec.body();
            let updated = Collection::authorizers(&spec.api)
                .update::<gateway::Authorizer>(at.api, parts(&prior.made.id).1, &body)
                .await;
            updated.map_err(|error| at.failed("update", &error))?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let (api, own) = parts(&prior.made.id);
        Collection::authorizers(api).delete(at.api, own).await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let (api, own) = parts(id);
        let found = Collection::authorizers(api).get(at.api, own).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| seen(api, found)))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let found = all(at, &spec.api).await?.into_iter().find(|found| found.name == spec.name);
        Ok(found.map(|found| seen(&spec.api, found)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let mut listed = Vec::new();
        for api in apis(at, inventory).await?.iter().filter(|api| api.socket.is_none()) {
            for found in all(at, &api.id).await? {
                let key = Some(key("authorizer", api, &found.name));
                listed.push(Seen { key, ..seen(&api.id, found) });
            }
        }
        Ok(listed)
    }
}
