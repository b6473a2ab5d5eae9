//! `domain` and `domain-mapping`: an API's address of one's own. Outputs: `target` and `zone`, where DNS must point; `id`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Addr, Failure, ObjectKey};

use super::{At, Inventory, Made, RemoteKind, Seen, Tags, Undone, owner};
use crate::api::ApiError;
use crate::api::gateway::{self, ApiMapping, Collection, DomainConfiguration};

/// `domain`
pub(crate) struct Domain;
/// `domain-mapping`
pub(crate) struct DomainMapping;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DomainSpec {
    domain_name: String,
    certificate_arn: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl DomainSpec {
    fn body(&self, tags: Tags) -> gateway::Domain {
        gateway::Domain {
            domain_name: self.domain_name.clone(),
            domain_name_configurations: vec![DomainConfiguration {
                certificate_arn: self.certificate_arn.clone(),
                endpoint_type: "REGIONAL".into(),
                security_policy: "TLS_1_2".into(),
                ..DomainConfiguration::default()
            }],
            tags,
        }
    }
}

fn domain_made(domain: &gateway::Domain) -> Made {
    let (target, zone) = domain
        .domain_name_configurations
        .first()
        .map_or(("", ""), |it| (it.api_gateway_domain_name.as_str(), it.hosted_zone_id.as_str()));
    Made::new(&domain.domain_name, [("target", target), ("zone", zone)])
}

fn domain_seen(at: &At<'_>, domain: gateway::Domain) -> Option<Seen<DomainSpec>> {
    let made = domain_made(&domain);
    let (key, tags) = owner(&at.cx.scope, domain.tags)?;
    let configuration = domain.domain_name_configurations.into_iter().next().unwrap_or_default();
    let spec =
        DomainSpec { domain_name: domain.domain_name, certificate_arn: configuration.certificate_arn, tags };
    Some(Seen { made, spec, key: Some(key) })
}

#[async_trait]
impl RemoteKind for Domain {
    type Spec = DomainSpec;
    const VERBATIM: &'static [&'static str] = &["CertificateArn"];
    const REPLACED_BY: &'static [&'static str] = &["DomainName"];

    async fn create(&self, at: &At<'_>, spec: &DomainSpec) -> Result<Made, Undone> {
        match Collection::domains().create(at.api, &spec.body(at.tags(&spec.tags))).await {
            Ok(domain) => Ok(domain_made(&domain)),
            Err(error) if error.is(&["ConflictException"]) => Err(Undone::Exists),
            Err(error) if error.is_ambiguous() && self.locate(at, spec).await?.is_some() => {
                Err(Undone::Exists)
            }
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(
        &self,
        at: &At<'_>,
        prior: &Seen<DomainSpec>,
        spec: &DomainSpec,
    ) -> Result<Made, Failure> {
        let failed = |error: ApiError| at.failed("update", &error);
        if prior.spec.certificate_arn != spec.certificate_arn {
            let body = spec.body(Tags::new());
            let updated =
                Collection::domains().update::<gateway::Domain>(at.api, &spec.domain_name, &body).await;
            updated.map_err(failed)?;
        }
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let (partition, region) = (&at.place.partition, &at.place.region);
        let arn = format!("arn:{partition}:apigateway:{region}::/domainnames/{}", spec.domain_name);
        if !change.set.is_empty() {
            gateway::tag(at.api, &arn, &change.set).await.map_err(failed)?;
        }
        if !change.remove.is_empty() {
            gateway::untag(at.api, &arn, &change.remove).await.map_err(failed)?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<DomainSpec>) -> Result<(), Failure> {
        let deleted = Collection::domains().delete(at.api, &prior.spec.domain_name).await;
        deleted.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<DomainSpec>>, Failure> {
        let found = Collection::domains().get(at.api, id).await.map_err(|error| at.failed("read", &error))?;
        Ok(found.and_then(|domain| domain_seen(at, domain)))
    }

    async fn locate(&self, at: &At<'_>, spec: &DomainSpec) -> Result<Option<Seen<DomainSpec>>, Failure> {
        self.look(at, &spec.domain_name).await
    }

    async fn list(&self, at: &At<'_>, _: &Inventory) -> Result<Vec<Seen<DomainSpec>>, Failure> {
        let all = Collection::domains().all(at.api).await.map_err(|error| at.failed("look for", &error))?;
        Ok(all.into_iter().filter_map(|domain| domain_seen(at, domain)).collect())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MappingSpec {
    domain: String,
    api: String,
    stage: String,
}

/// A domain leads to one API, without a path.
fn mapping_seen(domain: &str, found: ApiMapping) -> Seen<MappingSpec> {
    let id = found.api_mapping_id;
    let made = Made::new(format!("{domain}/{id}"), [("id", &id)]);
    Seen {
        made,
        spec: MappingSpec { domain: domain.to_owned(), api: found.api_id, stage: found.stage },
        key: None,
    }
}

impl MappingSpec {
    fn body(&self) -> ApiMapping {
        ApiMapping { api_mapping_id: String::new(), api_id: self.api.clone(), stage: self.stage.clone() }
    }
}

#[async_trait]
impl RemoteKind for DomainMapping {
    type Spec = MappingSpec;
    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Domain"];

    async fn create(&self, at: &At<'_>, spec: &MappingSpec) -> Result<Made, Undone> {
        match Collection::mappings(&spec.domain).create(at.api, &spec.body()).await {
            Ok(found) => Ok(mapping_seen(&spec.domain, found).made),
            Err(error) if error.is(&["ConflictException"]) => Err(Undone::Exists),
            Err(error) if error.is_ambiguous() && self.locate(at, spec).await?.is_some() => {
                Err(Undone::Exists)
            }
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    async fn update(
        &self,
        at: &At<'_>,
        prior: &Seen<MappingSpec>,
        spec: &MappingSpec,
    ) -> Result<Made, Failure> {
        if prior.spec != *spec {
            let id = prior.made.output("id");
            let body = spec.body();
            let updated = Collection::mappings(&spec.domain).update::<ApiMapping>(at.api, id, &body).await;
            updated.map_err(|error| at.failed("update", &error))?;
        }
        Ok(prior.made.clone())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<MappingSpec>) -> Result<(), Failure> {
        let deleted = Collection::mappings(&prior.spec.domain).delete(at.api, prior.made.output("id")).await;
        deleted.map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<MappingSpec>>, Failure> {
        let (domain, own) = id.split_once('/').unwrap_or((id, ""));
        let found = Collection::mappings(domain).get(at.api, own).await;
        Ok(found.map_err(|error| at.failed("read", &error))?.map(|found| mapping_seen(domain, found)))
    }

    async fn locate(&self, at: &At<'_>, spec: &MappingSpec) -> Result<Option<Seen<MappingSpec>>, Failure> {
        let all = Collection::mappings(&spec.domain).all(at.api).await;
        let all: Vec<ApiMapping> = all.map_err(|error| at.failed("look for", &error))?;
        Ok(all.into_iter().next().map(|found| mapping_seen(&spec.domain, found)))
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<MappingSpec>>, Failure> {
        let mut listed = Vec::new();
        for domain in RemoteKind::list(&Domain, at, inventory).await? {
            let name = domain.spec.domain_name;
            let all = Collection::mappings(&name).all::<ApiMapping>(at.api).await;
            for found in all.map_err(|error| at.failed("look for", &error))? {
                let key = ObjectKey { addr: Addr::new("domain-mapping", name.clone()), generation: 0 };
                listed.push(Seen { key: Some(key), ..mapping_seen(&name, found) });
            }
        }
        Ok(listed)
    }
}
