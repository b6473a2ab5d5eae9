use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{future, stream};
use serde_json::json;

use super::*;
use crate::testing::{World, app, body_json, files_of, json_body, object};
use crate::{
    Body, ErrorKind, Inbox, KeyDefinition, KeyKind, PutCondition, PutObject, QueueDefinition, Source,
    Subscription, TableDefinition,
};

fn jobs() -> Inbox {
    Inbox::Queue("jobs".into())
}

async fn define_all(data: &Data, app: &AppId) {
    data.define_queue(app, "jobs", QueueDefinition { retries: 3 }).await.unwrap();
    data.define_topic(app, "news").await.unwrap();
    data.define_bucket(app, "raw").await.unwrap();
    let partition = KeyDefinition { name: "id".into(), kind: KeyKind::String };
    data.define_table(app, "t", TableDefinition { partition, sort: None, ttl: None }).await.unwrap();
    let source = Source::Topic { topic: "news".into(), filter: BTreeMap::new() };
    let subscription = Subscription { name: "mail".into(), source, retries: 5 };
    data.set_subscriptions(app, vec![subscription]).await.unwrap();
}

async fn fill(data: &Data, app: &AppId) {
    define_all(data, app).await;
    data.send(app, "jobs", json_body(&json!(1)), Duration::ZERO).await.unwrap();
    data.publish(app, "news", json_body(&json!(2)), BTreeMap::new()).await.unwrap();
    data.put_item(app, "t", object(json!({"id": "a"})), PutCondition::Always).await.unwrap();
    let bytes = stream::iter([Ok("x".into())]);
    data.put_object(app, "raw", "k", PutObject::default(), bytes).await.unwrap();
    data.set_secret(app, "s", b"value".to_vec().into()).await.unwrap();
}

async fn check(data: &Data, app: &AppId) {
    assert_eq!(data.counts(app, &jobs()).await.unwrap().ready, 1);
    assert_eq!(data.counts(app, &Inbox::Subscription("mail".into())).await.unwrap().ready, 1);
    assert!(data.get_item(app, "t", &json!({"id": "a"})).await.unwrap().is_some());
    assert!(data.read_object(app, "raw", "k", None).await.unwrap().is_some());
    assert_eq!(data.secret(app, "s").await.unwrap().unwrap().as_bytes(), b"value");
}

#[tokio::test]
async fn opening_again_keeps_everything() {
    let world = World::new();
    let data = world.open();
    fill(&data, &app()).await;
    let before = data.put_item(&app(), "t", object(json!({"id": "b"})), PutCondition::Always).await.unwrap();
    drop(data);
    let data = world.open();
    check(&data, &app()).await;
    // Versions go on: none comes twice.
    let after = data.put_item(&app(), "t", object(json!({"id": "b"})), PutCondition::Always).await.unwrap();
    assert!(after.parse::<u64>().unwrap() > before.parse().unwrap());
    // Defining again what is there changes nothing.
    define_all(&data, &app()).await;
    check(&data, &app()).await;
}

#[tokio::test]
async fn dropping_an_app_forgets_all_of_it_and_nothing_else() {
    let world = World::new();
    let data = world.open();
    let other = AppId { stage: "live".into(), ..app() };
    fill(&data, &app()).await;
    fill(&data, &other).await;
    data.drop_app(&app()).await.unwrap();
    data.drop_app(&app()).await.unwrap();
    check(&data, &other).await;
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(data.secrets(&app()).await.unwrap().is_empty());
    define_all(&data, &app()).await;
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap().ready, 0);
    assert!(data.get_item(&app(), "t", &json!({"id": "a"})).await.unwrap().is_none());
    assert!(data.object(&app(), "raw", "k").await.unwrap().is_none());
    drop(data);
    assert_eq!(files_of(world.folder.path()).len(), 1);
}

