//! Resource Groups Tagging API: <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/Welcome.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiError, Client, Service};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetResources<'a> {
    tag_filters: Vec<TagFilter<'a>>,
    resources_per_page: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagFilter<'a> {
    key: &'a str,
    values: [&'a str; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetResourcesResponse {
    #[serde(default)]
    resource_tag_mapping_list: Vec<Mapping>,
    pagination_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

/// A tag as most services write it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Tags as the list that most services want.
pub(crate) fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The list as a map.
pub(crate) fn tag_map(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// ARNs and tags of everything in the region that has all of these tags.
pub(crate) async fn get_resources(
    client: &Client,
    filters: &[(&str, &str)],
) -> Result<Vec<(String, BTreeMap<String, String>)>, ApiError> {
    let operation = Service::Tagging.operation("GetResources");
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let tag_filters = filters.iter().map(|(key, value)| TagFilter { key, values: [value] }).collect();
        let input = GetResources { tag_filters, resources_per_page: 100, pagination_token: token };
        let page: GetResourcesResponse = client.json(operation, &input).await?;
        found.extend(
            page.resource_tag_mapping_list.into_iter().map(|mapping| (mapping.arn, tag_map(mapping.tags))),
        );
        token = page.pagination_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}
