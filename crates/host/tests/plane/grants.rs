//! A function's token opens what its `uses` says, and nothing else.

use serde_json::{Value, json};
use sf_host_api::http::Method;
use sf_host_api::{AppClient, Client, ClientError, Resource};

use crate::support::{World, headers, refusal};

/// Every call of the data API, and the grant that it needs.
fn calls() -> Vec<(&'static str, Method, &'static str, Value)> {
    let key = json!({ "key": { "id": "7" } });
    vec![
        ("table read", Method::POST, "/tables/t/get", key.clone()),
        ("table read", Method::POST, "/tables/t/query", json!({ "partition": "7" })),
        ("table read", Method::POST, "/tables/t/scan", json!({})),
        ("table write", Method::POST, "/tables/t/put", json!({ "item": { "id": "7" } })),
        ("table write", Method::POST, "/tables/t/delete", key),
        ("bucket read", Method::GET, "/buckets/b/objects?prefix=x", json!(null)),
        ("bucket read", Method::HEAD, "/buckets/b/objects/k", json!(null)),
        ("bucket read", Method::GET, "/buckets/b/objects/k", json!(null)),
        ("bucket write", Method::PUT, "/buckets/b/objects/k", json!("v")),
        ("bucket write", Method::DELETE, "/buckets/b/objects/k", json!(null)),
        ("bucket read", Method::POST, "/buckets/b/url", json!({ "key": "k", "method": "GET", "expires": 9 })),
        (
            "bucket write",
            Method::POST,
            "/buckets/b/url",
            json!({ "key": "k", "method": "PUT", "expires": 9 }),
        ),
        ("queue write", Method::POST, "/queues/q/messages", json!(1)),
        ("topic write", Method::POST, "/topics/p/messages", json!(1)),
        ("socket write", Method::POST, "/sockets/s/connections/c", json!(1)),
        ("socket write", Method::DELETE, "/sockets/s/connections/c", json!(null)),
        ("function call", Method::POST, "/functions/none", json!(1)),
        ("secret read", Method::GET, "/secrets/KEY", json!(null)),
    ]
}

async fn make(app: &AppClient, method: Method, path: &str, body: &Value) -> Result<(), ClientError> {
    let headers = headers(&[("content-type", "application/json")]);
    app.data(method, path, headers, body.to_string()).await.map(drop)
}

/// Whether the grants let a call through; what it does then is the affair of other tests.
async fn is_let_through(app: &AppClient, method: Method, path: &str, body: &Value) -> bool {
    match make(app, method, path, body).await {
        Err(ClientError::Api { status: 403, .. }) => false,
        Err(ClientError::Api { status: 401, error, .. }) => panic!("{error:?}"),
        _ => true,
    }
}

