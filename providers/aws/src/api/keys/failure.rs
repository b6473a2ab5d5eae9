//! Why there are no credentials, in words that say what to do.

use std::error::Error;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use sf_plan::Failure;

/// The code where a profile does not exist.
pub(in crate::api) const UNKNOWN_PROFILE: &str = "unknown-profile";

const HINT: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with `aws sso login`; in CI use OIDC: \
                    AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE";

/// What the plan reports of an error of a provider of credentials.
pub(in crate::api) fn failure(error: &CredentialsError) -> Failure {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => match undefined_profile(error) {
            Some(cause) => {
                let hint = "AWS_PROFILE, or `profile` in `[providers.aws]`, names it; `aws configure list-profiles` lists those of \
                            `~/.aws/config` and `~/.aws/credentials`";
                of(UNKNOWN_PROFILE, &cause, hint)
            }
            None => of(
                "no-credentials",
                "no credentials: none in the environment, in the profile, of a container or of the instance",
                HINT,
            ),
        },
        CredentialsError::ProviderTimedOut(_) => {
            let hint = "is there a connection to what gives the credentials?";
            Failure { transient: true, ..of("credentials-timeout", &deepest(error), hint) }
        }
        other => {
            let cause = deepest(other);
            of("credentials-refused", &format!("no credentials: {cause}"), hint(&cause))
        }
    }
}

fn hint(cause: &str) -> &'static str {
    let cause = cause.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    if says(&["sso", "expired"]) {
        "log in again: `aws sso login`"
    } else if says(&["accessdenied", "not authorized"]) {
        "the role's trust policy must let these credentials assume it, and they must be allowed `sts:AssumeRole`"
    } else {
        HINT
    }
}

/// What the profile's provider says where a profile does not exist. The chain then goes on to the instance, and would say in the end that
/// there is nothing anywhere.
fn undefined_profile(error: &CredentialsError) -> Option<String> {
    let chain = error.source()?.downcast_ref::<ProviderChainError<CredentialsError>>()?;
    let attempts = chain.attempts().iter();
    let mut causes = attempts.filter(|one| one.name() == "Profile").map(|one| deepest(one.error()));
    causes.find(|cause| cause.contains("was not defined"))
}

fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn of(code: &str, cause: &str, hint: &str) -> Failure {
    Failure {
        message: format!("connect to AWS: {cause}"),
        code: Some(code.to_owned()),
        request_id: None,
        hint: Some(hint.to_owned()),
        transient: false,
    }
}
