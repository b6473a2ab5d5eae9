//! What AWS answers when it refuses.

use quick_xml::events::Event;
use serde::Deserialize;
use sf_plan::{Failure, Json};

use super::service::Operation;

/// A request that did not succeed, after every further attempt that made sense.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {}: {message}", .operation.name, .code)]
pub(crate) struct ApiError {
    /// What was asked.
    pub(crate) operation: Operation,
    /// AWS's code without the shape's name space: `ResourceNotFoundException`. `Unreachable` when nobody answered.
    pub(crate) code: String,
    /// AWS's words.
    pub(crate) message: String,
    /// Of the answer; 0 when there was none.
    pub(crate) status: u16,
    /// AWS's name for the request.
    pub(crate) request_id: Option<String>,
    /// Members of the error besides its message: `{"Type": "User", …}`.
    pub(crate) fields: Option<Box<Json>>,
}

/// AWS's name for the request that was answered with these headers.
pub(super) fn request_id(headers: &http::HeaderMap) -> Option<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    header("x-amzn-requestid").or_else(|| header("x-amz-request-id"))
}

/// The code of an error for which nobody answered.
const UNREACHABLE: &str = "Unreachable";
/// The code of an error for want of credentials.
const NO_CREDENTIALS: &str = "NoCredentials";

impl ApiError {
    /// The code of what a waiter raises while it waits.
    pub(crate) const NOT_YET: &'static str = "NotYet";

    /// AWS has not done yet what it said it would; `state` is what it says of it.
    pub(crate) fn not_yet(operation: Operation, state: &str) -> Self {
        let message = format!("still {state}");
        Self { operation, code: Self::NOT_YET.into(), message, status: 0, request_id: None, fields: None }
    }

    /// Nobody answered, or the answer broke off.
    pub(super) fn unreachable(operation: Operation, cause: String) -> Self {
        Self {
            operation,
            code: UNREACHABLE.into(),
            message: cause,
            status: 0,
            request_id: None,
            fields: None,
        }
    }

    /// There is nothing to sign the request with.
    pub(super) fn no_credentials(operation: Operation, failure: &Failure) -> Self {
        Self {
            operation,
            code: NO_CREDENTIALS.into(),
            message: failure.message.clone(),
            status: 0,
            request_id: None,
            fields: None,
        }
    }

    /// An answer that is not what the API's reference says.
    pub(super) fn unreadable(operation: Operation, cause: impl std::fmt::Display) -> Self {
        let message = format!("the answer cannot be read: {cause}");
        Self { operation, code: "Unreadable".into(), message, status: 0, request_id: None, fields: None }
    }

    /// The error that a response with a status of 300 or more is.
    pub(super) fn of_response(
        operation: Operation,
        status: u16,
        headers: &http::HeaderMap,
        body: &[u8],
    ) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (code, message, fields) = if body.trim_ascii_start().starts_with(b"<") {
            let (code, message) = xml_error(body);
            (code, message, None)
        } else {
            let fields: Json = serde_json::from_slice(body).unwrap_or(Json::Null);
            let text = |name: &str| fields.get(name).and_then(Json::as_str).map(str::to_owned);
            (
                header("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("code")),
                text("message").or_else(|| text("Message")),
                Some(Box::new(fields)),
            )
        };
        // `com.amazonaws.dynamodb#ResourceNotFoundException:http://internal…`
        let code = code.unwrap_or_else(|| format!("Status{status}"));
        let code = code.split(':').next().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        let request_id = request_id(headers);
        let message = message.unwrap_or_else(|| format!("status {status}"));
        Self { operation, code, message, status, request_id, fields }
    }

    /// Whether somebody answered.
    pub(super) fn is_answer(&self) -> bool {
        self.status != 0
    }

