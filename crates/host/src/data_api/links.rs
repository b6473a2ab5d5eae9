//! Links to objects, which whoever has them may use without a token.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use sf_data::AppId;

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Call, Named, Params};
use super::fault::Fault;

/// Seconds that a link may be good for: a week, as S3 has it.
const MAX_EXPIRES: u64 = 604_800;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum LinkMethod {
    Get,
    Put,
}

/// Makes links to what it serves: the S3 endpoint.
pub(crate) trait Links: Send + Sync {
    /// A URL with which anybody may do this to the object until it expires.
    fn presign(&self, app: &AppId, bucket: &str, key: &str, method: LinkMethod, expires: Duration) -> String;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlCall {
    key: String,
    method: LinkMethod,
    expires: u64,
}

pub(super) async fn url(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(UrlCall { key, method, expires }): Call<UrlCall>,
) -> Result<Json<Value>, Fault> {
    let access = match method {
        LinkMethod::Get => Access::Read,
        LinkMethod::Put => Access::Write,
    };
    caller.may(access, "bucket", &name)?;
    if !(1..=MAX_EXPIRES).contains(&expires) {
        return Err(Fault::bad_request(format!("`expires` is 1 to {MAX_EXPIRES} seconds")));
    }
    let links =
        shared.links.get().ok_or_else(|| Fault::bad_request("links are not available on this host"))?;
    let url = links.presign(&caller.app, &name, &key, method, Duration::from_secs(expires));
    Ok(Json(json!({ "url": url })))
}
