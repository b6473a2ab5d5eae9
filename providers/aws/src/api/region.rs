//! The region: as AWS's own tools find it, the manifest first. Not by the chain of `aws-config`, which asks the instance three times where
//! there is none, and takes an empty variable for a region.

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::connect::Connect;

/// `None`: nobody says one.
pub(super) async fn find(
    connect: &Connect,
    variable: impl Fn(&str) -> Option<String>,
    http: SharedHttpClient,
) -> Option<String> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let said = connect.region.clone().or_else(|| set("AWS_REGION")).or_else(|| set("AWS_DEFAULT_REGION"));
    if said.is_some() {
        return said;
    }
    let config = ProviderConfig::without_region().with_http_client(http);
    let mut profile = ProfileFileRegionProvider::builder().configure(&config);
    if let Some(name) = &connect.profile {
        profile = profile.profile_name(name);
    }
    if let Some(region) = profile.build().region().await {
        return Some(region.to_string());
    }
    let instance = ImdsRegionProvider::builder().configure(&config).build();
    instance.region().await.map(|region| region.to_string())
}
