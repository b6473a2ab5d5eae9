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

/// Whose credentials they are, by the ARN that `GetCallerIdentity` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller<'a> {
    /// The account itself.
    Root,
    /// A user of IAM.
    User,
    /// A session of a role.
    Role {
        /// The role's name without its path.
        name: &'a str,
    },
}

/// `None` for what has no policies of its own in IAM, as federated users.
pub(crate) fn caller(arn: &str) -> Option<Caller<'_>> {
    let rest = arn.splitn(6, ':').nth(5)?;
    match rest.split_once('/') {
        None if rest == "root" => Some(Caller::Root),
        Some(("user", _)) => Some(Caller::User),
        Some(("assumed-role", session)) => Some(Caller::Role { name: session.split('/').next()? }),
        _ => None,
    }
}

/// The ARN of the role that a session is of, if the role has no path.
pub(crate) fn role_of_session(session: &str, name: &str) -> String {
    let mut parts = session.split(':');
    let (partition, account) = (parts.nth(1).unwrap_or_default(), parts.nth(2).unwrap_or_default());
    format!("arn:{partition}:iam::{account}:role/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_told_by_its_arn() {
        assert_eq!(caller("arn:aws:iam::123456789012:root"), Some(Caller::Root));
        assert_eq!(caller("arn:aws:iam::123456789012:user/team/ann"), Some(Caller::User));
        let session = "arn:aws-cn:sts::123456789012:assumed-role/deploy/ci";
        assert_eq!(caller(session), Some(Caller::Role { name: "deploy" }));
        assert_eq!(role_of_session(session, "deploy"), "arn:aws-cn:iam::123456789012:role/deploy");
        assert_eq!(caller("arn:aws:sts::123456789012:federated-user/bob"), None);
        assert_eq!(caller("what"), None);
    }
}
