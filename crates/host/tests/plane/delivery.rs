//! What waits in inboxes reaches functions.

use serde_json::{Value, json};
use sf_host_api::LogsQuery;
use sf_host_api::http::Method;

use crate::support::{World, call, headers, is_empty};

/// A queue `jobs` with a reader `work`.
async fn with_queue(retries: u32, batch: u32) -> World {
    let mut world = World::new().await;
    world.put_function("work", json!({})).await;
    world.put("queue", "jobs", json!({ "retries": retries })).await;
    world.subscribe("work", "work", json!({ "kind": "queue", "queue": "jobs", "batch": batch })).await;
    world.release().await;
    world
}

async fn send(world: &World, body: Value) -> String {
    let sent = call(&world.app, "/queues/jobs/messages", body).await.unwrap();
    sent["id"].as_str().unwrap().to_owned()
}

async fn send_later(world: &World, body: &str) -> String {
    let headers = headers(&[("x-sf-delay", "60")]);
    let sent = world.app.data(Method::POST, "/queues/jobs/messages", headers, body.to_owned()).await.unwrap();
    let sent: Value = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
    sent["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_that_fails_becomes_a_dead_letter_and_is_redriven() {
    let mut world = with_queue(2, 10).await;
    let id = send(&world, json!({ "n": 1 })).await;
    for attempt in 1..=2 {
        let event = world.event().await;
        assert_eq!((event.header("ce-type"), event.header("ce-source")), ("sf.queue", "/queues/jobs"));
        let message = &event.json()["messages"][0];
        assert_eq!((&message["id"], &message["attempt"]), (&json!(id), &json!(attempt)));
        assert_eq!(message["body"], json!({ "n": 1 }));
        event.fail();
    }
    let status = world.inbox_until("queue", "jobs", |status| status.dead == 1).await;
    assert_eq!(status.function.as_deref(), Some("work"));
    let dead = world.app.messages("queue", "jobs", true, 10).await.unwrap();
    assert_eq!((dead[0].id.as_str(), dead[0].attempts), (id.as_str(), 2));
    assert!(dead[0].last_error.as_ref().unwrap().contains("500"), "{dead:?}");

    let mut log = world.app.logs(&LogsQuery::default()).await.unwrap();
    let mut said = Vec::new();
    while let Some(line) = log.next().await {
        said.push(line.unwrap().message);
    }
    let failed = |n: u32| said.iter().any(|line| line.contains(&format!("delivery {n} of 2 failed")));
    assert!(failed(1) && failed(2), "{said:?}");

    assert_eq!(world.app.redrive("queue", "jobs").await.unwrap().messages, 1);
    let event = world.event().await;
    assert_eq!(event.json()["messages"][0]["attempt"], 1);
    event.succeed();
    world.inbox_until("queue", "jobs", is_empty).await;
}

#[tokio::test]
async fn only_what_a_handler_names_as_failed_comes_again() {
    let mut world = with_queue(3, 10).await;
    let mut ids = Vec::new();
    for body in ["one", "two", "three"] {
        ids.push(send_later(&world, body).await);
    }
    assert_eq!(world.app.inbox("queue", "jobs").await.unwrap().unwrap().delayed, 3);
    // All at once, hence in one batch.
    world.advance(61).await;
    let event = world.event().await;
    assert_eq!(event.ids(), ids);
    assert_eq!(event.json()["messages"][0]["body"], json!({ "$bytes": "b25l" }));
    event.answer_with(200, &json!({ "failed": [ids[1]] }));
    let event = world.event().await;
    assert_eq!(event.ids(), [ids[1].as_str()]);
    assert_eq!(event.json()["messages"][0]["attempt"], 2);
    event.succeed();
    world.inbox_until("queue", "jobs", is_empty).await;
}

#[tokio::test]
async fn a_queue_without_a_reader_keeps_its_messages_and_is_purged() {
    let mut world = World::new().await;
    world.put("queue", "jobs", json!({ "retries": 1 })).await;
    send(&world, json!(1)).await;
    send(&world, json!(2)).await;
    let listed = world.app.inboxes().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].ready, &listed[0].function), (2, &None));
    assert_eq!(world.app.purge("queue", "jobs", true).await.unwrap().messages, 0);
    assert_eq!(world.app.purge("queue", "jobs", false).await.unwrap().messages, 2);
    assert!(is_empty(&world.app.inbox("queue", "jobs").await.unwrap().unwrap()));
    assert_eq!(world.app.inbox("queue", "other").await.unwrap(), None);
}

