//! API Gateway V2: <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html>
//!
//! Of what an operation takes and answers, the members that this backend uses.

use std::collections::BTreeMap;

use http::Method;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Request, Service, encoded, found};

type Tags = BTreeMap<String, String>;

/// An API.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    #[serde(skip_serializing)]
    pub(crate) api_id: String,
    #[serde(skip_serializing)]
    pub(crate) api_endpoint: String,
    pub(crate) name: String,
    /// `HTTP` or `WEBSOCKET`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) protocol_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) route_selection_expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cors_configuration: Option<Cors>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub(crate) tags: Tags,
}

/// `Cors`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) expose_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<u64>,
}

/// An authorizer of the type `JWT`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Authorizer {
    #[serde(skip_serializing)]
    pub(crate) authorizer_id: String,
    pub(crate) authorizer_type: String,
    #[serde(default)]
    pub(crate) identity_source: Vec<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) jwt_configuration: Jwt,
}

/// `JWTConfiguration`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Jwt {
    pub(crate) audience: Vec<String>,
    pub(crate) issuer: String,
}

/// An integration of the type `AWS_PROXY`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Integration {
    #[serde(skip_serializing)]
    pub(crate) integration_id: String,
    #[serde(default)]
    pub(crate) integration_type: String,
    #[serde(default)]
    pub(crate) integration_method: String,
    #[serde(default)]
    pub(crate) integration_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload_format_version: Option<String>,
}

/// A route.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    #[serde(skip_serializing)]
    pub(crate) route_id: String,
    pub(crate) route_key: String,
    #[serde(default)]
    pub(crate) target: String,
    /// `JWT` or `NONE`
    #[serde(default)]
    pub(crate) authorization_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorizer_id: Option<String>,
}

/// A stage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stage {
    /// Said when it is made; an update has it in its path alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stage_name: String,
    #[serde(default)]
    pub(crate) auto_deploy: bool,
    #[serde(default)]
    pub(crate) default_route_settings: RouteSettings,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) route_settings: BTreeMap<String, RouteSettings>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub(crate) tags: Tags,
}

/// `RouteSettings`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RouteSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throttling_burst_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) throttling_rate_limit: Option<f64>,
}

/// A domain.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Domain {
    pub(crate) domain_name: String,
    pub(crate) domain_name_configurations: Vec<DomainConfiguration>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub(crate) tags: Tags,
}

/// `DomainNameConfiguration`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DomainConfiguration {
    #[serde(skip_serializing)]
    pub(crate) api_gateway_domain_name: String,
    #[serde(skip_serializing)]
    pub(crate) hosted_zone_id: String,
    pub(crate) certificate_arn: String,
    pub(crate) endpoint_type: String,
    pub(crate) security_policy: String,
}

/// What a domain leads to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiMapping {
    #[serde(skip_serializing)]
    pub(crate) api_mapping_id: String,
    pub(crate) api_id: String,
    pub(crate) stage: String,
}

/// What lies below something: `/v2/apis/ID/routes`.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    path: String,
    operations: Operations,
}

/// What the operations on one sort of thing are called.
#[derive(Clone, Copy, Debug)]
struct Operations {
    create: &'static str,
    update: &'static str,
    get: &'static str,
    all: &'static str,
    delete: &'static str,
}

macro_rules! operations {
    ($thing:literal) => {
        Operations {
            create: concat!("Create", $thing),
            update: concat!("Update", $thing),
            get: concat!("Get", $thing),
            all: concat!("Get", $thing, "s"),
            delete: concat!("Delete", $thing),
        }
    };
}

impl Collection {
    /// Every API.
    pub(crate) fn apis() -> Self {
        Self { path: "/v2/apis".into(), operations: operations!("Api") }
    }

    /// Every domain.
    pub(crate) fn domains() -> Self {
        Self { path: "/v2/domainnames".into(), operations: operations!("DomainName") }
    }

    /// What a domain leads to.
    pub(crate) fn mappings(domain: &str) -> Self {
        let path = format!("/v2/domainnames/{}/apimappings", encoded(domain));
        Self { path, operations: operations!("ApiMapping") }
    }

    /// An API's authorizers.
    pub(crate) fn authorizers(api: &str) -> Self {
        Self::of_api(api, "authorizers", operations!("Authorizer"))
    }

    /// An API's integrations.
    pub(crate) fn integrations(api: &str) -> Self {
        Self::of_api(api, "integrations", operations!("Integration"))
    }