#[tokio::test]
async fn each_call_needs_its_grant() {
    let mut world = World::new().await;
    let key = json!({ "name": "id", "kind": "string" });
    world.put("table", "t", json!({ "partition": key })).await;
    world.put("bucket", "b", json!({})).await;
    world.put("queue", "q", json!({ "retries": 3 })).await;
    world.put("topic", "p", json!({})).await;
    world.put("socket", "s", json!({})).await;
    world.put("secret", "KEY", json!({})).await;
    let only = |grant: &str| {
        json!({ "uses": {
            "table": { "t": grant }, "bucket": { "b": grant }, "queue": { "q": grant }, "topic": { "p": grant },
            "socket": { "s": grant },
        } })
    };
    world.put_function("reader", only("read")).await;
    world.put_function("writer", only("write")).await;
    world.put_function("both", only("read-write")).await;
    let caller = json!({ "uses": { "function": { "none": "call" } }, "secrets": ["KEY"] });
    world.put_function("caller", caller).await;
    world
        .put_function("other", json!({ "uses": { "table": { "b": "read-write" } }, "secrets": ["OTHER"] }))
        .await;
    world.release().await;
    let opens = |function: &str, needs: &str| match function {
        "reader" => needs.ends_with("read") && !needs.starts_with("secret"),
        "writer" => needs.ends_with("write"),
        "both" => !needs.ends_with("call") && !needs.starts_with("secret"),
        "caller" => needs.ends_with("call") || needs.starts_with("secret"),
        _ => false,
    };
    for function in ["reader", "writer", "both", "caller", "other"] {
        let app = world.as_function(function).await;
        for (needs, method, path, body) in calls() {
            let let_through = is_let_through(&app, method.clone(), path, &body).await;
            assert_eq!(let_through, opens(function, needs), "{function}: {method} {path}");
        }
    }
    // The host's own token opens everything.
    for (_, method, path, body) in calls() {
        assert!(is_let_through(&world.app, method.clone(), path, &body).await, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_opens_nothing_beside_its_own_apps_data() {
    let mut world = World::new().await;
    world.put("queue", "q", json!({ "retries": 3 })).await;
    let grants = json!({ "uses": { "queue": { "q": "write" } } });
    world.put_function("f", grants.clone()).await;
    world.release().await;
    let environment = world.environment("f").await;
    let token = environment["SF_DATA_TOKEN"].as_str().unwrap();
    assert_eq!((&environment["SF_INTERFACE"], &environment["SF_PAYLOAD"]), (&json!("web"), &Value::Null));
    let client = Client::new(world.client.url(), token).unwrap();
    let own = client.app("shop", "dev").unwrap();
    make(&own, Method::POST, "/queues/q/messages", &json!(1)).await.unwrap();
    let other = client.app("shop", "prod").unwrap();
    let refused = make(&other, Method::POST, "/queues/q/messages", &json!(1)).await;
    assert_eq!(refusal(refused), (401, "unauthorized".into()));
    assert_eq!(refusal(client.status().await), (401, "unauthorized".into()));
    assert_eq!(refusal(own.resources().await), (401, "unauthorized".into()));
    assert_eq!(refusal(own.set_secret("KEY", "v").await), (401, "unauthorized".into()));

    // Another revision has another token, and this one is worth nothing.
    world.put_function_with("f", grants, json!({ "MARKER": "2" })).await;
    world.release().await;
    let refused = make(&own, Method::POST, "/queues/q/messages", &json!(1)).await;
    assert_eq!(refusal(refused), (401, "unauthorized".into()));
    let own = world.as_function("f").await;
    make(&own, Method::POST, "/queues/q/messages", &json!(1)).await.unwrap();
}

#[tokio::test]
async fn a_lambda_handler_is_told_which_payload_it_expects() {
    let mut world = World::new().await;
    world.put_function("usual", json!({})).await;
    world.put_function("old", json!({})).await;
    for (name, payload) in [("usual", None), ("old", Some("1.0"))] {
        let mut spec = world.app.resource("function", name).await.unwrap().unwrap().spec;
        spec["interface"] = "lambda".into();
        spec["payload"] = json!(payload);
        world.put("function", name, spec).await;
    }
    world.release().await;
    for (name, payload) in [("usual", "2.0"), ("old", "1.0")] {
        let environment = world.environment(name).await;
        assert_eq!(
            (&environment["SF_INTERFACE"], &environment["SF_PAYLOAD"]),
            (&json!("lambda"), &json!(payload))
        );
    }
}

#[tokio::test]
async fn a_request_that_is_not_as_documented_is_told_where() {
    let mut world = World::new().await;
    let key = json!({ "name": "id", "kind": "string" });
    world.put("table", "t", json!({ "partition": key })).await;
    let message =
        async |method: Method, path: &str, body: Value| match make(&world.app, method, path, &body).await {
            Err(ClientError::Api { status: 400, error, .. }) if error.code == "bad-request" => error.message,
            other => panic!("{path}: {other:?}"),
        };
    assert!(message(Method::POST, "/tables/t/get", json!({})).await.contains("missing field `key`"));
    let both = json!({ "item": { "id": "7" }, "ifAbsent": true, "ifVersion": "1" });
    assert!(message(Method::POST, "/tables/t/put", both).await.contains("exclude each other"));
    assert!(message(Method::POST, "/tables/t/scan", json!({ "limit": 0 })).await.contains("`limit`"));
    assert!(message(Method::POST, "/tables/t/scan", json!({ "filter": 1 })).await.contains("`filter`"));
    assert!(message(Method::GET, "/buckets/b/objects?limit=x", json!(null)).await.contains("the query"));
    let week = json!({ "key": "k", "method": "GET", "expires": 604_801 });
    assert!(message(Method::POST, "/buckets/b/url", week).await.contains("604800"));

    let missing = make(&world.app, Method::POST, "/tables/none/get", &json!({ "key": { "id": "7" } })).await;
    assert_eq!(refusal(missing), (404, "not-found".into()));
    assert_eq!(refusal(make(&world.app, Method::POST, "/none", &json!(1)).await), (404, "not-found".into()));
    let large = vec![b'1'; (256 << 10) + 1];
    world.put("queue", "q", json!({ "retries": 3 })).await;
    let sent = world.app.data(Method::POST, "/queues/q/messages", headers(&[]), large).await;
    assert_eq!(refusal(sent.map(drop)), (413, "too-large".into()));
}

#[tokio::test]
async fn a_resource_says_its_name_and_where_it_is() {
    let mut world = World::new().await;
    let queue = world.put("queue", "jobs", json!({ "retries": 3 })).await;
    assert_eq!(queue["name"], "shop-dev-jobs");
    assert_eq!(queue["url"], format!("{}/v1/apps/shop/dev/data/queues/jobs/messages", world.client.url()));
    let socket = world.put("socket", "live", json!({})).await;
    let api = world.put("api", "api", json!({})).await;
    assert_eq!(socket["url"], format!("ws://127.0.0.1:{}/-/sockets/live", api["port"]));
    world.restart().await;
    // The control API has another port now.
    let Resource { outputs, .. } = world.app.resource("queue", "jobs").await.unwrap().unwrap();
    assert!(outputs["url"].as_str().unwrap().starts_with(world.client.url()));
    assert_eq!(world.app.resource("socket", "live").await.unwrap().unwrap().outputs["url"], socket["url"]);
}
