//! Which specs a put accepts, and what of them it needs.

use serde::de::DeserializeOwned;
use serde_json::Value;
use sf_data::{KeyDefinition, KeyKind, QueueDefinition, TableDefinition};
use sf_host_api::{
    ApiError, ApiSpec, AuthorizerSpec, BucketSpec, EventSource, FunctionSpec, KeySpec, QueueSpec,
    ReleaseSpec, RouteSpec, ScheduleSpec, SecretSpec, SocketSpec, SubscriptionSpec, TableSpec, TopicSpec,
};

use super::{fault, is_digest};
use crate::store::Store;

/// A spec that was checked.
pub(super) enum Spec {
    /// The API's settings.
    Api(ApiSpec),
    /// A socket.
    Socket,
    /// What answers from now on.
    Release(ReleaseSpec),
    /// Something that is there from its put on.
    Data(Definition),
    /// Something that does nothing until it is released.
    Released,
}

/// What holds or carries data.
pub(super) enum Definition {
    Bucket,
    Queue(QueueDefinition),
    Secret,
    Table(TableDefinition),
    Topic,
}

fn parse<T: DeserializeOwned>(spec: &Value) -> Result<T, ApiError> {
    serde_json::from_value(spec.clone()).map_err(|error| bad(&error.to_string()))
}

fn bad(cause: &str) -> ApiError {
    fault("bad-spec", format!("bad spec: {cause}"))
}

/// Checks a resource before anything is done with it.
pub(super) fn check(store: &Store, kind: &str, name: &str, spec: &Value) -> Result<Spec, ApiError> {
    match kind {
        "api" => return parse(spec).map(Spec::Api),
        "authorizer" => drop(parse::<AuthorizerSpec>(spec)?),
        "function" => {
            check_plain_name(name)?;
            check_function(store, spec)?;
        }
        "release" => return parse(spec).map(Spec::Release),
        "route" => drop(parse::<RouteSpec>(spec)?),
        "schedule" => {
            crate::schedule::check(&parse::<ScheduleSpec>(spec)?).map_err(|text| fault("bad-spec", text))?;
        }
        "socket" => {
            check_plain_name(name)?;
            parse::<SocketSpec>(spec)?;
            return Ok(Spec::Socket);
        }
        "subscription" => check_subscription(&parse(spec)?)?,
        "secret" => check_secret_name(name)?,
        "bucket" | "queue" | "table" | "topic" => check_plain_name(name)?,
        other => return Err(fault("unknown-kind", format!("there is no kind `{other}`"))),
    }
    Ok(definition(kind, spec)?.map_or(Spec::Released, Spec::Data))
}

/// What is defined for a resource; `None` for kinds that hold no data.
pub(super) fn definition(kind: &str, spec: &Value) -> Result<Option<Definition>, ApiError> {
    Ok(Some(match kind {
        "bucket" => {
            parse::<BucketSpec>(spec)?;
            Definition::Bucket
        }
        "queue" => {
            let queue: QueueSpec = parse(spec)?;
            if queue.retries == 0 || queue.visibility_ms == Some(0) {
                return Err(bad("`retries` and `visibility-ms` are at least 1"));
            }
            Definition::Queue(QueueDefinition { retries: queue.retries })
        }
        "secret" => {
            parse::<SecretSpec>(spec)?;
            Definition::Secret
        }
        "table" => Definition::Table(table(parse(spec)?)?),
        "topic" => {
            parse::<TopicSpec>(spec)?;
            Definition::Topic
        }
        _ => return Ok(None),
    }))
}

fn table(spec: TableSpec) -> Result<TableDefinition, ApiError> {
    let names = [Some(&spec.partition.name), spec.sort.as_ref().map(|sort| &sort.name), spec.ttl.as_ref()];
    let names: Vec<&String> = names.into_iter().flatten().collect();
    let is_repeated = |name: &String| names.iter().filter(|other| **other == name).count() > 1;
    if names.iter().any(|name| name.is_empty() || is_repeated(name)) {
        return Err(bad("the names of the key's attributes and of `ttl` are three different ones"));
    }
    let key = |key: KeySpec| KeyDefinition {
        name: key.name,
        kind: match key.kind {
            sf_host_api::KeyKind::String => KeyKind::String,
            sf_host_api::KeyKind::Number => KeyKind::Number,
            sf_host_api::KeyKind::Bytes => KeyKind::Bytes,
        },
    };
    Ok(TableDefinition { partition: key(spec.partition), sort: spec.sort.map(key), ttl: spec.ttl })
}

fn check_function(store: &Store, spec: &Value) -> Result<(), ApiError> {
    let spec: FunctionSpec = parse(spec)?;
    if !is_digest(&spec.artifact) {
        return Err(bad("`artifact` is no digest"));
    }
    if !store.artifact(&spec.artifact).is_file() {
        let mut error = fault("artifact-missing", "the function's artifact was not uploaded");
        error.names.insert(spec.artifact);
        return Err(error);
    }
    crate::worker::check_runtime(&spec).map_err(|error| fault("runtime-missing", error.to_string()))
}

fn check_subscription(spec: &SubscriptionSpec) -> Result<(), ApiError> {
    match &spec.source {
        EventSource::Queue { batch: 0, .. } => Err(bad("`batch` is at least 1")),
        EventSource::Bucket { event, .. } if !matches!(event.as_str(), "created" | "removed") => {
            Err(bad("`event` is `created` or `removed`"))
        }
        EventSource::Queue { .. }
        | EventSource::Topic { .. }
        | EventSource::Bucket { .. }
        | EventSource::Table { .. } => Ok(()),
    }
}

/// Names that become parts of file names and of paths.
pub(crate) fn check_plain_name(name: &str) -> Result<(), ApiError> {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(fault("bad-name", format!("`{name}` is not made of a-z, 0-9, - and _"))),
    }
}

/// A secret is often named as an environment variable is.
pub(crate) fn check_secret_name(name: &str) -> Result<(), ApiError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && name.len() <= 128 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(fault("bad-name", format!("`{name}` is not made of A-Z, a-z, 0-9, - and _"))),
    }
}