#[tokio::test]
async fn an_operation_that_fails_takes_no_other_with_it() {
    let world = World::new();
    let data = world.open();
    define_all(&data, &app()).await;
    let send = async |number: usize| {
        let queue = if number.is_multiple_of(3) { "none" } else { "jobs" };
        data.send(&app(), queue, json_body(&json!(number)), Duration::ZERO).await.is_ok()
    };
    // Together, so that they share transactions.
    let sent = future::join_all((0..90).map(send)).await;
    assert_eq!(sent.iter().filter(|sent| **sent).count(), 60);
    assert!((0..90).all(|number| sent[number] != number.is_multiple_of(3)));
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap().ready, 60);
}

#[tokio::test]
async fn an_operation_is_undone_whole() {
    let world = World::new();
    let data = world.open();
    define_all(&data, &app()).await;
    let (files, id) = (Arc::clone(data.files()), app());
    let half = move |tx: &mut Tx<'_>| -> Result<(), DataError> {
        resource::remove(tx, &id, resource::Kind::Queue, "jobs")?;
        let (file, _) = files.create()?;
        tx.refer_to(file);
        Err(DataError::conflict("changed its mind"))
    };
    assert_eq!(data.write("try", half).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap().ready, 0);
    assert!(files_of(world.folder.path()).is_empty());
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let world = World::new();
    let data = world.open();
    define_all(&data, &app()).await;
    let limit_pages = async |pages: i64| {
        let limit = move |tx: &mut Tx<'_>| {
            tx.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))?;
            Ok(())
        };
        data.write("limit", limit).await.unwrap();
    };
    limit_pages(100).await;
    let send = async |number: i64| {
        let body = Body::Bytes(vec![u8::try_from(number % 100).unwrap(); 10_000].into());
        data.send(&app(), "jobs", body, Duration::ZERO).await
    };
    let sent = future::join_all((0..80).map(send)).await;
    let kept = sent.iter().filter(|sent| sent.is_ok()).count();
    let refused: Vec<_> = sent.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|error| error.kind == ErrorKind::StorageFull), "{refused:?}");
    assert!(refused[0].message.starts_with("send to queue: "), "{}", refused[0]);
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap().ready, u64::try_from(kept).unwrap());
    limit_pages(1_000_000).await;
    send(1).await.unwrap();
    drop(data);
    let data = world.open();
    assert_eq!(data.counts(&app(), &jobs()).await.unwrap().ready, u64::try_from(kept).unwrap() + 1);
}

#[tokio::test]
async fn a_folder_is_open_once() {
    let world = World::new();
    let data = world.open();
    let again = Data::open(world.folder.path(), world.clock()).map(|_| ()).unwrap_err();
    assert!(again.message.contains("open already"), "{again}");
    drop(data);
    world.open();
}

#[tokio::test]
async fn a_database_that_is_none_is_told_from_one_that_failed() {
    let world = World::new();
    std::fs::write(world.folder.path().join("data.db"), "no database at all ".repeat(1000)).unwrap();
    let error = Data::open(world.folder.path(), world.clock()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Storage);
    assert!(error.message.contains("data.db") && error.message.contains("damaged"), "{error}");
}

#[tokio::test]
async fn what_was_asked_is_done_though_nobody_waits_for_it() {
    let world = World::new();
    let data = world.open();
    define_all(&data, &app()).await;
    let task = {
        let data = data.clone();
        tokio::spawn(async move { data.send(&app(), "jobs", json_body(&json!(1)), Duration::ZERO).await })
    };
    tokio::task::yield_now().await;
    task.abort();
    drop(task.await);
    drop(data);
    let data = world.open();
    let messages = data.peek(&app(), &jobs(), false, 10).await.unwrap();
    assert_eq!(body_json(&messages[0].body), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let _data = world.open();
    let mode = |name: &str| std::fs::metadata(world.folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("") & 0o777, 0o700);
    assert_eq!(mode("secrets.key") & 0o777, 0o600);
}
