//! Releases, restarts and deletes.

use serde_json::{Value, json};
use sf_host_api::http::Method;

use crate::support::{World, call, headers, is_empty, refusal};

async fn with_queue(marker: &str) -> World {
    let mut world = World::new().await;
    world.put_function_with("work", json!({}), json!({ "MARKER": marker })).await;
    world.put("queue", "jobs", json!({ "retries": 3 })).await;
    world.subscribe("work", "work", json!({ "kind": "queue", "queue": "jobs", "batch": 1 })).await;
    world.release().await;
    world
}

async fn send(world: &World, body: Value) {
    call(&world.app, "/queues/jobs/messages", body).await.unwrap();
}

#[tokio::test]
async fn messages_wait_for_a_host_that_was_stopped() {
    let mut world = with_queue("1").await;
    let later = headers(&[("x-sf-delay", "900"), ("content-type", "application/json")]);
    world.app.data(Method::POST, "/queues/jobs/messages", later, "7").await.unwrap();
    world.restart().await;
    assert_eq!(world.app.inbox("queue", "jobs").await.unwrap().unwrap().delayed, 1);
    world.advance(901).await;
    let event = world.event().await;
    assert_eq!(event.json()["messages"][0]["body"], 7);
    event.succeed();
    world.inbox_until("queue", "jobs", is_empty).await;
}

#[tokio::test]
async fn what_is_being_handled_ends_before_the_host_does_and_has_its_data_until_then() {
    let mut world = with_queue("1").await;
    world.put("queue", "done", json!({ "retries": 3 })).await;
    world.put_function("work", json!({ "uses": { "queue": { "done": "write" } } })).await;
    world.release().await;
    let token = world.token_of("work").await;
    send(&world, json!(1)).await;
    let event = world.event().await;
    world.client.shutdown().await.unwrap();
    for n in 0..10 {
        // Over new connections, too.
        let work = world.with_token(&token);
        call(&work, "/queues/done/messages", json!(n)).await.unwrap();
    }
    event.succeed();
    world.restart().await;
    let left = world.app.inboxes().await.unwrap();
    let ready: Vec<_> = left.iter().map(|inbox| (inbox.name.as_str(), inbox.ready)).collect();
    assert_eq!(ready, [("done", 10), ("jobs", 0)]);
    assert!(world.is_quiet());
}

#[tokio::test]
async fn a_new_release_takes_over_and_the_old_one_ends_what_it_has() {
    let mut world = with_queue("old").await;
    send(&world, json!(1)).await;
    let first = world.event().await;
    assert_eq!(first.header("x-marker"), "old");
    world.put_function_with("work", json!({}), json!({ "MARKER": "new" })).await;
    world.release().await;
    send(&world, json!(2)).await;
    let second = world.event().await;
    assert_eq!((second.header("x-marker"), &second.json()["messages"][0]["body"]), ("new", &json!(2)));
    assert_eq!(world.app.inbox("queue", "jobs").await.unwrap().unwrap().in_flight, 2);
    first.succeed();
    second.succeed();
    world.inbox_until("queue", "jobs", is_empty).await;
    assert!(world.is_quiet());
}

#[tokio::test]
async fn a_subscription_that_goes_takes_its_inbox_with_it() {
    let mut world = with_queue("1").await;
    world.put("topic", "projects", json!({})).await;
    world.subscribe("told", "work", json!({ "kind": "topic", "topic": "projects" })).await;
    world.release().await;
    assert_eq!(world.app.inboxes().await.unwrap().len(), 2);
    world.forget("subscription/told");
    world.release().await;
    assert_eq!(world.app.inbox("subscription", "told").await.unwrap(), None);
    call(&world.app, "/topics/projects/messages", json!(1)).await.unwrap();
    send(&world, json!(2)).await;
    let event = world.event().await;
    assert_eq!(event.header("ce-type"), "sf.queue");
    event.succeed();
}

#[tokio::test]
async fn what_is_deleted_is_gone_with_its_data() {
    let mut world = World::new().await;
    let spec = json!({ "partition": { "name": "id", "kind": "string" } });
    world.put("table", "profiles", spec.clone()).await;
    world.put("table", "kept", spec.clone()).await;
    let put = json!({ "item": { "id": "7" } });
    let get = json!({ "key": { "id": "7" } });
    call(&world.app, "/tables/profiles/put", put).await.unwrap();
    // A repeated put changes nothing.
    world.put("table", "profiles", spec.clone()).await;
    let found = call(&world.app, "/tables/profiles/get", get.clone()).await.unwrap();
    assert_eq!(found["item"]["id"], "7");
    assert!(world.app.delete_resource("table", "profiles").await.unwrap());
    assert!(!world.app.delete_resource("table", "profiles").await.unwrap());
    let gone = call(&world.app, "/tables/profiles/get", get.clone()).await;
    assert_eq!(refusal(gone), (404, "not-found".into()));
    world.put("table", "profiles", spec).await;
    assert_eq!(call(&world.app, "/tables/profiles/get", get).await.unwrap()["item"], Value::Null);
}

#[tokio::test]
async fn what_was_to_be_dropped_when_the_host_was_killed_is_dropped_at_its_start() {
    let mut world = World::new().await;
    let spec = json!({ "partition": { "name": "id", "kind": "string" } });
    world.put("table", "profiles", spec.clone()).await;
    call(&world.app, "/tables/profiles/put", json!({ "item": { "id": "7" } })).await.unwrap();
    world.stop().await;
    // As a host leaves it that is killed between the record and the data.
    let path = world.folder.path().join("host/apps.db");
    let about = json!({ "port": null, "dropping": ["table/profiles"] }).to_string();
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.execute("DELETE FROM resources", []).unwrap(), 1);
    assert_eq!(db.execute("UPDATE apps SET about = ?1", [about]).unwrap(), 1);
    drop(db);
    world.restart().await;
    assert_eq!(world.client.apps().await.unwrap(), [], "the app ends with its last resource");
    let get = json!({ "key": { "id": "7" } });
    let gone = call(&world.app, "/tables/profiles/get", get.clone()).await;
    assert_eq!(refusal(gone), (404, "not-found".into()));
    world.put("table", "profiles", spec).await;
    assert_eq!(call(&world.app, "/tables/profiles/get", get).await.unwrap()["item"], Value::Null);
}

#[tokio::test]
async fn a_release_that_listens_to_nothing_is_refused() {
    let mut world = World::new().await;
    world.put_function("work", json!({})).await;
    world.subscribe("work", "work", json!({ "kind": "queue", "queue": "none", "batch": 1 })).await;
    let resources = world.app.resources().await.unwrap();
    let resources: serde_json::Map<String, Value> = resources
        .into_iter()
        .map(|resource| (format!("{}/{}", resource.kind, resource.name), resource.revision.into()))
        .collect();
    let put =
        sf_host_api::ResourcePut { spec: json!({ "resources": resources }), annotations: Default::default() };
    let refused = world.app.put_resource("release", "current", &put).await;
    assert_eq!(refusal(refused), (400, "bad-subscription".into()));
}
