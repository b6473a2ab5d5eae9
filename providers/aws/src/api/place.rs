//! Where services answer.

use std::collections::BTreeMap;

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::service::Service;

/// The partition that a region belongs to.
pub(super) fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Where each service answers: as AWS has it, or where somebody said.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    region: String,
    said: BTreeMap<Service, String>,
}

impl Endpoints {
    /// `all` is what the manifest says, and goes before everything else, as in every SDK of AWS's what the program itself says does;
    /// `configured` knows variables (`AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL`) and the profile (`services`, `endpoint_url`).
    pub(super) fn new(region: &str, all: Option<&str>, configured: Option<&dyn LoadServiceConfig>) -> Self {
        let of = |service: Service| {
            let url = all.map(str::to_owned).or_else(|| said(configured?, service))?;
            Some((service, url.trim_end_matches('/').to_owned()))
        };
        Self { region: region.to_owned(), said: Service::ALL.into_iter().filter_map(of).collect() }
    }

    /// Whether the service answers elsewhere than AWS has it.
    pub(super) fn is_overridden(&self, service: Service) -> bool {
        self.said.contains_key(&service)
    }

    /// The URL before the path, without a slash at its end.
    pub(super) fn of(&self, service: Service) -> String {
        if let Some(url) = self.said.get(&service) {
            return url.clone();
        }
        let domain = if partition(&self.region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let prefix = service.host_prefix();
        match (service, partition(&self.region)) {
            // One for each partition.
            (Service::Iam, "aws") => format!("https://{prefix}.{domain}"),
            (Service::Iam, "aws-cn") => format!("https://{prefix}.cn-north-1.{domain}"),
            (Service::Iam, _) => format!("https://{prefix}.us-gov.{domain}"),
            _ => format!("https://{prefix}.{}.{domain}", self.region),
        }
    }

    /// The region that requests are signed for.
    pub(super) fn signing_region(&self, service: Service) -> &str {
        match (service, partition(&self.region)) {
            (Service::Iam, "aws") => "us-east-1",
            (Service::Iam, "aws-cn") => "cn-north-1",
            (Service::Iam, "aws-us-gov") => "us-gov-west-1",
            _ => &self.region,
        }
    }
}

fn said(configured: &dyn LoadServiceConfig, service: Service) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service.id())
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    configured.load_config(key).filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_place() {
        let places = Endpoints::new("eu-west-1", None, None);
        assert_eq!(places.of(Service::Lambda), "https://lambda.eu-west-1.amazonaws.com");
        assert_eq!(places.of(Service::Iam), "https://iam.amazonaws.com");
        assert_eq!(places.signing_region(Service::Iam), "us-east-1");
        assert_eq!(places.signing_region(Service::Lambda), "eu-west-1");
        let china = Endpoints::new("cn-north-1", None, None);
        assert_eq!(china.of(Service::Sqs), "https://sqs.cn-north-1.amazonaws.com.cn");
        let local = Endpoints::new("eu-west-1", Some("http://127.0.0.1:4566/"), None);
        assert_eq!(local.of(Service::S3), "http://127.0.0.1:4566");
        assert!(local.is_overridden(Service::S3) && !places.is_overridden(Service::S3));
    }
}
