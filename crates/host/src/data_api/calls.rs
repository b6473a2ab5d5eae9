//! Functions that call functions.
//!
//! A function that calls itself without end would hold ever more calls open. Two things end that: a call that carries the `traceparent` of the
//! invocation that makes it is as deep as that one and one more; and a function waits for so many calls at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Named, Params, read};
use super::fault::Fault;
use crate::apps::Shared;
use crate::events;
use crate::tokens::Waiting;
use crate::worker::{CallError, Invocation, Pool, collect};

/// Bytes of a payload, and of an answer.
const MAX_PAYLOAD: usize = 6 << 20;
/// Calls within calls.
const MAX_DEPTH: u32 = 32;
/// Calls that one function revision waits for at once.
const MAX_WAITING: usize = 500;

/// How deep each call is that is under way, by its `traceparent`.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    depths: Arc<Mutex<HashMap<String, u32>>>,
}

/// A call under way.
struct Depth {
    calls: Calls,
    trace: String,
}

impl Calls {
    fn depths(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.depths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call with a trace of its own, below the call whose trace is `parent`; `None` if that is too deep.
    fn begin(&self, parent: Option<&str>, trace: String) -> Option<Depth> {
        let mut depths = self.depths();
        let depth = parent.and_then(|parent| depths.get(parent)).map_or(1, |depth| depth + 1);
        if depth > MAX_DEPTH {
            return None;
        }
        depths.insert(trace.clone(), depth);
        Some(Depth { calls: self.clone(), trace })
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        self.calls.depths().remove(&self.trace);
    }
}

pub(super) async fn call(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Fault> {
    let name = caller.may(Access::Call, "function", name)?;
    let pool = pool(&shared, &caller, &name)?;
    let data = payload(read(body, MAX_PAYLOAD, "a payload").await?)?;
    let _waiting = match &caller.function {
        Some(identity) => Some(Waiting::begin(identity, MAX_WAITING).ok_or_else(|| too_deep(&name))?),
        None => None,
    };
    let id = crate::store::invocation_id();
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let trace = child_trace(parent, &id);
    let depth = shared.calls.begin(parent, trace.clone()).ok_or_else(|| too_deep(&name))?;
    let source = match &caller.function {
        Some(identity) => format!("/functions/{}", identity.function),
        None => "/cli".to_owned(),
    };
    let event = events::event("sf.call", &source, &id, chrono::Utc::now());
    let answer = answer(&pool, Invocation::Event { event, data, id, trace }).await;
    drop(depth);
    let json = answer.map_err(|(code, message)| {
        Fault::new(StatusCode::BAD_GATEWAY, code, format!("call function `{name}`: {message}"))
            .hint(format!("sf logs {name}"))
    })?;
    Ok(([(header::CONTENT_TYPE, events::JSON)], json).into_response())
}

/// The caller's trace with a span of its own, or a new one.
fn child_trace(parent: Option<&str>, id: &str) -> String {
    let own = crate::gateway::new_trace(id);
    let is_trace = |text: &&str| text.len() == own.len() && text.starts_with("00-");
    // `00-`, the trace's 32 digits and a dash.
    let beginning = parent.filter(is_trace).and_then(|parent| parent.get(..36));
    match (beginning, own.get(36..)) {
        (Some(beginning), Some(rest)) => format!("{beginning}{rest}"),
        _ => own,
    }
}

fn pool(shared: &Shared, caller: &Caller, name: &str) -> Result<Arc<Pool>, Fault> {
    let app = shared.app(&caller.app.project, &caller.app.stage);
    let of = |release: &crate::release::Release| release.pools.get(name).cloned();
    let active = app.as_ref().and_then(|app| app.release()).and_then(|release| of(&release));
    // A new revision may call a function that is new with it.
    let pool = active.or_else(|| of(&app?.rollout()?.release));
    pool.ok_or_else(|| Fault::not_found(format!("there is no function `{name}`")))
}

/// Nothing is `null`.
fn payload(bytes: Bytes) -> Result<Bytes, Fault> {
    if bytes.is_empty() {
        return Ok(Bytes::from_static(b"null"));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
        .map_err(|error| Fault::bad_request(format!("the payload is not JSON: {error}")))?;
    Ok(bytes)
}

/// What the function returned, as JSON; text that a `web` program answered with is a JSON text.
async fn answer(pool: &Arc<Pool>, invocation: Invocation) -> Result<Bytes, (&'static str, String)> {
    let broken = |message| {
        let error = CallError::Broken(message);
        (error.code(), error.to_string())
    };
    let called = pool.call(invocation).await.map_err(|error| (error.code(), error.to_string()))?;
    let (head, body) = called.into_parts();
    let bytes = collect(body, MAX_PAYLOAD).await.map_err(broken)?;
    if !head.status.is_success() {
        return Err(("function-failed", format!("it answered {}", head.status)));
    }
    if bytes.is_empty() {
        return Ok(Bytes::from_static(b"null"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Ok(Value::from(String::from_utf8_lossy(&bytes)).to_string().into()),
    }
}

fn too_deep(name: &str) -> Fault {
    Fault::new(
        StatusCode::LOOP_DETECTED,
        "too-deep",
        format!("call function `{name}`: too many calls within calls"),
    )
    .hint("does it call itself without end? A queue between the two breaks the circle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_within_calls_end() {
        let calls = Calls::default();
        let mut open = Vec::new();
        let mut parent = None;
        for depth in 1..=MAX_DEPTH {
            let trace = format!("trace-{depth}");
            open.push(calls.begin(parent.as_deref(), trace.clone()).unwrap());
            parent = Some(trace);
        }
        assert!(calls.begin(parent.as_deref(), "deeper".into()).is_none());
        // Beside each other is not within each other.
        for sibling in 0..MAX_DEPTH * 2 {
            open.push(calls.begin(Some("trace-1"), format!("sibling-{sibling}")).unwrap());
        }
        assert!(calls.begin(None, "root".into()).is_some());
        drop(open);
        assert!(calls.depths().is_empty());
    }

    #[test]
    fn a_call_goes_on_with_its_callers_trace() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let id = "11112222333344445555666677778888";
        let child = child_trace(Some(parent), id);
        assert_eq!(child, "00-0af7651916cd43dd8448eb211c80319c-1111222233334444-01");
        assert_eq!(child_trace(None, id), crate::gateway::new_trace(id));
        assert_eq!(child_trace(Some("nonsense"), id), crate::gateway::new_trace(id));
    }

    #[test]
    fn a_payload_is_json_or_nothing() {
        assert_eq!(payload(Bytes::new()).unwrap(), "null");
        assert_eq!(payload("[1]".into()).unwrap(), "[1]");
        assert_eq!(payload("[1".into()).unwrap_err().code, "bad-request");
    }
}