#[tokio::test]
async fn a_topic_reaches_those_whose_filter_matches() {
    let mut world = World::new().await;
    for function in ["all", "new"] {
        world.put_function(function, json!({})).await;
    }
    world.put("topic", "projects", json!({})).await;
    world.subscribe("all-projects", "all", json!({ "kind": "topic", "topic": "projects" })).await;
    let filter = json!({ "kind": ["new", "reborn"] });
    world
        .subscribe("new-projects", "new", json!({ "kind": "topic", "topic": "projects", "filter": filter }))
        .await;
    world.release().await;
    let publish = async |kind: &str| {
        let attributes = json!({ "kind": kind, "née": "€" }).to_string();
        let mut with = headers(&[("content-type", "application/octet-stream")]);
        with.insert("x-sf-attributes", axum::http::HeaderValue::from_bytes(attributes.as_bytes()).unwrap());
        world.app.data(Method::POST, "/topics/projects/messages", with, vec![0xff, 1]).await.unwrap();
    };
    publish("old").await;
    publish("new").await;
    let mut got = Vec::new();
    for _ in 0..3 {
        let event = world.event().await;
        assert_eq!((event.header("ce-type"), event.header("ce-source")), ("sf.topic", "/topics/projects"));
        assert_eq!(event.header("content-type"), "application/octet-stream");
        assert_eq!(event.body, [0xff, 1]);
        let attributes: Value = serde_json::from_str(event.header("ce-attributes")).unwrap();
        assert_eq!(attributes["née"], "€");
        got.push((event.header("x-by").to_owned(), attributes["kind"].as_str().unwrap().to_owned()));
        event.succeed();
    }
    got.sort();
    let pair = |by: &str, kind: &str| (by.to_owned(), kind.to_owned());
    assert_eq!(got, [pair("all", "new"), pair("all", "old"), pair("new", "new")]);
    let status = world.inbox_until("subscription", "new-projects", is_empty).await;
    assert_eq!((status.source.as_str(), status.function.as_deref()), ("topic projects", Some("new")));
    world.inbox_until("subscription", "all-projects", is_empty).await;
    assert!(world.is_quiet());
}

#[tokio::test]
async fn changes_of_a_table_are_told() {
    let mut world = World::new().await;
    world.put_function("watch", json!({})).await;
    let key = json!({ "name": "id", "kind": "string" });
    world.put("table", "profiles", json!({ "partition": key, "ttl": "until" })).await;
    world.subscribe("watch", "watch", json!({ "kind": "table", "table": "profiles" })).await;
    world.release().await;
    let put = async |item: Value| {
        call(&world.app, "/tables/profiles/put", json!({ "item": item })).await.unwrap();
    };
    put(json!({ "id": "7", "n": 1 })).await;
    put(json!({ "id": "7", "n": 2, "until": 4_000_000_000_u64 })).await;
    let (mut changes, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let event = world.event().await;
        assert_eq!((event.header("ce-type"), event.header("ce-source")), ("sf.table", "/tables/profiles"));
        subjects.push(event.header("ce-subject").to_owned());
        changes.push(event.json());
        event.succeed();
    }
    // In no promised order.
    changes.sort_by_key(|change| change["change"].to_string());
    assert_eq!(subjects, ["{%22id%22:%227%22}"; 2]);
    assert_eq!((&changes[0]["change"], &changes[0]["before"]), (&json!("insert"), &json!(null)));
    assert_eq!((&changes[1]["change"], &changes[1]["before"]["n"]), (&json!("update"), &json!(1)));
    assert_eq!(changes[1]["after"]["n"], 2);
    world.inbox_until("subscription", "watch", is_empty).await;
    // Its time passes: the host removes it, and that is a change, too.
    world.advance(3_000_000_000).await;
    let event = world.event().await;
    assert_eq!((&event.json()["change"], &event.json()["after"]), (&json!("remove"), &json!(null)));
    event.succeed();
}

#[tokio::test]
async fn a_call_of_a_function_is_answered_with_what_it_returns() {
    let mut world = World::new().await;
    world.put_function("ask", json!({ "uses": { "function": { "tell": "call" } } })).await;
    world.put_function("tell", json!({})).await;
    world.release().await;
    let ask = world.as_function("ask").await;
    let asked = tokio::spawn(async move { call(&ask, "/functions/tell", json!({ "n": 1 })).await });
    let event = world.event().await;
    assert_eq!((event.header("ce-type"), event.header("ce-source")), ("sf.call", "/functions/ask"));
    assert_eq!(event.json(), json!({ "n": 1 }));
    event.answer_with(200, &json!({ "n": 2 }));
    assert_eq!(asked.await.unwrap().unwrap(), json!({ "n": 2 }));

    let app = world.app.clone();
    let asked = tokio::spawn(async move { call(&app, "/functions/tell", json!(null)).await });
    let event = world.event().await;
    assert_eq!(event.header("ce-source"), "/cli");
    event.fail();
    assert_eq!(crate::support::refusal(asked.await.unwrap()), (502, "function-failed".into()));
}