    /// Whether the code is one of these.
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    /// Whether what was asked for does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        const CODES: [&str; 13] = [
            "404",
            "AWS.SimpleQueueService.NonExistentQueue",
            "NoSuchBucket",
            "NoSuchEntity",
            "NoSuchKey",
            "NoSuchTagSet",
            "NotFound",
            "NotFoundException",
            "QueueDoesNotExist",
            "ResourceNotFoundException",
            "ServerSideEncryptionConfigurationNotFoundError",
            "Status404",
            "ProvisionedConcurrencyConfigNotFoundException",
        ];
        self.is(&CODES)
    }

    /// Whether AWS asks to be asked less often.
    pub(crate) fn is_throttling(&self) -> bool {
        const CODES: [&str; 11] = [
            "LimitExceededExceptionThrottled",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "SlowDown",
            "Throttled",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
        ];
        self.status == 429 || self.is(&CODES)
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        self.is_throttling() || self.status == 0 && self.code == UNREACHABLE || self.status >= 500
    }

    /// Whether the request may have taken effect all the same: nobody answered, or the service fell over it.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.is_passing() && !self.is_throttling()
    }

    /// What the plan reports: what was being done to which object, AWS's words, and what to do.
    pub(crate) fn failure(&self, doing: &str) -> Failure {
        Failure {
            message: format!("{doing}: {}: {}", self.code, self.message),
            code: Some(self.code.clone()),
            request_id: self.request_id.clone(),
            hint: self.hint(),
            transient: self.is_passing(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self.code.as_str() {
            UNREACHABLE => "is there a connection to AWS, or to what AWS_ENDPOINT_URL names?".into(),
            "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => {
                format!("the credentials lack `{}`", self.permission())
            }
            NO_CREDENTIALS => "`sf check --provider aws` says who you are".into(),
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                "the credentials have expired: log in again (`aws sso login`), or take new ones".into()
            }
            "InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" => {
                "AWS does not know the access key: is it deleted, switched off, or of another partition? temporary keys need \
                 AWS_SESSION_TOKEN too"
                    .into()
            }
            "SignatureDoesNotMatch" if self.message.contains("Signature expired") => CLOCK.into(),
            "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignatureException" => {
                "the secret key is not that of the access key: AWS_SECRET_ACCESS_KEY, or `aws_secret_access_key` of the profile, \
                 is wrong"
                    .into()
            }
            "RequestTimeTooSkewed" | "RequestInTheFuture" => CLOCK.into(),
            _ => return None,
        })
    }

    /// The action of IAM that the operation needs; close enough to search a policy for.
    fn permission(&self) -> String {
        format!("{}:{}", self.operation.service.iam_prefix(), self.operation.name)
    }
}

const CLOCK: &str = "this machine's clock is wrong by more than AWS accepts: set it, or let it be set (NTP)";

/// `None` for the answer that there is no such thing.
pub(crate) fn found<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// `Code` and `Message` of an XML error, whatever stands around them.
fn xml_error(body: &[u8]) -> (Option<String>, Option<String>) {
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "Code")]
        code: Option<String>,
        #[serde(rename = "Message", alias = "message")]
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct Outer {
        #[serde(rename = "Error")]
        error: Inner,
    }
    let text = String::from_utf8_lossy(body);
    // S3 has `<Error>` outermost, the query protocol has it in `<ErrorResponse>`.
    let outermost_is_error = root(&text).as_deref() == Some("Error");
    let inner = if outermost_is_error {
        quick_xml::de::from_str::<Inner>(&text)
    } else {
        quick_xml::de::from_str::<Outer>(&text).map(|outer| outer.error)
    };
    inner.map_or((None, None), |error| (error.code, error.message))
}

fn root(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                return Some(start.local_name().into_inner().to_owned());
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    fn error(body: &str) -> ApiError {
        let operation = Service::Iam.operation("GetRole");
        ApiError::of_response(operation, 400, &http::HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn errors_of_every_protocol_are_read() {
        let query = error(
            "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no role</Message></Error><RequestId>1</RequestId></ErrorResponse>",
        );
        assert_eq!((query.code.as_str(), query.message.as_str()), ("NoSuchEntity", "no role"));
        let s3 = error(
            "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>no bucket</Message><BucketName>b</BucketName></Error>",
        );
        assert!(s3.is_missing());
        let json = error(
            "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceInUseException\",\"message\":\"there\"}",
        );
        assert_eq!((json.code.as_str(), json.message.as_str()), ("ResourceInUseException", "there"));
        assert_eq!(error("what?").code, "Status400");
    }
}
