//! Lambda's side: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::link::{Error, Link};

/// The variable that says where it is.
pub(crate) const VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";
const VERSION: &str = "2018-06-01";
/// Lambda's own limit is 6 MB; the rest is leeway.
const LARGEST_EVENT: usize = 8 << 20;
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_ANSWER: usize = 6 << 20;
/// It keeps connections, and a frozen function cannot know for how long.
const IDLE: Duration = Duration::from_secs(60);

/// One invocation.
pub(crate) struct Invocation {
    pub(crate) id: String,
    /// When Lambda ends the function: milliseconds since the Unix epoch.
    pub(crate) deadline_ms: u64,
    /// X-Ray's header.
    pub(crate) xray: Option<String>,
    /// Who calls, where it is another function or the command line.
    pub(crate) caller: Caller,
    pub(crate) payload: Bytes,
}

impl Invocation {
    /// The time that is left.
    pub(crate) fn remaining(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(self.deadline_ms).saturating_sub(now)
    }
}

/// The client context's `custom`, or what an envelope says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Caller {
    /// The function that calls.
    #[serde(rename = "sf-caller")]
    pub(crate) function: Option<String>,
    /// `sf invoke`
    #[serde(rename = "sf-invoke")]
    pub(crate) invoke: Option<serde_json::Value>,
    pub(crate) traceparent: Option<String>,
}

impl Caller {
    /// Whether the payload is whatever a caller that knows of `sf` passes.
    pub(crate) fn is_known(&self) -> bool {
        self.function.is_some() || self.invoke.is_some()
    }
}

/// The connection.
pub(crate) struct RuntimeApi {
    address: String,
    link: Link,
}

impl RuntimeApi {
    pub(crate) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), link: Link::to(address.to_owned(), IDLE) }
    }

    /// Waits for the next invocation.
    pub(crate) async fn next(&mut self) -> Result<Invocation, Error> {
        let answer = self.ask(Method::GET, "invocation/next", None, Bytes::new()).await?;
        if !answer.status().is_success() {
            return Err(format!("ask for the next invocation: it says {}", answer.status()).into());
        }
        let (head, payload) = answer.into_parts();
        let header = |name| header(&head.headers, name);
        let deadline = header("lambda-runtime-deadline-ms").and_then(|text| text.parse().ok());
        let caller =
            header("lambda-runtime-client-context").map_or_else(Caller::default, |text| caller(&text));
        let (caller, payload) = opened(caller, payload);
        Ok(Invocation {
            id: header("lambda-runtime-aws-request-id").ok_or("an invocation without an id")?,
            deadline_ms: deadline.ok_or("an invocation without a deadline")?,
            xray: header("lambda-runtime-trace-id"),
            caller,
            payload,
        })
    }

    /// Answers an invocation; gives the failure that an answer is which Lambda does not take.
    pub(crate) async fn respond(&mut self, id: &str, body: Vec<u8>) -> Result<Option<Failure>, Error> {
        let failure = if body.len() > LARGEST_ANSWER {
            Failure::Answer(format!("it has {} bytes as Lambda takes it, the limit is 6 MiB", body.len()))
        } else {
            let path = format!("invocation/{id}/response");
            match self.ask(Method::POST, &path, None, body.into()).await?.status() {
                status if status.is_success() => return Ok(None),
                status => Failure::NotTaken(status),
            }
        };
        self.fail(id, &failure).await?;
        Ok(Some(failure))
    }

    /// Says that an invocation failed.
    pub(crate) async fn fail(&mut self, id: &str, failure: &Failure) -> Result<(), Error> {
        self.report(&format!("invocation/{id}/error"), failure).await
    }

    /// Says that the function cannot be started.
    pub(crate) async fn fail_to_start(&mut self, failure: &Failure) -> Result<(), Error> {
        self.report("init/error", failure).await
    }

    async fn report(&mut self, path: &str, failure: &Failure) -> Result<(), Error> {
        let body =
            json!({ "errorType": failure.code(), "errorMessage": failure.to_string(), "stackTrace": [] });
        self.ask(Method::POST, path, Some(failure.code()), body.to_string().into()).await.map(drop)
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        error_type: Option<&str>,
        body: Bytes,
    ) -> Result<Response<Bytes>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/{VERSION}/runtime/{path}"))
            .header("host", &self.address)
            .header("content-type", "application/json");
        if let Some(kind) = error_type {
            request = request.header("lambda-runtime-function-error-type", kind);
        }
        self.link.send(request.body(Full::new(body))?, LARGEST_EVENT).await
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Others than `sf` may send a client context, too: it means nothing then.
fn caller(context: &str) -> Caller {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Context {
        custom: Caller,
    }
    serde_json::from_str::<Context>(context).unwrap_or_default().custom
}

/// Without the envelope in which functions of `sf` call each other: `{"sf-call": {"from", "traceparent"}, "payload"}`. What `sf invoke` passes
/// is a payload, whatever it looks like.
fn opened(caller: Caller, payload: Bytes) -> (Caller, Bytes) {
    #[derive(Deserialize)]
    struct Call {
        from: String,
        traceparent: Option<String>,
    }
    #[derive(Deserialize)]
    struct Envelope<'p> {
        #[serde(rename = "sf-call")]
        call: Call,
        #[serde(borrow)]
        payload: &'p RawValue,
    }
    if caller.is_known() {
        return (caller, payload);
    }
    let Ok(Envelope { call, payload: inner }) = serde_json::from_slice(&payload) else {
        return (caller, payload);
    };
    let inner = payload.slice_ref(inner.get().as_bytes());
    (Caller { function: Some(call.from), invoke: None, traceparent: call.traceparent }, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_context_says_who_calls() {
        let of = |text| {
            let caller = caller(text);
            (caller.is_known(), caller.function)
        };
        assert_eq!(
            of(r#"{"custom": {"sf-caller": "match", "traceparent": "x"}}"#),
            (true, Some("match".into()))
        );
        assert_eq!(of(r#"{"custom": {"sf-invoke": "1"}}"#), (true, None));
        for of_others in ["{}", r#"{"client": {}, "custom": {"a": 1}}"#, r#"{"custom": null}"#, "no json"] {
            assert_eq!(of(of_others), (false, None), "{of_others}");
        }
    }

    #[test]
    fn an_envelope_says_who_calls_and_is_taken_off() {
        let of = |context, payload: &'static str| {
            let (caller, payload) = opened(caller(context), payload.into());
            (caller.function, caller.traceparent, String::from_utf8(payload.to_vec()).unwrap())
        };
        let enveloped =
            r#"{"sf-call": {"from": "match", "traceparent": "x"}, "payload": {"Records":  [1.50]}}"#;
        // As it came: no number is read and written again.
        let payload = r#"{"Records":  [1.50]}"#.to_owned();
        assert_eq!(of("{}", enveloped), (Some("match".into()), Some("x".into()), payload));
        let of_nobody = r#"{"sf-call": {"from": "match"}, "payload": null}"#;
        assert_eq!(of("{}", of_nobody), (Some("match".into()), None, "null".into()));
        let invoked = r#"{"custom": {"sf-invoke": "1"}}"#;
        assert_eq!(of(invoked, enveloped), (None, None, enveloped.into()));
        for bare in
            ["7", "{}", r#"{"sf-call": 7, "payload": 1}"#, r#"{"sf-call": {"from": "match"}}"#, "no json"]
        {
            assert_eq!(of("{}", bare), (None, None, bare.into()), "{bare}");
        }
    }
}
