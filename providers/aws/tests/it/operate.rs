//! Secrets, messages, objects and items of what the driver made.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde_json::json;
use sf_provider::{
    Body, Inbox, InboxId, ItemQuery, Items, Messages, ObjectQuery, Objects, SecretState, Secrets, UrlMethod,
};

use crate::kinds::Thing;
use crate::oracle::{Aws, aws};

/// Whether it is declared, and when its value was set.
fn secret(name: &str, listed: &[SecretState]) -> (bool, Option<u64>) {
    let found = listed.iter().find(|secret| secret.name == name).unwrap();
    (found.declared, found.updated_ms)
}

#[tokio::test]
async fn a_secret_may_be_set_before_it_is_deployed_and_removed_after() {
    let Some(aws) = aws().await else { return };
    let (cx, secrets) = (&aws.cx, &aws.operate as &dyn Secrets);
    secrets.set(cx, "smtp-password", b"one".to_vec()).await.unwrap();
    let (declared, updated) = secret("smtp-password", &secrets.list(cx).await.unwrap());
    assert!(!declared && updated.is_some());
    let thing = Thing::new(
        "secret",
        "smtp-password",
        json!({ "Name": "shop/dev/smtp-password", "Tags": { "a": "b" } }),
    );
    aws.make(&thing).await;
    secrets.set(cx, "smtp-password", vec![0, 255]).await.unwrap();
    let (declared, updated) = secret("smtp-password", &secrets.list(cx).await.unwrap());
    assert!(declared && updated.is_some());
    assert!(secrets.remove(cx, "smtp-password").await.unwrap());
    assert!(!secrets.remove(cx, "none").await.unwrap());
    // It is still the object that was deployed. (The counterpart says that it has a value, an empty one.)
    assert!(secret("smtp-password", &secrets.list(cx).await.unwrap()).0);
    let made = aws.make(&thing).await;
    aws.delete(&thing.key, &made).await;
    assert_eq!(secrets.list(cx).await.unwrap(), []);
    aws.assert_no_warnings().await;
}

impl Aws {
    async fn make_queues(&self) {
        for (kind, name) in [("dead-letters", "shop-dev-mail-dead"), ("queue", "shop-dev-mail")] {
            let mut inputs = json!({ "QueueName": name, "MessageRetentionPeriod": 345_600 });
            if kind == "queue" {
                inputs["VisibilityTimeout"] = 30.into();
            }
            self.make(&Thing::new(kind, "mail", inputs)).await;
        }
    }

    async fn inbox(&self) -> Inbox {
        self.operate
            .inboxes(&self.cx)
            .await
            .unwrap()
            .into_iter()
            .find(|inbox| inbox.id.kind == "queue")
            .unwrap()
    }
}

