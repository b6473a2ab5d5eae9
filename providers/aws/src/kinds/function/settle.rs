//! Waiting for a function to be what it was told to become. <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>

use sf_plan::Failure;

use crate::api::ApiError;
use crate::api::lambda::{self, Configuration};
use crate::kinds::{At, Patience, retry, until};

/// How far a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Underway,
    Failed(String),
}

fn progress(function: &Configuration) -> Progress {
    let reason = |what: &str, reason: &Option<String>, code: &Option<String>| {
        let [reason, code] = [reason, code].map(|text| text.as_deref().unwrap_or_default());
        Progress::Failed(format!("{what}: {code}: {reason}"))
    };
    match (function.state.as_deref(), function.last_update_status.as_deref()) {
        (Some("Failed"), _) => {
            reason("Lambda could not make it", &function.state_reason, &function.state_reason_code)
        }
        (_, Some("Failed")) => reason(
            "Lambda could not change it",
            &function.last_update_status_reason,
            &function.last_update_status_reason_code,
        ),
        (Some("Pending"), _) | (_, Some("InProgress")) => Progress::Underway,
        _ => Progress::Done,
    }
}

/// The function, or a version of it, once Lambda is done with it.
pub(super) async fn settled(
    at: &At<'_>,
    name: &str,
    version: Option<&str>,
) -> Result<Configuration, Failure> {
    let ask = || async {
        let found = lambda::get_function(at.api, name, version).await;
        let Some(function) = found.map_err(|error| at.failed("read", &error))? else {
            if version.is_some() {
                // It was made a moment ago, and is not seen everywhere.
                return Ok(None);
            }
            let hint = "run `sf plan --refresh`: was it deleted outside of sf?";
            return Err(at.failure("gone", "update", "the function does not exist any more", hint));
        };
        match progress(&function.configuration) {
            Progress::Done => Ok(Some(function.configuration)),
            Progress::Underway => Ok(None),
            Progress::Failed(cause) => {
                let hint = "correct what it names, and run the command again";
                Err(at.failure("not-settled", "put", &cause, hint))
            }
        }
    };
    until(Patience::USUAL, ask).await?.ok_or_else(|| {
        let cause = "Lambda has not made it ready within five minutes";
        at.failure("not-settled", "put", cause, "run the command again: it goes on from where this ended")
    })
}

/// What errors say that end by themselves once IAM, KMS and EC2 have seen a role that was just made or changed.
const UNSEEN: [&str; 5] = [
    "cannot be assumed by Lambda",
    "does not have permissions to call",
    "KMS key is invalid for CreateGrant",
    "unable to configure access to your environment variables",
    "throttled by EC2",
];

/// Whether the function exists, for an error of making it.
pub(super) fn is_there_already(error: &ApiError) -> bool {
    error.is(&["ResourceConflictException"]) && error.message.contains("already exist")
}

/// Whether the error is that of an update under way, or of a role that is not yet seen everywhere.
fn will_pass(error: &ApiError) -> bool {
    match error.code.as_str() {
        "ResourceConflictException" => !is_there_already(error),
        "InvalidParameterValueException" => UNSEEN.iter().any(|text| error.message.contains(text)),
        _ => false,
    }
}

/// Makes the request again while another update is under way, or its role is not yet seen; in the end the last error is the answer.
pub(crate) async fn with_patience<T, F>(request: impl FnMut() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    retry(Patience::USUAL, will_pass, request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    fn error(code: &str, message: &str) -> ApiError {
        ApiError {
            operation: Service::Lambda.operation("CreateFunction"),
            code: code.into(),
            message: message.into(),
            status: 400,
            request_id: None,
            fields: None,
        }
    }

    #[test]
    fn what_will_pass_is_told_from_what_will_not() {
        let invalid = "InvalidParameterValueException";
        assert!(will_pass(&error(invalid, "The role defined for the function cannot be assumed by Lambda.")));
        assert!(!will_pass(&error(invalid, "Unzipped size must be smaller than 262144000 bytes")));
        let conflict = "ResourceConflictException";
        assert!(will_pass(&error(conflict, "An update is in progress for resource: arn:…")));
        assert!(!will_pass(&error(conflict, "Function already exist: f")));
        assert!(is_there_already(&error(conflict, "Function already exist: f")));
    }

    #[test]
    fn a_function_that_failed_says_why() {
        let mut function = Configuration { state: Some("Pending".into()), ..Configuration::default() };
        assert_eq!(progress(&function), Progress::Underway);
        function.state = Some("Active".into());
        assert_eq!(progress(&function), Progress::Done);
        function.last_update_status = Some("InProgress".into());
        assert_eq!(progress(&function), Progress::Underway);
        function.last_update_status = Some("Failed".into());
        function.last_update_status_reason_code = Some("SubnetOutOfIPAddresses".into());
        function.last_update_status_reason = Some("no addresses left".into());
        assert_eq!(
            progress(&function),
            Progress::Failed("Lambda could not change it: SubnetOutOfIPAddresses: no addresses left".into())
        );
    }
}
