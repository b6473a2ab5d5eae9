//! Buckets over HTTP: what goes in comes out, streamed, ranged, conditional; and changes are told.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sf_host_api::encode_segment;
use sf_host_api::http::{Body, Method, Response};
use sf_host_api::{AppClient, ClientError};

use crate::support::{World, headers, refusal};

async fn with_bucket() -> World {
    let mut world = World::new().await;
    world.put("bucket", "uploads", json!({})).await;
    world
}

async fn make(
    app: &AppClient,
    method: Method,
    key: &str,
    pairs: &[(&'static str, &str)],
    body: impl Into<Body>,
) -> Result<Response, ClientError> {
    let path = format!("/buckets/uploads/objects/{}", encode_segment(key).unwrap());
    app.data(method, &path, headers(pairs), body).await
}

async fn put(app: &AppClient, key: &str, body: &str) -> String {
    let answer = make(app, Method::PUT, key, &[], body.to_owned()).await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["size"], body.len());
    answer["etag"].as_str().unwrap().to_owned()
}

fn said(response: &Response, name: &str) -> String {
    String::from_utf8(response.headers()[name].as_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn an_object_comes_back_with_what_was_said_of_it() {
    let world = with_bucket().await;
    let key = "raw/ä b?%2F#/../7.png";
    let with = [("content-type", "image/png"), ("x-sf-meta-owner", "ann")];
    make(&world.app, Method::PUT, key, &with, "0123456789").await.unwrap();
    let whole = make(&world.app, Method::GET, key, &[], "").await.unwrap();
    assert_eq!(
        (said(&whole, "content-type"), said(&whole, "x-sf-meta-owner")),
        ("image/png".into(), "ann".into())
    );
    let (etag, size) = (said(&whole, "etag"), said(&whole, "content-length"));
    assert_eq!((etag.as_str(), size.as_str()), ("\"781e5e245d69b566979b86e28d23f2c7\"", "10"));
    assert!(said(&whole, "last-modified").ends_with(" GMT"));
    assert_eq!(whole.bytes().await.unwrap(), "0123456789");

    let head = make(&world.app, Method::HEAD, key, &[], "").await.unwrap();
    assert_eq!((said(&head, "etag"), said(&head, "content-length")), (etag.clone(), "10".into()));
    let part = make(&world.app, Method::GET, key, &[("range", "bytes=2-4")], "").await.unwrap();
    assert_eq!((part.status().as_u16(), said(&part, "content-range")), (206, "bytes 2-4/10".into()));
    assert_eq!(part.bytes().await.unwrap(), "234");
    let none = make(&world.app, Method::GET, key, &[("range", "bytes=10-")], "").await;
    assert_eq!(refusal(none).0, 416);
    let known = make(&world.app, Method::GET, key, &[("if-none-match", &etag)], "").await;
    assert_eq!(refusal(known).0, 304);

    let deleted = make(&world.app, Method::DELETE, key, &[], "").await.unwrap();
    assert_eq!(deleted.status().as_u16(), 204);
    assert_eq!(make(&world.app, Method::DELETE, key, &[], "").await.unwrap().status().as_u16(), 204);
    assert_eq!(refusal(make(&world.app, Method::GET, key, &[], "").await), (404, "not-found".into()));
    assert_eq!(refusal(make(&world.app, Method::HEAD, key, &[], "").await).0, 404);
}

#[tokio::test]
async fn conditions_of_a_put_hold_or_it_does_nothing() {
    let world = with_bucket().await;
    let absent = [("if-none-match", "*")];
    make(&world.app, Method::PUT, "k", &absent, "one").await.unwrap();
    let again = make(&world.app, Method::PUT, "k", &absent, "two").await;
    assert_eq!(refusal(again), (409, "conflict".into()));
    let etag = put(&world.app, "k", "three").await;
    make(&world.app, Method::PUT, "k", &[("if-match", &etag)], "four").await.unwrap();
    let stale = make(&world.app, Method::PUT, "k", &[("if-match", &etag)], "five").await;
    assert_eq!(refusal(stale), (409, "conflict".into()));
    assert_eq!(make(&world.app, Method::GET, "k", &[], "").await.unwrap().bytes().await.unwrap(), "four");
}

#[tokio::test]
async fn an_object_may_be_larger_than_any_other_body() {
    let world = with_bucket().await;
    // Other bodies of the control API end at 8 MiB.
    let chunk = bytes::Bytes::from(vec![7_u8; 1 << 20]);
    let chunks = futures_util::stream::iter((0..20).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    make(&world.app, Method::PUT, "large", &[], Body::wrap_stream(chunks)).await.unwrap();
    let large = make(&world.app, Method::GET, "large", &[], "").await.unwrap();
    let large = large.bytes().await.unwrap();
    assert!(large.len() == 20 << 20 && large.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let world = with_bucket().await;
    for key in ["a/1", "a/2", "b", "c/1"] {
        put(&world.app, key, key).await;
    }
    let list = async |query: &str| -> Value {
        let path = format!("/buckets/uploads/objects?{query}");
        let answer = world.app.data(Method::GET, &path, headers(&[]), "").await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let keys = |page: &Value| -> Vec<String> {
        let objects = page["objects"].as_array().unwrap();
        objects.iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
    };
    let folded = list("delimiter=%2F").await;
    assert_eq!((keys(&folded), &folded["prefixes"]), (vec!["b".to_owned()], &json!(["a/", "c/"])));
    assert_eq!(folded["cursor"], Value::Null);
    assert_eq!(folded["objects"][0]["size"], 1);
    assert!(folded["objects"][0]["modified"].as_str().unwrap().ends_with('Z'));
    let first = list("limit=3").await;
    assert_eq!(keys(&first), ["a/1", "a/2", "b"]);
    let cursor = encode_segment(first["cursor"].as_str().unwrap()).unwrap();
    assert_eq!(keys(&list(&format!("limit=3&cursor={cursor}")).await), ["c/1"]);
    assert_eq!(keys(&list("prefix=a%2F").await), ["a/1", "a/2"]);
}

#[tokio::test]
async fn changes_of_a_bucket_are_told_to_those_who_want_them() {
    let mut world = with_bucket().await;
    world.put_function("resize", json!({})).await;
    let created = json!({ "kind": "bucket", "bucket": "uploads", "event": "created", "prefix": "raw/", "suffix": ".png" });
    world.subscribe("resize", "resize", created).await;
    world.put_function("forget", json!({})).await;
    let removed = json!({ "kind": "bucket", "bucket": "uploads", "event": "removed" });
    world.subscribe("forget", "forget", removed).await;
    world.release().await;
    for key in ["raw/7.txt", "other/7.png", "raw/7.png"] {
        put(&world.app, key, "png").await;
    }
    make(&world.app, Method::DELETE, "raw/7.png", &[], "").await.unwrap();
    let mut events = BTreeMap::new();
    for _ in 0..2 {
        let event = world.event().await;
        assert_eq!(
            (event.header("ce-source"), event.header("ce-subject")),
            ("/buckets/uploads", "raw/7.png")
        );
        events.insert(event.header("ce-type").to_owned(), (event.header("x-by").to_owned(), event.json()));
        event.succeed();
    }
    let (by, data) = &events["sf.bucket.created"];
    assert_eq!((by.as_str(), &data["key"], &data["size"]), ("resize", &json!("raw/7.png"), &json!(3)));
    assert_eq!(data["contentType"], "application/octet-stream");
    let (by, data) = &events["sf.bucket.removed"];
    assert_eq!((by.as_str(), data), ("forget", &json!({ "bucket": "uploads", "key": "raw/7.png" })));
    for name in ["resize", "forget"] {
        world.inbox_until("subscription", name, crate::support::is_empty).await;
    }
    assert!(world.is_quiet());
}
