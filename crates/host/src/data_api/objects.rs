//! Objects of buckets: bytes that stream through, with the conditions and ranges of RFC 9110.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sf_data::{Condition, Listing, ObjectInfo, PutObject};

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Asked, Named, Params, text};
use super::fault::Fault;
use super::range::Wanted;
use crate::apps::Shared;
use crate::events::{moment, rfc3339};

/// Before the name of an object's own metadata.
const META: &str = "x-sf-meta-";
/// Keys of a page.
const PAGE: usize = 1000;
/// Bytes of a key.
const MAX_KEY: usize = 1024;

#[derive(Deserialize)]
pub(super) struct Object {
    name: String,
    key: String,
}

fn check_key(key: &str) -> Result<(), Fault> {
    match !key.is_empty() && key.len() <= MAX_KEY && !key.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(Fault::bad_request(format!(
            "a key is 1 to {MAX_KEY} bytes of UTF-8 without control characters"
        ))),
    }
}

fn no_object(object: &Object) -> Fault {
    Fault::not_found(format!("bucket `{}` has no object `{}`", object.name, object.key.escape_debug()))
}

pub(super) async fn head(
    State(shared): Host,
    caller: Caller,
    Params(mut object): Params<Object>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    object.name = caller.may(Access::Read, "bucket", object.name)?;
    check_key(&object.key)?;
    let info = shared.data.object(&caller.app, &object.name, &object.key).await?;
    let info = info.ok_or_else(|| no_object(&object))?;
    Ok(match is_known(&headers, &info) {
        true => answer(StatusCode::NOT_MODIFIED, &info, None, Body::empty()),
        false => answer(StatusCode::OK, &info, Some(info.size), Body::empty()),
    })
}

pub(super) async fn get(
    State(shared): Host,
    caller: Caller,
    Params(mut object): Params<Object>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    object.name = caller.may(Access::Read, "bucket", object.name)?;
    check_key(&object.key)?;
    loop {
        let info = shared.data.object(&caller.app, &object.name, &object.key).await?;
        let info = info.ok_or_else(|| no_object(&object))?;
        if is_known(&headers, &info) {
            return Ok(answer(StatusCode::NOT_MODIFIED, &info, None, Body::empty()));
        }
        let range = match Wanted::of(&headers, &info) {
            Wanted::All => None,
            Wanted::Part(range) => Some(range),
            Wanted::Nothing => return Ok(unsatisfiable(&info)),
        };
        // It may have been overwritten since it was looked at: then its range is another one.
        if let Some(response) = read(&shared, &caller, &object, &info, range).await? {
            return Ok(response);
        }
    }
}

async fn read(
    shared: &Shared,
    caller: &Caller,
    object: &Object,
    looked_at: &ObjectInfo,
    range: Option<std::ops::Range<u64>>,
) -> Result<Option<Response>, Fault> {
    let found = shared.data.read_object(&caller.app, &object.name, &object.key, range.clone()).await?;
    let (info, bytes) = found.ok_or_else(|| no_object(object))?;
    let Some(range) = range else {
        return Ok(Some(answer(StatusCode::OK, &info, Some(info.size), Body::from_stream(bytes))));
    };
    if info.etag != looked_at.etag || info.size != looked_at.size {
        return Ok(None);
    }
    let size = range.end - range.start;
    let mut response = answer(StatusCode::PARTIAL_CONTENT, &info, Some(size), Body::from_stream(bytes));
    let content = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), info.size);
    insert(response.headers_mut(), CONTENT_RANGE, &content);
    Ok(Some(response))
}

/// Whether the client has this object already: it asks for another one than it knows.
fn is_known(headers: &HeaderMap, info: &ObjectInfo) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|tag| tag == "*" || bare(tag) == info.etag)
}

/// An etag without quotes and weakness.
fn bare(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"')
}

fn unsatisfiable(info: &ObjectInfo) -> Response {
    let fault = Fault::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "bad-request",
        format!("the object has {} bytes, and none of them is in the range", info.size),
    );
    let mut response = fault.into_response();
    insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", info.size));
    response
}

