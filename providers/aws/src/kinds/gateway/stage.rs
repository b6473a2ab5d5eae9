//! `stage`: an API as it is served, with its limits. Output: `name`. Every change of the API is served at once (`autoDeploy`): a deploy changes
//! functions behind aliases, not the API's stages.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::Failure;

use super::{apis, id, key, parts, undone};
use crate::api::gateway::{self, Collection, RouteSettings};
use crate::kinds::{At, Inventory, Made, RemoteKind, Seen, Undone};

/// `stage`
pub(crate) struct Stage;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    api: String,
    stage_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    throttle: Option<Throttle>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    route_throttle: BTreeMap<String, Throttle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throttle {
    rate_limit: u64,
    burst_limit: u64,
}

impl From<Throttle> for RouteSettings {
    fn from(limit: Throttle) -> Self {
        // Rates are whole numbers of at most 32 bits in the manifest.
        #[allow(clippy::cast_precision_loss)]
        let rate = limit.rate_limit as f64;
        Self { throttling_burst_limit: Some(limit.burst_limit), throttling_rate_limit: Some(rate) }
    }
}

fn throttle(settings: &RouteSettings) -> Option<Throttle> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate_limit = settings.throttling_rate_limit? as u64;
    Some(Throttle { rate_limit, burst_limit: settings.throttling_burst_limit? })
}

/// What AWS has where nothing is said: the account's own limits. A limit that was set cannot be unset, only set to these.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const ACCOUNT: Throttle = Throttle { rate_limit: 10_000, burst_limit: 5_000 };

impl Spec {
    fn body(&self, had_throttle: bool) -> gateway::Stage {
        let limit = self.throttle.or(had_throttle.then_some(ACCOUNT));
        gateway::Stage {
            stage_name: self.stage_name.clone(),
            auto_deploy: true,
            default_route_settings: limit.map(RouteSettings::from).unwrap_or_default(),
            route_settings: self
                .route_throttle
                .iter()
                .map(|(key, limit)| (key.clone(), (*limit).into()))
                .collect(),
            ..gateway::Stage::default()
        }
    }

    fn made(&self) -> Made {
        Made::new(id(&self.api, &self.stage_name), [("name", &self.stage_name)])
    }
}

fn seen(api: &str, found: &gateway::Stage) -> Seen<Spec> {
    let routes = found.route_settings.iter();
    let spec = Spec {
        api: api.to_owned(),
        stage_name: found.stage_name.clone(),
        throttle: throttle(&found.default_route_settings).filter(|limit| *limit != ACCOUNT),
        route_throttle: routes
            .filter_map(|(key, settings)| Some((key.clone(), throttle(settings)?)))
            .collect(),
    };
    Seen { made: spec.made(), spec, key: None }
}

#[async_trait]
impl RemoteKind for Stage {
    type Spec = Spec;
    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Api", "StageName"];
    const GOES_WITH: &'static [&'static str] = super::AN_API;

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let created = Collection::stages(&spec.api).create::<gateway::Stage>(at.api, &spec.body(false)).await;
        match created {
            Ok(_) => Ok(spec.made()),
            Err(error) => Err(undone(self, at, spec, error).await),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec == *spec {
            return Ok(spec.made());
        }
        // An update adds routes' limits to those that there are.
        for route_key in
            prior.spec.route_throttle.keys().filter(|key| !spec.route_throttle.contains_key(*key))
        {
            let removed =
                gateway::delete_route_settings(at.api, &spec.api, &spec.stage_name, route_key).await;
            removed.map_err(|error| at.failed("update", &error))?;
        }
        let body = gateway::Stage { stage_name: String::new(), ..spec.body(prior.spec.throttle.is_some()) };
        let updated =
            Collection::stages(&spec.api).update::<gateway::Stage>(at.api, &spec.stage_name, &body).await;
        updated.map_err(|error| at.failed("update", &error))?;
        Ok(spec.made())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let (api, own) = parts(&prior.made.id);
        Collection::stages(api).delete(at.api, own).await.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let (api, own) = parts(id);
        let found = Collection::stages(api).get(at.api, own).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| seen(api, &found)))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        self.look(at, &id(&spec.api, &spec.stage_name)).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let mut listed = Vec::new();
        for api in apis(at, inventory).await? {
            let all = Collection::stages(&api.id).all::<gateway::Stage>(at.api).await;
            for found in all.map_err(|error| at.failed("look for", &error))? {
                // There is one stage in each API, named after what the API is: `stage/api`, `stage/SOCKET`.
                let mut key = key("stage", &api, "");
                key.addr.name = api.socket.clone().unwrap_or_else(|| "api".into());
                listed.push(Seen { key: Some(key), ..seen(&api.id, &found) });
            }
        }
        Ok(listed)
    }
}
