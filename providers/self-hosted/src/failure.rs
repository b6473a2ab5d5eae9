//! What the host said, in the planner's words.

use sf_host_api::ClientError;
use sf_plan::Failure;

/// The host forgot an artifact between the question for it and the put: asking again uploads it.
const ARTIFACT_MISSING: &str = "artifact-missing";

pub(crate) fn from_client(error: &ClientError) -> Failure {
    Failure {
        message: error.to_string(),
        code: Some(error.code().to_owned()),
        request_id: None,
        hint: error.hint(),
        transient: error.is_transient() || error.code() == ARTIFACT_MISSING,
    }
}

/// A failure that the host has no part in.
pub(crate) fn new(code: &str, message: impl Into<String>, hint: &str) -> Failure {
    Failure {
        message: message.into(),
        code: Some(code.to_owned()),
        request_id: None,
        hint: Some(hint.to_owned()),
        transient: false,
    }
}
