//! `http-api` and `websocket-api`: an API, without what is in it. Outputs: `id`, `url`, and of a WebSocket API `management`.
//!
//! Names of APIs need not be different, so that an API is found by its tags alone, in the list of all.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, ObjectKey};

use super::{At, Inventory, Made, RemoteKind, Seen, Tags, Undone, owner};
use crate::api::gateway::{self, Api, Collection, Cors};
use crate::api::{ApiError, Service};
use crate::names::LIVE;

/// `http-api`
pub(crate) struct HttpApi;
/// `websocket-api`
pub(crate) struct WebSocketApi;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HttpApiSpec {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cors_configuration: Option<CorsSpec>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// [`Cors`] in the words of inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CorsSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expose_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WebSocketApiSpec {
    name: String,
    route_selection_expression: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl From<CorsSpec> for Cors {
    fn from(spec: CorsSpec) -> Self {
        let CorsSpec {
            allow_credentials,
            allow_headers,
            allow_methods,
            allow_origins,
            expose_headers,
            max_age,
        } = spec;
        Self { allow_credentials, allow_headers, allow_methods, allow_origins, expose_headers, max_age }
    }
}

impl From<Cors> for CorsSpec {
    fn from(cors: Cors) -> Self {
        let Cors { allow_credentials, allow_headers, allow_methods, allow_origins, expose_headers, max_age } =
            cors;
        Self { allow_credentials, allow_headers, allow_methods, allow_origins, expose_headers, max_age }
    }
}

#[async_trait]
impl RemoteKind for HttpApi {
    type Spec = HttpApiSpec;

    const VERBATIM: &'static [&'static str] = &["CorsConfiguration"];

    async fn create(&self, at: &At<'_>, spec: &HttpApiSpec) -> Result<Made, Undone> {
        let api = Api {
            name: spec.name.clone(),
            protocol_type: "HTTP".into(),
            cors_configuration: spec.cors_configuration.clone().map(Cors::from),
            tags: at.tags(&spec.tags),
            ..Api::default()
        };
        Ok(http_made(&create(at, "HTTP", &api).await?))
    }

