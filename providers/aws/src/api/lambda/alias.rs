//! Aliases: which version is called, or which two and how often each.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use sf_plan::Json;

use super::{FIRST, of_function};
use crate::api::request::encoded;
use crate::api::{ApiError, Client, found};

/// `AliasConfiguration`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Alias {
    pub(crate) alias_arn: String,
    pub(crate) name: String,
    pub(crate) function_version: String,
    pub(crate) description: String,
    routing_config: Option<Routing>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Routing {
    #[serde(default)]
    additional_version_weights: BTreeMap<String, f64>,
}

impl Alias {
    /// Shares of the calls, from 0 to 1, that go to other versions.
    pub(crate) fn weights(&self) -> BTreeMap<String, f64> {
        self.routing_config.clone().unwrap_or_default().additional_version_weights
    }
}

/// What an alias is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) function: &'a str,
    pub(crate) name: &'a str,
    /// The version that gets what the other does not.
    pub(crate) version: &'a str,
    /// Another version, and its share of the calls.
    pub(crate) other: Option<(&'a str, f64)>,
    /// `None` leaves it as it is.
    pub(crate) description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    function_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_config: Option<Routing>,
}

impl Wanted<'_> {
    fn routing(&self) -> Routing {
        let weights = self.other.iter().map(|(version, share)| ((*version).to_owned(), *share));
        Routing { additional_version_weights: weights.collect() }
    }

    fn path(&self) -> String {
        format!("/aliases/{}", encoded(self.name))
    }
}

/// Makes an alias.
pub(crate) async fn create_alias(client: &Client, wanted: &Wanted<'_>) -> Result<Alias, ApiError> {
    let request = of_function("CreateAlias", Method::POST, FIRST, wanted.function, "/aliases");
    let input = Input {
        name: Some(wanted.name),
        function_version: wanted.version,
        description: wanted.description.filter(|text| !text.is_empty()),
        routing_config: wanted.other.is_some().then(|| wanted.routing()),
    };
    client.rest(request, &input).await
}

/// Changes an alias; shares of other versions than `wanted` says are taken away.
pub(crate) async fn update_alias(client: &Client, wanted: &Wanted<'_>) -> Result<Alias, ApiError> {
    let request = of_function("UpdateAlias", Method::PUT, FIRST, wanted.function, &wanted.path());
    let input = Input {
        name: None,
        function_version: wanted.version,
        description: wanted.description,
        routing_config: Some(wanted.routing()),
    };
    client.rest(request, &input).await
}

/// An alias by its name.
pub(crate) async fn get_alias(
    client: &Client,
    function: &str,
    name: &str,
) -> Result<Option<Alias>, ApiError> {
    let rest = format!("/aliases/{}", encoded(name));
    found(client.rest_bare(of_function("GetAlias", Method::GET, FIRST, function, &rest)).await)
}

/// Deletes an alias, not the version.
pub(crate) async fn delete_alias(client: &Client, function: &str, name: &str) -> Result<(), ApiError> {
    let rest = format!("/aliases/{}", encoded(name));
    let request = of_function("DeleteAlias", Method::DELETE, FIRST, function, &rest);
    found(client.rest_bare::<Json>(request).await).map(drop)
}
