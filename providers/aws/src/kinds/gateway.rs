//! What lies in an API: `authorizer`, `integration`, `route`, `stage`. None of it is tagged: it is the scope's if its API is.
//!
//! An id is `API/ID`. Where nobody knows whether a create took effect, it is looked for: these calls make a second one when they are
//! repeated.

mod authorizer;
mod integration;
mod route;
mod stage;

use std::collections::BTreeMap;

use sf_plan::{Addr, Failure, ObjectKey};

use super::{At, Inventory, RemoteKind, Undone, owner};
use crate::api::ApiError;
use crate::names::addr::kind;

pub(crate) use authorizer::Authorizer;
pub(crate) use integration::Integration;
pub(crate) use route::Route;
pub(crate) use stage::Stage;

/// What all of these go with: nothing in an API can be named, asked for or called but through that
/// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html>).
const AN_API: &[&str] = &[kind::HTTP_API, kind::WEBSOCKET_API];

/// The id that an object in an API is known by.
fn id(api: &str, own: &str) -> String {
    format!("{api}/{own}")
}

/// API and own id.
fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

/// What a failed create comes to: it may have taken effect all the same.
async fn undone<K: RemoteKind>(kind: &K, at: &At<'_>, spec: &K::Spec, error: ApiError) -> Undone {
    if error.is(&["ConflictException"]) || error.is_ambiguous() {
        match kind.locate(at, spec).await {
            Ok(Some(_)) => return Undone::Exists,
            Ok(None) => {}
            Err(failure) => return Undone::Failed(None, failure),
        }
    }
    at.failed("create", &error).into()
}

/// One of the scope's APIs.
struct OwnApi {
    id: String,
    /// The socket's name; `None` for the HTTP API.
    socket: Option<String>,
}

/// The scope's APIs.
async fn apis(at: &At<'_>, inventory: &Inventory) -> Result<Vec<OwnApi>, Failure> {
    let own = inventory.apis(at).await?.iter().filter_map(|api| {
        let (key, _) = owner(&at.cx.scope, api.tags.clone())?;
        let socket = (api.protocol_type == "WEBSOCKET").then_some(key.addr.name);
        Some(OwnApi { id: api.api_id.clone(), socket })
    });
    Ok(own.collect())
}

/// The key of what is in an API: its name alone in the HTTP API, else after the socket's.
fn key(kind: &str, api: &OwnApi, name: &str) -> ObjectKey {
    let name = api.socket.as_ref().map_or_else(|| name.to_owned(), |socket| format!("{socket}:{name}"));
    ObjectKey { addr: Addr::new(kind, name), generation: 0 }
}

/// The functions' names by their ARNs.
fn functions(inventory: &Inventory) -> BTreeMap<&str, &str> {
    let all = inventory.of(kind::FUNCTION).iter();
    all.map(|(key, arn)| (arn.as_str(), key.addr.name.as_str())).collect()
}