#[tokio::test]
async fn dead_letters_are_looked_at_delivered_again_and_purged() {
    let Some(aws) = aws().await else { return };
    let (cx, messages) = (&aws.cx, &aws.operate as &dyn Messages);
    let mail = InboxId { kind: "queue".into(), name: "mail".into() };
    let absent = messages.send(cx, "mail", Body::Json(json!(1)), None).await.unwrap_err();
    assert_eq!(absent.code.as_deref(), Some("not-found"));
    aws.make_queues().await;
    // What stands for a queue of its own here is where dead letters are.
    messages.send(cx, "mail-dead", Body::Json(json!({ "n": 1 })), None).await.unwrap();
    messages.send(cx, "mail-dead", Body::Bytes(vec![0, 255]), None).await.unwrap();
    for _ in 0..2 {
        let mut bodies: Vec<_> = messages
            .peek(cx, &mail, true, 5)
            .await
            .unwrap()
            .into_iter()
            .map(|message| message.body)
            .collect();
        bodies.sort_by_key(ToString::to_string);
        assert_eq!(bodies, [json!({ "$bytes": "AP8=" }), json!({ "n": 1 })]);
    }
    let before = aws.inbox().await;
    assert_eq!((before.ready, before.dead), (0, 2));
    assert_eq!(messages.redrive(cx, &mail).await.unwrap(), 2);
    let after = aws.inbox().await;
    assert_eq!((after.ready, after.dead), (2, 0));
    assert_eq!(messages.purge(cx, &mail, false).await.unwrap(), 2);
    assert_eq!(aws.inbox().await.ready, 0);
    assert_eq!(messages.peek(cx, &mail, false, 1).await.unwrap_err().code.as_deref(), Some("unsupported"));
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn a_topic_takes_json_and_bytes() {
    let Some(aws) = aws().await else { return };
    aws.make(&Thing::new("topic", "projects", json!({ "Name": "shop-dev-projects" }))).await;
    let attributes = BTreeMap::from([("kind".to_owned(), "new".to_owned())]);
    for body in [Body::Json(json!({ "a": 1 })), Body::Bytes(Vec::new())] {
        let id = aws.operate.publish(&aws.cx, "projects", body, &attributes).await.unwrap();
        assert!(!id.is_empty());
    }
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn objects_are_put_listed_read_and_removed() {
    let Some(aws) = aws().await else { return };
    let (cx, objects) = (&aws.cx, &aws.operate as &dyn Objects);
    let bucket = "shop-dev-portraits-{aws:suffix}";
    aws.make(&Thing::new("bucket", "portraits", json!({ "Bucket": bucket }))).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![7; 200_000]).unwrap();
    let keys = ["a/1 & <2>.txt", "a/한글+x", "b"];
    for key in keys {
        objects.put(cx, "portraits", key, file.path(), Some("text/plain")).await.unwrap();
    }
    let query = |cursor| ObjectQuery { limit: 2, cursor, ..ObjectQuery::default() };
    let first = objects.list(cx, "portraits", &query(None)).await.unwrap();
    let second = objects.list(cx, "portraits", &query(first.cursor.clone())).await.unwrap();
    let listed: Vec<_> =
        first.objects.iter().chain(&second.objects).map(|object| object.key.as_str()).collect();
    assert_eq!((listed, second.cursor), (keys.to_vec(), None));
    let folders = ObjectQuery { delimiter: Some("/".into()), limit: 10, ..ObjectQuery::default() };
    assert_eq!(objects.list(cx, "portraits", &folders).await.unwrap().prefixes, ["a/"]);
    let mut content = objects.get(cx, "portraits", keys[0]).await.unwrap().unwrap();
    let mut size = 0;
    while let Some(piece) = content.recv().await {
        size += piece.unwrap().len();
    }
    assert_eq!(size, 200_000);
    assert!(objects.get(cx, "portraits", "none").await.unwrap().is_none());
    assert_eq!(objects.get(cx, "none", "none").await.unwrap_err().code.as_deref(), Some("not-found"));
    let url = objects.url(cx, "portraits", keys[0], UrlMethod::Get, Duration::from_secs(60)).await.unwrap();
    let read = aws.http.get(url).send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    assert_eq!(read.len(), 200_000);
    objects.remove(cx, "portraits", "b").await.unwrap();
    objects.remove(cx, "portraits", "b").await.unwrap();
    assert!(objects.get(cx, "portraits", "b").await.unwrap().is_none());
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn items_are_written_with_a_version_and_read_page_by_page() {
    let Some(aws) = aws().await else { return };
    let (cx, items) = (&aws.cx, &aws.operate as &dyn Items);
    let table = json!({
        "TableName": "shop-dev-messages",
        "KeySchema": [
            { "AttributeName": "room", "KeyType": "HASH" },
            { "AttributeName": "at", "KeyType": "RANGE" },
        ],
        "AttributeDefinitions": [
            { "AttributeName": "room", "AttributeType": "S" },
            { "AttributeName": "at", "AttributeType": "N" },
        ],
        "TimeToLive": "expires",
    });
    let absent = items.get(cx, "messages", &json!({ "room": "a", "at": 1 })).await.unwrap_err();
    assert_eq!(absent.code.as_deref(), Some("not-found"));
    aws.make(&Thing::new("table", "messages", table)).await;
    let item =
        |at: u64| json!({ "room": "a", "at": at, "photo": { "$bytes": "AAH/" }, "text": ["hi", null, 1.5] });
    let mut versions = Vec::new();
    for at in 1..=3 {
        versions.push(items.put(cx, "messages", &item(at), false).await.unwrap());
    }
    let key = json!({ "room": "a", "at": 1 });
    let found = items.get(cx, "messages", &key).await.unwrap().unwrap();
    assert_eq!((found.item, found.version), (item(1), versions[0].clone()));
    let there = items.put(cx, "messages", &item(1), true).await.unwrap_err();
    assert_eq!(there.code.as_deref(), Some("conflict"));
    aws.fault(json!({ "operation": "PutItem", "count": 1, "action": { "type": "lost" } })).await;
    items.put(cx, "messages", &item(4), true).await.unwrap();
    items.put(cx, "messages", &json!({ "room": "a", "at": 9, "expires": 1 }), false).await.unwrap();
    let query = ItemQuery {
        partition: json!("a"),
        sort: Some(json!({ "gte": 2 })),
        limit: 2,
        ..ItemQuery::default()
    };
    let first = items.query(cx, "messages", &query).await.unwrap();
    let ats = |page: &sf_provider::ItemPage| -> Vec<_> {
        page.items.iter().map(|item| item.item["at"].clone()).collect()
    };
    assert_eq!(ats(&first), [2, 3]);
    let rest = ItemQuery { cursor: first.cursor, ..query };
    let second = items.query(cx, "messages", &rest).await.unwrap();
    assert_eq!((ats(&second), second.cursor), (vec![json!(4)], None), "what has expired is not there");
    assert_eq!(items.scan(cx, "messages", 10, None).await.unwrap().items.len(), 4);
    assert!(items.remove(cx, "messages", &key).await.unwrap());
    assert!(!items.remove(cx, "messages", &key).await.unwrap());
    aws.assert_no_warnings().await;
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_not_sent_again() {
    let Some(aws) = aws().await else { return };
    aws.make_queues().await;
    aws.fault(json!({ "service": "sqs", "operation": "SendMessage", "count": 1, "action": "lost" })).await;
    let sent = aws.operate.send(&aws.cx, "mail", Body::Json(json!({ "to": "a" })), None).await;
    assert!(sent.is_err(), "nobody knows whether it was sent: {sent:?}");
    assert_eq!(aws.entries("SendMessage").await.len(), 1);
    assert_eq!(aws.inbox().await.ready, 1);
}
