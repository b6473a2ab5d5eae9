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

#[cfg(test)]
mod tests {
    use sf_host_api::ApiError;

    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        from_client(&ClientError::Api {
            operation: "put function/hello".into(),
            status,
            error: ApiError {
                code: code.into(),
                message: "no".into(),
                hint: Some("yes".into()),
                names: Default::default(),
            },
        })
    }

    #[test]
    fn the_hosts_words_are_kept() {
        let failure = refused(422, "runtime-missing");
        assert_eq!(failure.message, "put function/hello: no");
        assert_eq!(failure.code.as_deref(), Some("runtime-missing"));
        assert_eq!(failure.hint.as_deref(), Some("yes"));
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        assert!(refused(429, "busy").transient);
        assert!(refused(503, "stopping").transient);
        assert!(refused(409, ARTIFACT_MISSING).transient);
        assert!(!refused(409, "unknown-revision").transient);
        assert!(!refused(400, "bad-spec").transient);
    }
}