    /// An API's routes.
    pub(crate) fn routes(api: &str) -> Self {
        Self::of_api(api, "routes", operations!("Route"))
    }

    /// An API's stages.
    pub(crate) fn stages(api: &str) -> Self {
        Self::of_api(api, "stages", operations!("Stage"))
    }

    fn of_api(api: &str, several: &str, operations: Operations) -> Self {
        Self { path: format!("/v2/apis/{}/{several}", encoded(api)), operations }
    }
}

impl Collection {
    fn request(&self, operation: &'static str, method: Method, below: Option<&str>) -> Request {
        let path = below.map_or_else(|| self.path.clone(), |id| format!("{}/{}", self.path, encoded(id)));
        Request::new(Service::ApiGateway.operation(operation), method, path)
    }

    /// Makes one. Not again when nobody knows whether it took effect: that might make a second.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        client: &Client,
        input: &(impl Serialize + Sync),
    ) -> Result<T, ApiError> {
        client.rest(self.request(self.operations.create, Method::POST, None).once(), input).await
    }

    /// Changes one.
    pub(crate) async fn update<T: DeserializeOwned>(
        &self,
        client: &Client,
        id: &str,
        input: &(impl Serialize + Sync),
    ) -> Result<T, ApiError> {
        client.rest(self.request(self.operations.update, Method::PATCH, Some(id)), input).await
    }

    /// One; `None` if it is not there.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        client: &Client,
        id: &str,
    ) -> Result<Option<T>, ApiError> {
        found(client.rest_bare(self.request(self.operations.get, Method::GET, Some(id))).await)
    }

    /// All; none if what they are in is not there.
    pub(crate) async fn all<T: DeserializeOwned>(&self, client: &Client) -> Result<Vec<T>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<T> {
            #[serde(default = "Vec::new")]
            items: Vec<T>,
            next_token: Option<String>,
        }
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut request = self.request(self.operations.all, Method::GET, None).query("maxResults", "500");
            if let Some(token) = token {
                request = request.query("nextToken", token);
            }
            let page: Page<T> = match client.rest_bare(request).await {
                Ok(page) => page,
                Err(error) if error.is_missing() => return Ok(found),
                Err(error) => return Err(error),
            };
            found.extend(page.items);
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes one, also one that is not there.
    pub(crate) async fn delete(&self, client: &Client, id: &str) -> Result<(), ApiError> {
        match client
            .rest_bare::<IgnoredAny>(self.request(self.operations.delete, Method::DELETE, Some(id)))
            .await
        {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}

/// `DeleteCorsConfiguration`
pub(crate) async fn delete_cors(client: &Client, api: &str) -> Result<(), ApiError> {
    let operation = Service::ApiGateway.operation("DeleteCorsConfiguration");
    let request = Request::new(operation, Method::DELETE, format!("/v2/apis/{}/cors", encoded(api)));
    client.rest_bare::<IgnoredAny>(request).await.map(drop)
}

/// `DeleteRouteSettings`; they may be gone already.
pub(crate) async fn delete_route_settings(
    client: &Client,
    api: &str,
    stage: &str,
    route_key: &str,
) -> Result<(), ApiError> {
    let operation = Service::ApiGateway.operation("DeleteRouteSettings");
    let (api, stage, route_key) = (encoded(api), encoded(stage), encoded(route_key));
    let path = format!("/v2/apis/{api}/stages/{stage}/routesettings/{route_key}");
    match client.rest_bare::<IgnoredAny>(Request::new(operation, Method::DELETE, path)).await {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}

/// `TagResource`
pub(crate) async fn tag(client: &Client, arn: &str, tags: &Tags) -> Result<(), ApiError> {
    #[derive(Serialize)]
    struct Input<'a> {
        tags: &'a Tags,
    }
    let operation = Service::ApiGateway.operation("TagResource");
    let request = Request::new(operation, Method::POST, format!("/v2/tags/{}", encoded(arn)));
    client.rest::<IgnoredAny>(request, &Input { tags }).await.map(drop)
}

/// `UntagResource`
pub(crate) async fn untag(client: &Client, arn: &str, keys: &[String]) -> Result<(), ApiError> {
    let operation = Service::ApiGateway.operation("UntagResource");
    let mut request = Request::new(operation, Method::DELETE, format!("/v2/tags/{}", encoded(arn)));
    for key in keys {
        request = request.query("tagKeys", key);
    }
    client.rest_bare::<IgnoredAny>(request).await.map(drop)
}
