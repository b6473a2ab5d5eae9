//! Links to objects: made by functions, used by anybody; and the key pair of the host's owner.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use sf_host_api::AppClient;

use crate::support::{World, call, refusal};

async fn world() -> World {
    let mut world = World::new().await;
    world.put("bucket", "uploads", json!({})).await;
    world
}

async fn link(app: &AppClient, method: &str, key: &str) -> String {
    let body = json!({ "key": key, "method": method, "expires": 60 });
    let answer = call(app, "/buckets/uploads/url", body).await.unwrap();
    answer["url"].as_str().unwrap().to_owned()
}

/// Somebody without any token.
async fn anybody(method: &str, url: &str, body: &'static str) -> (u16, Bytes) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request =
        http::Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body))).unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn what_is_put_by_a_link_is_an_object_like_others() {
    let mut world = world().await;
    world.put_function("resize", json!({})).await;
    let created = json!({ "kind": "bucket", "bucket": "uploads", "event": "created" });
    world.subscribe("resize", "resize", created).await;
    world.release().await;
    let key = "raw/ä b.png";
    let put = link(&world.app, "PUT", key).await;
    assert_eq!(anybody("PUT", &put, "png").await.0, 200);
    let event = world.event().await;
    assert_eq!((event.header("ce-type"), event.json()["key"].as_str()), ("sf.bucket.created", Some(key)));
    event.succeed();
    let get = link(&world.app, "GET", key).await;
    assert_eq!(anybody("GET", &get, "").await, (200, "png".into()));
    assert_eq!(anybody("GET", &put, "").await.0, 403);
    assert_eq!(anybody("PUT", &get, "changed").await.0, 403);
    world.restart().await;
    assert_eq!(anybody("GET", &get, "").await, (200, "png".into()), "links outlive the host");
}

#[tokio::test]
async fn the_key_pair_is_the_owners() {
    let mut world = world().await;
    world.put_function("reader", json!({ "uses": { "bucket": { "uploads": "read" } } })).await;
    world.release().await;
    let access = world.client.s3().await.unwrap();
    assert_eq!(world.client.status().await.unwrap().s3_url.as_deref(), Some(access.url.as_str()));
    let stored = std::fs::read_to_string(world.folder.path().join("host/s3-secret")).unwrap();
    assert_eq!(access.secret_key, stored);
    let shown = format!("{access:?}");
    assert!(shown.contains(&access.access_key) && !shown.contains(&stored), "{shown}");
    let token = world.token_of("reader").await;
    let function = sf_host_api::Client::new(world.client.url(), &token).unwrap();
    assert_eq!(refusal(function.s3().await).0, 401);
}
