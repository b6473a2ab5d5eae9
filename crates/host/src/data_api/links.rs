//! Links to objects, which whoever has them may use without a token.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use sf_s3::MAX_LINK_SECONDS;

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Call, Named, Params};
use super::fault::Fault;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum LinkMethod {
    Get,
    Put,
}

impl LinkMethod {
    fn access(self) -> Access {
        match self {
            Self::Get => Access::Read,
            Self::Put => Access::Write,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlCall {
    key: String,
    method: LinkMethod,
    #[serde(default = "a_quarter_of_an_hour")]
    expires: u64,
}

fn a_quarter_of_an_hour() -> u64 {
    15 * 60
}

pub(super) async fn url(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(UrlCall { key, method, expires }): Call<UrlCall>,
) -> Result<Json<Value>, Fault> {
    let name = caller.may(method.access(), "bucket", name)?;
    if !(1..=MAX_LINK_SECONDS).contains(&expires) {
        return Err(Fault::bad_request(format!("`expires` is 1 to {MAX_LINK_SECONDS} seconds")));
    }
    let url = shared.s3.presign(&caller.app, &name, &key, method.name(), Duration::from_secs(expires));
    Ok(Json(json!({ "url": url })))
}