    async fn update(
        &self,
        at: &At<'_>,
        prior: &Seen<HttpApiSpec>,
        spec: &HttpApiSpec,
    ) -> Result<Made, Failure> {
        let id = prior.made.output("id");
        let api = Api {
            name: spec.name.clone(),
            cors_configuration: spec.cors_configuration.clone().map(Cors::from),
            ..Api::default()
        };
        let removed = prior.spec.cors_configuration.is_some() && spec.cors_configuration.is_none();
        if removed {
            gateway::delete_cors(at.api, id).await.map_err(|error| at.failed("update", &error))?;
        }
        if spec.name != prior.spec.name
            || !removed && spec.cors_configuration != prior.spec.cors_configuration
        {
            change(at, id, &api).await?;
        }
        retag(at, id, prior.key.as_ref(), &prior.spec.tags, &spec.tags).await?;
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<HttpApiSpec>) -> Result<(), Failure> {
        delete(at, prior.made.output("id")).await
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<HttpApiSpec>>, Failure> {
        Ok(get(at, id).await?.and_then(|api| http_seen(at, api)))
    }

    async fn locate(&self, at: &At<'_>, _: &HttpApiSpec) -> Result<Option<Seen<HttpApiSpec>>, Failure> {
        let all = owned(at, "HTTP").await?;
        Ok(all.into_iter().filter_map(|api| http_seen(at, api)).find(|seen| is_addr(seen.key.as_ref(), at)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<HttpApiSpec>>, Failure> {
        let apis = inventory.apis(at).await?.iter().filter(|api| api.protocol_type == "HTTP");
        Ok(apis.filter_map(|api| http_seen(at, api.clone())).collect())
    }
}

#[async_trait]
impl RemoteKind for WebSocketApi {
    type Spec = WebSocketApiSpec;

    async fn create(&self, at: &At<'_>, spec: &WebSocketApiSpec) -> Result<Made, Undone> {
        let api = Api {
            name: spec.name.clone(),
            protocol_type: "WEBSOCKET".into(),
            route_selection_expression: Some(spec.route_selection_expression.clone()),
            tags: at.tags(&spec.tags),
            ..Api::default()
        };
        Ok(socket_made(at, &create(at, "WEBSOCKET", &api).await?))
    }

    async fn update(
        &self,
        at: &At<'_>,
        prior: &Seen<WebSocketApiSpec>,
        spec: &WebSocketApiSpec,
    ) -> Result<Made, Failure> {
        let id = prior.made.output("id");
        if (&spec.name, &spec.route_selection_expression)
            != (&prior.spec.name, &prior.spec.route_selection_expression)
        {
            let route_selection_expression = Some(spec.route_selection_expression.clone());
            let api = Api { name: spec.name.clone(), route_selection_expression, ..Api::default() };
            change(at, id, &api).await?;
        }
        retag(at, id, prior.key.as_ref(), &prior.spec.tags, &spec.tags).await?;
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<WebSocketApiSpec>) -> Result<(), Failure> {
        delete(at, prior.made.output("id")).await
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<WebSocketApiSpec>>, Failure> {
        Ok(get(at, id).await?.and_then(|api| socket_seen(at, api)))
    }

    async fn locate(
        &self,
        at: &At<'_>,
        _: &WebSocketApiSpec,
    ) -> Result<Option<Seen<WebSocketApiSpec>>, Failure> {
        let all = owned(at, "WEBSOCKET").await?;
        Ok(all.into_iter().filter_map(|api| socket_seen(at, api)).find(|seen| is_addr(seen.key.as_ref(), at)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<WebSocketApiSpec>>, Failure> {
        let apis = inventory.apis(at).await?.iter().filter(|api| api.protocol_type == "WEBSOCKET");
        Ok(apis.filter_map(|api| socket_seen(at, api.clone())).collect())
    }
}

/// The ARN by which an API is tagged. <https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html>
fn arn(at: &At<'_>, id: &str) -> String {
    format!("arn:{}:apigateway:{}::/apis/{id}", at.place.partition, at.place.region)
}

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

fn is_addr(found: Option<&ObjectKey>, at: &At<'_>) -> bool {
    found.is_some_and(|key| key.addr == at.key.addr)
}

/// Makes an API, unless the last attempt did though nobody answered.
async fn create(at: &At<'_>, protocol: &str, api: &Api) -> Result<Api, Undone> {
    // Two APIs of one name can be, so that AWS would not say that there is one already.
    if has_one(at, protocol).await? {
        return Err(Undone::Exists);
    }
    match Collection::apis().create::<Api>(at.api, api).await {
        Ok(made) => Ok(made),
        Err(error) if error.is_ambiguous() && has_one(at, protocol).await? => Err(Undone::Exists),
        Err(error) => Err(at.failed("create", &error).into()),
    }
}

async fn has_one(at: &At<'_>, protocol: &str) -> Result<bool, Failure> {
    let apis = owned(at, protocol).await?;
    Ok(apis
        .into_iter()
        .any(|api| owner(&at.cx.scope, api.tags).is_some_and(|(key, _)| key.addr == at.key.addr)))
}

async fn change(at: &At<'_>, id: &str, api: &Api) -> Result<(), Failure> {
    let changed = Collection::apis().update::<Api>(at.api, id, api).await;
    changed.map(drop).map_err(|error| at.failed("update", &error))
}

async fn delete(at: &At<'_>, id: &str) -> Result<(), Failure> {
    Collection::apis().delete(at.api, id).await.map_err(|error| at.failed("delete", &error))
}

async fn get(at: &At<'_>, arn: &str) -> Result<Option<Api>, Failure> {
    Collection::apis().get(at.api, id_of(arn)).await.map_err(|error| at.failed("read", &error))
}

/// The scope's APIs of that protocol.
async fn owned(at: &At<'_>, protocol: &str) -> Result<Vec<Api>, Failure> {
    let all: Result<Vec<Api>, ApiError> = Collection::apis().all(at.api).await;
    let all = all.map_err(|error| at.failed("look for", &error))?;
    Ok(all
        .into_iter()
        .filter(|api| api.protocol_type == protocol && owner(&at.cx.scope, api.tags.clone()).is_some())
        .collect())
}

async fn retag(
    at: &At<'_>,
    id: &str,
    prior_key: Option<&ObjectKey>,
    prior: &Tags,
    wanted: &Tags,
) -> Result<(), Failure> {
    let change = at.tag_change(prior_key, prior, wanted);
    let failed = |error: ApiError| at.failed("tag", &error);
    if !change.set.is_empty() {
        gateway::tag(at.api, &arn(at, id), &change.set).await.map_err(failed)?;
    }
    if !change.remove.is_empty() {
        gateway::untag(at.api, &arn(at, id), &change.remove).await.map_err(failed)?;
    }
    Ok(())
}

fn http_made(api: &Api) -> Made {
    Made::new(&api.api_id, [("id", &api.api_id), ("url", &api.api_endpoint)])
}

fn http_seen(at: &At<'_>, api: Api) -> Option<Seen<HttpApiSpec>> {
    let made = http_made(&api);
    let (key, tags) = owner(&at.cx.scope, api.tags)?;
    let cors_configuration =
        api.cors_configuration.map(CorsSpec::from).filter(|cors| *cors != CorsSpec::default());
    Some(Seen { made, spec: HttpApiSpec { name: api.name, cors_configuration, tags }, key: Some(key) })
}

fn socket_made(at: &At<'_>, api: &Api) -> Made {
    let host = api.api_endpoint.split("://").last().unwrap_or_default();
    let secure = if api.api_endpoint.starts_with("http://") { "" } else { "s" };
    let url = format!("ws{secure}://{host}/{LIVE}");
    // An endpoint that stands for all of AWS serves the management of connections, too: its host's name may not resolve.
    let management = if at.api.is_overridden(Service::ApiManagement) {
        format!("{}/_aws/execute-api/{}/{LIVE}", at.api.endpoint(Service::ApiManagement), api.api_id)
    } else {
        format!("https://{host}/{LIVE}")
    };
    Made::new(&api.api_id, [("id", &api.api_id), ("url", &url), ("management", &management)])
}

fn socket_seen(at: &At<'_>, api: Api) -> Option<Seen<WebSocketApiSpec>> {
    let made = socket_made(at, &api);
    let (key, tags) = owner(&at.cx.scope, api.tags)?;
    let route_selection_expression = api.route_selection_expression.unwrap_or_default();
    Some(Seen {
        made,
        spec: WebSocketApiSpec { name: api.name, route_selection_expression, tags },
        key: Some(key),
    })
}
