//! ARNs of things by their physical names, with placeholders for partition, region and account: so a policy can name what does not exist yet.
//!
//! Their shapes: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use super::{ACCOUNT, LIVE, PARTITION, REGION, log_group};

fn arn(service: &str, rest: &str) -> String {
    format!("arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// The alias that everything calls.
pub(crate) fn live(function: &str) -> String {
    arn("lambda", &format!("function:{function}:{LIVE}"))
}

/// The streams of a function's log group.
pub(crate) fn log_streams(function: &str) -> String {
    arn("logs", &format!("log-group:{}:*", log_group(function)))
}

pub(crate) fn queue(name: &str) -> String {
    arn("sqs", name)
}

pub(crate) fn topic(name: &str) -> String {
    arn("sns", name)
}

pub(crate) fn table(name: &str) -> String {
    arn("dynamodb", &format!("table/{name}"))
}

/// A table's stream is named after the moment at which it was switched on.
pub(crate) fn table_streams(name: &str) -> String {
    format!("{}/stream/*", table(name))
}

/// A bucket's name says neither account nor region in its ARN.
pub(crate) fn bucket(name: &str) -> String {
    format!("arn:{PARTITION}:s3:::{name}")
}

pub(crate) fn objects(name: &str) -> String {
    format!("{}/*", bucket(name))
}

/// Secrets Manager adds a hyphen and six characters of its own choice.
pub(crate) fn secret(name: &str) -> String {
    arn("secretsmanager", &format!("secret:{name}-??????"))
}

/// What comes before an API's id.
pub(crate) fn before_api_id() -> String {
    arn("execute-api", "")
}
