//! What a socket's functions are called with: `docs/data-api.md`, the events of type `sf.socket.*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};

use crate::apps::App;
use crate::release::Release;
use crate::worker::{Body, CallError, Invocation};

/// What happened at a connection.
pub(super) enum What {
    /// It wants to open: [`opening`].
    Connect(Value),
    Text(String),
    Binary(Bytes),
    /// It is gone, with this close code.
    Disconnect(u16),
}

/// A connection, seen by the functions of its socket.
pub(super) struct Events {
    pub(super) app: Arc<App>,
    pub(super) socket: String,
    pub(super) connection: String,
}

impl Events {
    /// For a new connection. Its id is not to be guessed less than anything else is: it opens nothing.
    pub(super) fn new(app: Arc<App>, socket: &str) -> Self {
        Self { app, socket: socket.to_owned(), connection: crate::store::invocation_id() }
    }

    /// Calls one of the socket's functions, once. Of two revisions, a connection has the same one until the next step of the rollout.
    pub(super) async fn call(
        &self,
        release: &Release,
        function: &str,
        what: What,
    ) -> Result<Response<Body>, CallError> {
        let Some(pool) = release.pools.get(function) else {
            return Err(CallError::Broken(format!("the function `{function}` is not there")));
        };
        let id = crate::store::invocation_id();
        let trace = crate::gateway::new_trace(&id);
        let (kind, datatype, data) = match what {
            What::Connect(opening) => ("connect", "application/json", opening.to_string().into()),
            What::Text(text) => ("message", "text/plain", text.into()),
            What::Binary(bytes) => ("message", "application/octet-stream", bytes),
            What::Disconnect(code) => {
                ("disconnect", "application/json", json!({ "code": code }).to_string().into())
            }
        };
        let event = json!({
            "specversion": "1.0", "id": id, "type": format!("sf.socket.{kind}"),
            "source": format!("/sockets/{}", pool.spec.names.called("socket", &self.socket)),
            "time": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "datacontenttype": datatype, "connection": self.connection,
        });
        pool.call_for(&self.connection, Invocation::Event { event, data, id, trace }).await
    }
}

/// `{"headers": {…}, "query": {…}}` of a handshake: names in lower case, values of one name joined with a comma; of the query, the first of
/// each name.
pub(super) fn opening<B>(request: &Request<B>) -> Value {
    let text =
        |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    let mut headers = BTreeMap::<&str, String>::new();
    for (name, value) in request.headers() {
        let known = headers.entry(name.as_str()).or_default();
        if !known.is_empty() {
            known.push_str(", ");
        }
        known.push_str(&text(value));
    }
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        query.entry(name.into_owned()).or_insert_with(|| value.into_owned());
    }
    json!({ "headers": headers, "query": query })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_function_sees_headers_and_query() {
        let request = Request::builder()
            .uri("/-/sockets/chat?room=a%20b&room=c&empty=")
            .header("Cookie", "a=1")
            .header("x", "1")
            .header("x", "2")
            .body(())
            .unwrap();
        let expected =
            json!({"headers": {"cookie": "a=1", "x": "1, 2"}, "query": {"room": "a b", "empty": ""}});
        assert_eq!(opening(&request), expected);
    }
}