fn answer(status: StatusCode, info: &ObjectInfo, size: Option<u64>, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    insert(headers, ETAG, &format!("\"{}\"", info.etag));
    insert(headers, ACCEPT_RANGES, "bytes");
    // The date of RFC 9110, section 5.6.7.
    let modified = moment(info.modified_ms).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    insert(headers, LAST_MODIFIED, &modified);
    if let Some(size) = size {
        headers.insert(CONTENT_LENGTH, size.into());
        insert(headers, CONTENT_TYPE, &info.content_type);
        for (name, value) in &info.metadata {
            if let Ok(name) = HeaderName::try_from(format!("{META}{name}")) {
                insert(headers, name, value);
            }
        }
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

pub(super) async fn put(
    State(shared): Host,
    caller: Caller,
    Params(mut object): Params<Object>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    object.name = caller.may(Access::Write, "bucket", object.name)?;
    check_key(&object.key)?;
    let options = PutObject {
        content_type: text(&headers, "content-type")?.map(str::to_owned),
        metadata: metadata(&headers)?,
        condition: condition(&headers)?,
    };
    let bytes = body.into_data_stream().map(|chunk| chunk.map_err(std::io::Error::other));
    let put = shared.data.put_object(&caller.app, &object.name, &object.key, options, bytes).await?;
    Ok(Json(json!({ "etag": put.etag, "size": put.size })))
}

fn metadata(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Fault> {
    let mut metadata = BTreeMap::new();
    for name in headers.keys() {
        let Some(own) = name.as_str().strip_prefix(META) else { continue };
        if let Some(value) = text(headers, name.as_str())? {
            metadata.insert(own.to_owned(), value.to_owned());
        }
    }
    Ok(metadata)
}

fn condition(headers: &HeaderMap) -> Result<Condition, Fault> {
    match (text(headers, IF_NONE_MATCH.as_str())?, text(headers, IF_MATCH.as_str())?) {
        (None, None) => Ok(Condition::Always),
        (Some(tag), None) if tag.trim() == "*" => Ok(Condition::IfAbsent),
        (None, Some(tag)) if !tag.contains(['*', ',']) => Ok(Condition::IfMatch(bare(tag).to_owned())),
        _ => Err(Fault::bad_request(
            "the conditions of a PUT are `if-none-match: *` or `if-match` with one etag, not both",
        )),
    }
}

pub(super) async fn delete(
    State(shared): Host,
    caller: Caller,
    Params(mut object): Params<Object>,
) -> Result<StatusCode, Fault> {
    object.name = caller.may(Access::Write, "bucket", object.name)?;
    check_key(&object.key)?;
    shared.data.delete_object(&caller.app, &object.name, &object.key).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    delimiter: String,
    limit: Option<usize>,
    #[serde(default)]
    cursor: String,
}

pub(super) async fn list(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Value>, Fault> {
    let name = caller.may(Access::Read, "bucket", name)?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is 1 to {PAGE}")));
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let listing = Listing {
        prefix: query.prefix,
        delimiter: given(query.delimiter),
        after: given(query.cursor),
        limit,
    };
    let page = shared.data.list_objects(&caller.app, &name, listing).await?;
    let objects: Vec<Value> = page
        .objects
        .into_iter()
        .map(|object| {
            let modified = rfc3339(moment(object.modified_ms));
            json!({ "key": object.key, "size": object.size, "etag": object.etag, "modified": modified })
        })
        .collect();
    Ok(Json(json!({ "objects": objects, "prefixes": page.prefixes, "cursor": page.next })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn info() -> ObjectInfo {
        ObjectInfo {
            key: "k".into(),
            size: 7,
            etag: "abc".into(),
            content_type: "image/png".into(),
            metadata: [("owner".to_owned(), "née".to_owned())].into(),
            modified_ms: 1_767_225_600_000,
        }
    }

    #[test]
    fn conditions_are_one_of_two() {
        let given = |pairs: &[(&'static str, &str)]| condition(&headers(pairs)).ok();
        assert_eq!(given(&[]), Some(Condition::Always));
        assert_eq!(given(&[("if-none-match", "*")]), Some(Condition::IfAbsent));
        assert_eq!(given(&[("if-match", "\"abc\"")]), Some(Condition::IfMatch("abc".into())));
        assert_eq!(given(&[("if-none-match", "\"abc\"")]), None);
        assert_eq!(given(&[("if-match", "*")]), None);
        assert_eq!(given(&[("if-match", "\"a\""), ("if-none-match", "*")]), None);
    }

    #[test]
    fn a_client_that_knows_the_object_is_told_so() {
        let known = |value: &str| is_known(&headers(&[("if-none-match", value)]), &info());
        assert!(known("\"abc\"") && known("\"x\", W/\"abc\"") && known("*"));
        assert!(!known("\"abcd\"") && !is_known(&HeaderMap::new(), &info()));
    }

    #[test]
    fn what_was_said_of_an_object_comes_back() {
        let response = answer(StatusCode::OK, &info(), Some(7), Body::empty());
        let said = |name: &str| String::from_utf8(response.headers()[name].as_bytes().to_vec()).unwrap();
        assert_eq!(said("etag"), "\"abc\"");
        assert_eq!(said("last-modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!((said("content-type"), said("content-length")), ("image/png".into(), "7".into()));
        assert_eq!(metadata(response.headers()).unwrap(), info().metadata);
    }
}
