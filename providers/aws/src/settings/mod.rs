//! `[providers.aws]` and `[providers.aws.functions.NAME]`: what AWS alone needs to know.

mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sf_model::{App, ByteSize, Diagnostic, Function, Interface};

use reader::Reader;

/// What `[providers.aws]` may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where everything is; `None`: as `AWS_REGION` or the profile say.
    pub region: Option<String>,
    /// The profile of `~/.aws` whose credentials are used; `None`: as `AWS_PROFILE` says.
    pub profile: Option<String>,
    /// The URL that answers for all services, for private clouds and tests; `None`: as `AWS_ENDPOINT_URL` says, else AWS's own.
    pub endpoint: Option<String>,
    /// The ARN of the certificate (ACM, of the same region) for the domain of `[api]`.
    pub certificate: Option<String>,
    /// How many days the log groups keep what functions say.
    pub log_retention: u32,
    /// What single functions have that no other provider does, by name.
    pub functions: BTreeMap<String, FunctionSettings>,
}

/// What `[providers.aws.functions.NAME]` may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionSettings {
    /// The processor; `None`: see [`Settings::architecture`].
    pub architecture: Option<Architecture>,
    /// ARNs of layer versions, in the order in which Lambda unpacks them.
    pub layers: Vec<String>,
    /// The network it is in; `None`: Lambda's own.
    pub vpc: Option<Vpc>,
    /// Whether X-Ray sees its requests.
    pub traced: bool,
    /// MiB in `/tmp`; `None`: Lambda's 512.
    pub ephemeral_storage: Option<u64>,
    /// At most so many instances, and nobody else may have them; `None`: what the account has left.
    pub reserved_concurrency: Option<u32>,
}

/// Which processor a function runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

/// The network that a function is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Ids of subnets.
    pub subnets: Vec<String>,
    /// Ids of security groups.
    pub security_groups: Vec<String>,
}

/// A month: long enough to look into what broke, and no bill that grows for ever.
const DEFAULT_RETENTION: u32 = 30;

/// The days that CloudWatch Logs can be told (PutRetentionPolicy).
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// MiB that `/tmp` can have (CreateFunction).
const EPHEMERAL_MIB: std::ops::RangeInclusive<u64> = 512..=10_240;

/// A function can have so many (CreateFunction).
const MOST_LAYERS: usize = 5;

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            endpoint: None,
            certificate: None,
            log_retention: DEFAULT_RETENTION,
            functions: BTreeMap::new(),
        }
    }
}

impl Architecture {
    /// As AWS and the manifest call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl Settings {
    /// Reads the table.
    ///
    /// # Errors
    /// A diagnostic for each unknown key and unusable value.
    pub fn read(app: &App) -> Result<Self, Vec<Diagnostic>> {
        let mut settings = Self::default();
        let mut reader = Reader::new(&app.provider_settings, app.provider_settings_span);
        settings.region = reader.text("region", "a region such as `eu-west-1`", is_region);
        settings.profile = reader.text("profile", "the name of a profile in `~/.aws/config`", |_| true);
        settings.endpoint = reader.text("endpoint", "a URL such as `http://127.0.0.1:4566`", is_url);
        let arn = "the ARN of a certificate: `arn:aws:acm:REGION:ACCOUNT:certificate/ID`";
        settings.certificate = reader.text("certificate", arn, is_certificate);
        if let Some(days) = reader.number("log-retention", "a number of days") {
            settings.log_retention = retention(days, &mut reader);
        }
        reader.tables("functions", |name, function| {
            settings.functions.insert(name.to_owned(), FunctionSettings::read(function));
        });
        reader.finish().map(|()| settings)
    }

    /// What the manifest says of that function.
    pub(crate) fn of(&self, function: &str) -> FunctionSettings {
        self.functions.get(function).cloned().unwrap_or_default()
    }

    /// The processor for that function: arm64, which costs a fifth less, for what is interpreted; for a program x86_64, which is what
    /// most machines build for, wherever `sf` runs: the same manifest must mean the same everywhere.
    pub(crate) fn architecture(&self, function: &Function) -> Architecture {
        let said = self.functions.get(&function.name).and_then(|settings| settings.architecture);
        said.unwrap_or(match function.interface {
            Interface::Web => Architecture::X86_64,
            Interface::Portable | Interface::Lambda => Architecture::Arm64,
        })
    }
}

impl FunctionSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            architecture: reader
                .text("architecture", "`arm64` or `x86_64`", |text| architecture(text).is_some())
                .and_then(|text| architecture(&text)),
            layers: layers(reader),
            vpc: vpc(reader),
            traced: reader.text("tracing", "`active`", |text| text == "active").is_some(),
            ephemeral_storage: reader.parsed("ephemeral-storage", "a size from `512MiB` to `10GiB`", storage),
            reserved_concurrency: reader
                .parsed("reserved-concurrency", "a number of instances", reader::number)
                .and_then(|instances| u32::try_from(instances).ok()),
        }
    }
}

fn retention(days: u64, reader: &mut Reader<'_>) -> u32 {
    let known = RETENTIONS.into_iter().find(|known| u64::from(*known) == days);
    known.unwrap_or_else(|| {
        let nearest = RETENTIONS.into_iter().min_by_key(|known| u64::from(*known).abs_diff(days));
        let nearest = nearest.unwrap_or(DEFAULT_RETENTION);
        let message = format!("CloudWatch Logs cannot keep logs for {days} days");
        reader.problem("bad-value", message, &format!("write `log-retention = {nearest}`"));
        nearest
    })
}

fn layers(reader: &mut Reader<'_>) -> Vec<String> {
    let layer = "the ARN of a layer's version: `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`";
    let layers = reader.texts("layers", layer, |text| text.starts_with("arn:") && text.contains(":layer:"));
    if layers.len() > MOST_LAYERS {
        let message = format!("a function has at most {MOST_LAYERS} layers on AWS, not {}", layers.len());
        reader.problem("bad-value", message, "put what they hold into fewer, or into the function itself");
    }
    layers
}

fn vpc(reader: &mut Reader<'_>) -> Option<Vpc> {
    let mut vpc = None;
    reader.table("vpc", |reader| {
        let subnets = reader.texts("subnets", "a subnet's id: `subnet-…`", |id| id.starts_with("subnet-"));
        let security_groups =
            reader.texts("security-groups", "a security group's id: `sg-…`", |id| id.starts_with("sg-"));
        if subnets.is_empty() || security_groups.is_empty() {
            let hint = "write `vpc = { subnets = [\"subnet-…\"], security-groups = [\"sg-…\"] }`";
            reader.problem("bad-value", "a function in a VPC needs subnets and security groups".into(), hint);
        }
        vpc = Some(Vpc { subnets, security_groups });
    });
    vpc
}

fn architecture(text: &str) -> Option<Architecture> {
    [Architecture::Arm64, Architecture::X86_64].into_iter().find(|known| known.as_str() == text)
}

/// MiB.
fn storage(value: &Json) -> Option<u64> {
    let bytes = value.as_str()?.parse::<ByteSize>().ok()?.0;
    let mib = bytes >> 20;
    (mib << 20 == bytes && EPHEMERAL_MIB.contains(&mib)).then_some(mib)
}

fn is_region(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.contains('-') && text.bytes().all(part)
}

fn is_url(text: &str) -> bool {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    authority.is_some_and(|authority| !authority.trim_matches('/').is_empty())
}

fn is_certificate(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":acm:") && text.contains(":certificate/")
}
