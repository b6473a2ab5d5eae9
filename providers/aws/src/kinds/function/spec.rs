//! What a function is to be, and how AWS says what it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::lambda::{
    Configuration, Environment, EphemeralStorage, Function, LoggingConfig, Settings, TracingConfig, VpcConfig,
};
use crate::kinds::{Artifact, Tags, Text};

/// What Lambda gives where nothing is said, in MB.
const EPHEMERAL_STORAGE: u32 = 512;
const NOT_TRACED: &str = "PassThrough";

/// A function's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    pub(super) function_name: String,
    pub(super) code: Artifact,
    /// The bucket that keeps the code.
    pub(super) artifacts: String,
    pub(super) role: String,
    pub(super) handler: String,
    pub(super) runtime: String,
    /// MB
    pub(super) memory_size: u32,
    /// Seconds.
    pub(super) timeout: u32,
    pub(super) architectures: Vec<String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, Text>,
    pub(super) log_group: String,
    /// MB
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ephemeral_storage: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) layers: Vec<String>,
    /// Its lists are sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vpc_config: Option<VpcConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tracing_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reserved_concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub(super) tags: Tags,
}

impl Spec {
    /// A function as it is.
    pub(super) fn of(function: Function, digest: String, artifacts: String, tags: Tags) -> Self {
        let reserved_concurrency = function.reserved_concurrency();
        let configuration = function.configuration;
        let Settings { environment, ephemeral_storage, vpc_config, tracing_config, logging_config, .. } =
            configuration.settings();
        let environment = environment.unwrap_or_default().variables;
        Self {
            function_name: configuration.function_name,
            code: Artifact { digest },
            artifacts,
            role: configuration.role,
            handler: configuration.handler,
            runtime: configuration.runtime,
            memory_size: configuration.memory_size,
            timeout: configuration.timeout,
            architectures: configuration.architectures,
            environment: environment.into_iter().map(|(name, text)| (name, Text::Whole(text))).collect(),
            log_group: logging_config.map(|logging| logging.log_group).unwrap_or_default(),
            ephemeral_storage: ephemeral_storage
                .map(|storage| storage.size)
                .filter(|size| *size != EPHEMERAL_STORAGE),
            layers: configuration.layers.into_iter().map(|layer| layer.arn).collect(),
            vpc_config: vpc_config.filter(|vpc| !vpc.subnet_ids.is_empty()),
            tracing_mode: tracing_config.map(|tracing| tracing.mode).filter(|mode| mode != NOT_TRACED),
            reserved_concurrency,
            tags,
        }
    }

    /// Whether both are one version: they differ at most in what versions have not.
    pub(super) fn is_same_version_as(&self, other: &Self) -> bool {
        self.code == other.code
            && self.architectures == other.architectures
            && self.settings() == other.settings()
    }

    /// All of the settings, Lambda's own ways included: what is not said goes back to those.
    pub(super) fn settings(&self) -> Settings {
        let variables = self.environment.iter().map(|(name, text)| (name.clone(), text.joined())).collect();
        let fresh = Settings::fresh();
        Settings {
            role: Some(self.role.clone()),
            handler: Some(self.handler.clone()),
            runtime: Some(self.runtime.clone()),
            memory_size: Some(self.memory_size),
            timeout: Some(self.timeout),
            environment: Some(Environment { variables }),
            ephemeral_storage: self
                .ephemeral_storage
                .map(|size| EphemeralStorage { size })
                .or(fresh.ephemeral_storage),
            layers: Some(self.layers.clone()),
            vpc_config: self.vpc_config.clone().or(fresh.vpc_config),
            tracing_config: self
                .tracing_mode
                .clone()
                .map(|mode| TracingConfig { mode })
                .or(fresh.tracing_config),
            logging_config: Some(LoggingConfig { log_group: self.log_group.clone() }),
        }
    }
}

impl Settings {
    /// What a function has of which nothing was said. The rest must be said.
    pub(super) fn fresh() -> Self {
        Self {
            environment: Some(Environment::default()),
            ephemeral_storage: Some(EphemeralStorage { size: EPHEMERAL_STORAGE }),
            layers: Some(Vec::new()),
            vpc_config: Some(VpcConfig::default()),
            tracing_config: Some(TracingConfig { mode: NOT_TRACED.to_owned() }),
            ..Self::default()
        }
    }

    /// What must be said for these to become `wanted`: the default where nothing must.
    pub(super) fn change(&self, wanted: &Self) -> Self {
        fn differing<T: PartialEq + Clone>(is: &Option<T>, wanted: &Option<T>) -> Option<T> {
            wanted.clone().filter(|wanted| is.as_ref() != Some(wanted))
        }
        Self {
            role: differing(&self.role, &wanted.role),
            handler: differing(&self.handler, &wanted.handler),
            runtime: differing(&self.runtime, &wanted.runtime),
            memory_size: differing(&self.memory_size, &wanted.memory_size),
            timeout: differing(&self.timeout, &wanted.timeout),
            environment: differing(&self.environment, &wanted.environment),
            ephemeral_storage: differing(&self.ephemeral_storage, &wanted.ephemeral_storage),
            layers: differing(&self.layers, &wanted.layers),
            vpc_config: differing(&self.vpc_config, &wanted.vpc_config),
            tracing_config: differing(&self.tracing_config, &wanted.tracing_config),
            logging_config: differing(&self.logging_config, &wanted.logging_config),
        }
    }
}

impl Configuration {
    /// Its settings, Lambda's own ways included.
    pub(super) fn settings(&self) -> Settings {
        let fresh = Settings::fresh();
        let vpc = self.vpc_config.clone().map(|mut vpc| {
            vpc.subnet_ids.sort();
            vpc.security_group_ids.sort();
            vpc
        });
        Settings {
            role: Some(self.role.clone()),
            handler: Some(self.handler.clone()),
            runtime: Some(self.runtime.clone()),
            memory_size: Some(self.memory_size),
            timeout: Some(self.timeout),
            environment: self.environment.clone().or(fresh.environment),
            ephemeral_storage: self.ephemeral_storage.or(fresh.ephemeral_storage),
            layers: Some(self.layers.iter().map(|layer| layer.arn.clone()).collect()),
            vpc_config: vpc.or(fresh.vpc_config),
            tracing_config: self.tracing_config.clone().or(fresh.tracing_config),
            logging_config: self.logging_config.clone(),
        }
    }

    /// Whether a version is the function as it is, or another version.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.code_sha256 == other.code_sha256
            && self.architectures == other.architectures
            && self.settings() == other.settings()
    }
}
