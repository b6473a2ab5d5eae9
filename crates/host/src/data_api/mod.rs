//! The data API of `docs/data-api.md`: how functions reach what their `uses` grants. Served beside the control API, with an authorization of its own.
//!
//! ```text
//! token ─> Caller (an app, and the host or one of its functions) ─ Caller::may ─> sf_data, open sockets, functions
//! ```

mod caller;
pub(crate) mod calls;
mod extract;
mod fault;
pub(crate) mod links;
mod messages;
mod objects;
mod range;
mod rest;
mod tables;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use sf_data::AppId;

use crate::apps::Shared;
use caller::Caller;
use fault::Fault;

pub(crate) use caller::same;

/// What every handler here is given.
type Host = State<Arc<Shared>>;

/// The paths below `…/data`, each guarded.
pub(crate) fn router(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    let object = get(objects::get).head(objects::head).put(objects::put).delete(objects::delete);
    Router::new()
        .route("/tables/{name}/get", post(tables::get))
        .route("/tables/{name}/put", post(tables::put))
        .route("/tables/{name}/delete", post(tables::delete))
        .route("/tables/{name}/query", post(tables::query))
        .route("/tables/{name}/scan", post(tables::scan))
        .route("/buckets/{name}/objects", get(objects::list))
        .route("/buckets/{name}/objects/{key}", object)
        .route("/buckets/{name}/url", post(links::url))
        .route("/queues/{name}/messages", post(messages::send))
        .route("/topics/{name}/messages", post(messages::publish))
        .route("/sockets/{name}/connections/{id}", post(rest::send_to_client).delete(rest::close_client))
        .route("/functions/{name}", post(calls::call))
        .route("/secrets/{name}", get(rest::secret))
        .fallback(|| async { Fault::not_found("the data API has no such path") })
        .method_not_allowed_fallback(|| async { Fault::wrong_method() })
        .layer(middleware::from_fn_with_state(shared, authenticate))
}

#[derive(Deserialize)]
struct AppPath {
    project: String,
    stage: String,
}

/// Finds out who calls; nobody gets further without.
async fn authenticate(
    State(shared): Host,
    Path(AppPath { project, stage }): Path<AppPath>,
    mut request: Request,
    next: Next,
) -> Response {
    match Caller::find(&shared, AppId { project, stage }, request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}
