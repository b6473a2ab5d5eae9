//! Clients of sockets, and secrets.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Named, Params, read, text};
use super::fault::Fault;
use crate::apps::Shared;
use crate::sockets::Outgoing;

/// Bytes of a frame.
const MAX_FRAME: usize = 1 << 20;

#[derive(Deserialize)]
pub(super) struct Connection {
    name: String,
    id: String,
}

pub(super) async fn send_to_client(
    State(shared): Host,
    caller: Caller,
    Params(Connection { name, id }): Params<Connection>,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Json<Value>, Fault> {
    let name = caller.may(Access::Write, "socket", name)?;
    check_socket(&shared, &caller, &name)?;
    let bytes = read(body, MAX_FRAME, "a frame").await?;
    let kind = text(&headers, "content-type")?.unwrap_or_default();
    let frame = if kind.trim_start().to_ascii_lowercase().starts_with("text/plain") {
        let text = String::from_utf8(bytes.into());
        Outgoing::Text(text.map_err(|_| Fault::bad_request("the body of a text frame is not UTF-8"))?)
    } else {
        Outgoing::Binary(bytes)
    };
    let delivered = shared.connections.send(&caller.app, &name, &id, frame).await;
    Ok(Json(json!({ "delivered": delivered })))
}

pub(super) async fn close_client(
    State(shared): Host,
    caller: Caller,
    Params(Connection { name, id }): Params<Connection>,
) -> Result<StatusCode, Fault> {
    let name = caller.may(Access::Write, "socket", name)?;
    check_socket(&shared, &caller, &name)?;
    shared.connections.send(&caller.app, &name, &id, Outgoing::Close).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check_socket(shared: &Shared, caller: &Caller, name: &str) -> Result<(), Fault> {
    let release = shared.app(&caller.app.project, &caller.app.stage).and_then(|app| app.release());
    match release.is_some_and(|release| release.sockets.contains_key(name)) {
        true => Ok(()),
        false => Err(Fault::not_found(format!("there is no socket `{name}`"))),
    }
}

pub(super) async fn secret(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
) -> Result<Response, Fault> {
    let name = caller.may_read_secret(name)?;
    let value = shared.data.secret(&caller.app, &name).await?.ok_or_else(|| {
        Fault::not_found(format!("secret `{name}` has no value")).hint(format!("sf secret set {name}"))
    })?;
    let headers = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, value.as_bytes().to_vec()).into_response())
}
