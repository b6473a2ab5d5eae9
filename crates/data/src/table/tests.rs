use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{World, app, body_json, object};
use crate::{Data, DataError, ErrorKind, Inbox, Source, Subscription};

fn key(name: &str, kind: KeyKind) -> KeyDefinition {
    KeyDefinition { name: name.into(), kind }
}

/// `id` and `at`, expiring by `until`.
fn definition() -> TableDefinition {
    TableDefinition {
        partition: key("id", KeyKind::String),
        sort: Some(key("at", KeyKind::Number)),
        ttl: Some("until".into()),
    }
}

async fn with_table(world: &World) -> Data {
    let data = world.open();
    data.define_table(&app(), "events", definition()).await.unwrap();
    data
}

async fn put(data: &Data, item: Json) -> String {
    put_if(data, item, PutCondition::Always).await.unwrap()
}

async fn put_if(data: &Data, item: Json, condition: PutCondition) -> Result<String, ErrorKind> {
    data.put_item(&app(), "events", object(item), condition).await.map_err(|error| error.kind)
}

async fn get(data: &Data, key: Json) -> Option<Item> {
    data.get_item(&app(), "events", &key).await.unwrap()
}

fn query(partition: &str) -> Query {
    Query { partition: json!(partition), sort: None, reverse: false, limit: 1000, cursor: None }
}

/// The sort keys of all pages.
async fn all(data: &Data, mut query: Query) -> Vec<Json> {
    let mut found = Vec::new();
    loop {
        let page = data.query_items(&app(), "events", query.clone()).await.unwrap();
        assert!(page.items.len() <= query.limit);
        found.extend(page.items.into_iter().map(|item| item.item["at"].clone()));
        match page.cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return found,
        }
    }
}

#[tokio::test]
async fn an_item_is_read_as_it_was_written() {
    let world = World::new();
    let data = with_table(&world).await;
    let item = json!({
        "id": "käse 🧀", "at": -1.5, "n": 0.1, "tiny": 5e-324, "big": u64::MAX, "text": "a\u{0}b",
        "bytes": {"$bytes": "aGk="}, "list": [null, true, {"x": []}], "third": 1.0 / 3.0,
    });
    let version = put(&data, item.clone()).await;
    let read = get(&data, json!({"id": "käse 🧀", "at": -1.5})).await.unwrap();
    assert_eq!(read, Item { item: object(item), version });
    assert_eq!(get(&data, json!({"id": "käse", "at": -1.5})).await, None);
}

#[tokio::test]
async fn conditions_hold_or_nothing_happens() {
    let world = World::new();
    let data = with_table(&world).await;
    let item = |n: i64| json!({"id": "a", "at": 1, "n": n});
    let if_version = |version: &str| PutCondition::IfVersion(version.into());
    assert_eq!(put_if(&data, item(0), if_version("1")).await, Err(ErrorKind::Conflict));
    let first = put_if(&data, item(1), PutCondition::IfAbsent).await.unwrap();
    assert_eq!(put_if(&data, item(2), PutCondition::IfAbsent).await, Err(ErrorKind::Conflict));
    let second = put_if(&data, item(3), if_version(&first)).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(put_if(&data, item(4), if_version(&first)).await, Err(ErrorKind::Conflict));
    assert_eq!(put_if(&data, item(4), if_version("garbage")).await, Err(ErrorKind::Conflict));
    let key = json!({"id": "a", "at": 1});
    assert_eq!(get(&data, key.clone()).await.unwrap().item["n"], 3);
    let delete = async |version: Option<&str>| {
        let deleted = data.delete_item(&app(), "events", &key, version.map(Into::into)).await;
        deleted.map_err(|error| error.kind)
    };
    assert_eq!(delete(Some(&first)).await, Err(ErrorKind::Conflict));
    assert_eq!(delete(Some(&second)).await, Ok(true));
    assert_eq!(delete(Some(&second)).await, Err(ErrorKind::Conflict));
    assert_eq!(delete(None).await, Ok(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_puts_if_absent_one_wins_and_increments_by_version_lose_nothing() {
    let world = World::new();
    let data = Arc::new(with_table(&world).await);
    let tasks: Vec<_> = (0..16)
        .map(|writer| {
            let data = Arc::clone(&data);
            tokio::spawn(async move {
                let item = json!({"id": "a", "at": 0, "n": 0, "by": writer});
                let won = put_if(&data, item, PutCondition::IfAbsent).await.is_ok();
                let mut tries = 0;
                for _ in 0..10 {
                    loop {
                        tries += 1;
                        let Item { mut item, version } =
                            get(&data, json!({"id": "a", "at": 0})).await.unwrap();
                        item["n"] = json!(item["n"].as_i64().unwrap() + 1);
                        let put = put_if(&data, Json::Object(item), PutCondition::IfVersion(version)).await;
                        match put {
                            Ok(_) => break,
                            Err(kind) => assert_eq!(kind, ErrorKind::Conflict),
                        }
                    }
                }
                (won, tries)
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        let (won, tries) = task.await.unwrap();
        winners += i32::from(won);
        assert!(tries >= 10);
    }
    assert_eq!(winners, 1);
    assert_eq!(get(&data, json!({"id": "a", "at": 0})).await.unwrap().item["n"], 160);
}

#[tokio::test]
async fn a_query_has_the_range_in_order_page_by_page() {
    let world = World::new();
    let data = with_table(&world).await;
    for at in [3, -2, 10, 0, 7] {
        put(&data, json!({"id": "a", "at": at})).await;
        put(&data, json!({"id": "b", "at": at})).await;
    }
    let sorted = |condition: SortCondition| Query { sort: Some(condition), ..query("a") };
    assert_eq!(all(&data, query("a")).await, [-2, 0, 3, 7, 10]);
    assert_eq!(all(&data, query("none")).await, [0; 0]);
    assert_eq!(all(&data, sorted(SortCondition::Eq(json!(3)))).await, [3]);
    assert_eq!(all(&data, sorted(SortCondition::Lt(json!(3)))).await, [-2, 0]);
    assert_eq!(all(&data, sorted(SortCondition::Lte(json!(3)))).await, [-2, 0, 3]);
    assert_eq!(all(&data, sorted(SortCondition::Gt(json!(3)))).await, [7, 10]);
    assert_eq!(all(&data, sorted(SortCondition::Gte(json!(3)))).await, [3, 7, 10]);
    assert_eq!(all(&data, sorted(SortCondition::Between(json!(0), json!(7)))).await, [0, 3, 7]);
    assert_eq!(all(&data, sorted(SortCondition::Between(json!(7), json!(0)))).await, [0; 0]);
    for limit in 1..4 {
        let reverse = Query { reverse: true, limit, sort: Some(SortCondition::Gt(json!(-2))), ..query("a") };
        assert_eq!(all(&data, reverse).await, [10, 7, 3, 0], "limit {limit}");
        assert_eq!(all(&data, Query { limit, ..query("a") }).await, [-2, 0, 3, 7, 10], "limit {limit}");
    }
}

#[tokio::test]
async fn a_cursor_never_leads_out_of_the_query_that_it_is_used_with() {
    let world = World::new();
    let data = with_table(&world).await;
    for at in 0..6 {
        put(&data, json!({"id": "a", "at": at})).await;
    }
    let page = data.query_items(&app(), "events", Query { limit: 1, ..query("a") }).await.unwrap();
    let narrow =
        Query { sort: Some(SortCondition::Gte(json!(4))), cursor: page.cursor.clone(), ..query("a") };
    assert_eq!(all(&data, narrow).await, [4, 5]);
    let refused = async |query: Query| {
        let error: DataError = data.query_items(&app(), "events", query).await.unwrap_err();
        error.kind
    };
    assert_eq!(refused(Query { cursor: page.cursor, ..query("b") }).await, ErrorKind::BadRequest);
    assert_eq!(refused(Query { cursor: Some("x".into()), ..query("a") }).await, ErrorKind::BadRequest);
    assert_eq!(refused(Query { limit: 0, ..query("a") }).await, ErrorKind::BadRequest);
    assert_eq!(refused(Query { limit: 1001, ..query("a") }).await, ErrorKind::BadRequest);
    let prefix = Query { sort: Some(SortCondition::Prefix("1".into())), ..query("a") };
    assert_eq!(refused(prefix).await, ErrorKind::BadRequest);
    let scan = data.scan_items(&app(), "events", 10, Some("x".into())).await.unwrap_err();
    assert_eq!(scan.kind, ErrorKind::BadRequest);
}

#[tokio::test]
async fn a_page_has_at_most_a_megabyte_but_one_item_at_least() {
    let world = World::new();
    let data = with_table(&world).await;
    let large = "x".repeat(390 * 1024);
    for at in 0..5 {
        put(&data, json!({"id": "a", "at": at, "large": large})).await;
    }
    let page = data.query_items(&app(), "events", query("a")).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert_eq!(all(&data, query("a")).await, [0, 1, 2, 3, 4]);
    let error =
        put_if(&data, json!({"id": "a", "at": 0, "large": "x".repeat(410_000)}), PutCondition::Always).await;
    assert_eq!(error, Err(ErrorKind::TooLarge));
}

#[tokio::test]
async fn an_expired_item_is_gone_at_once_and_removed_later() {
    let world = World::new();
    let data = with_table(&world).await;
    let until = world.now_ms() / 1000 + 10;
    put(&data, json!({"id": "a", "at": 1, "until": until})).await;
    put(&data, json!({"id": "a", "at": 2, "until": "never"})).await;
    put(&data, json!({"id": "b", "at": 1, "until": until})).await;
    listen(&data).await;
    world.advance(Duration::from_millis(9_999));
    assert_eq!(all(&data, query("a")).await, [1, 2]);
    world.advance(Duration::from_millis(1));
    assert_eq!(all(&data, query("a")).await, [2]);
    assert_eq!(get(&data, json!({"id": "a", "at": 1})).await, None);
    assert_eq!(data.scan_items(&app(), "events", 10, None).await.unwrap().items.len(), 1);
    assert!(!data.delete_item(&app(), "events", &json!({"id": "b", "at": 1}), None).await.unwrap());
    put_if(&data, json!({"id": "a", "at": 1, "until": until}), PutCondition::IfAbsent).await.unwrap();
    assert_eq!(changes(&data).await, ["remove b", "remove a", "insert a"]);
    assert_eq!(data.expire().await.unwrap(), 1);
    assert_eq!(data.expire().await.unwrap(), 0);
    assert_eq!(changes(&data).await, ["remove a"]);
}

#[tokio::test]
async fn another_ttl_attribute_holds_for_items_that_are_there() {
    let world = World::new();
    let data = with_table(&world).await;
    put(&data, json!({"id": "a", "at": 1, "until": 1, "other": 1e12})).await;
    assert_eq!(all(&data, query("a")).await, [0; 0]);
    let other = TableDefinition { ttl: Some("other".into()), ..definition() };
    data.define_table(&app(), "events", other).await.unwrap();
    assert_eq!(all(&data, query("a")).await, [1]);
    data.define_table(&app(), "events", TableDefinition { ttl: None, ..definition() }).await.unwrap();
    assert_eq!(all(&data, query("a")).await, [1]);
    let another = TableDefinition { sort: None, ..definition() };
    data.define_table(&app(), "events", another).await.unwrap();
    assert_eq!(data.scan_items(&app(), "events", 10, None).await.unwrap(), ItemPage::default());
}

async fn listen(data: &Data) {
    let source = Source::Table { table: "events".into() };
    let subscription = Subscription { name: "index".into(), source, retries: 5 };
    data.set_subscriptions(&app(), vec![subscription]).await.unwrap();
}

/// What the subscriber got since the last time: changes and partition keys.
async fn changes(data: &Data) -> Vec<String> {
    let inbox = Inbox::Subscription("index".into());
    let deliveries = data.receive(&app(), &inbox, 100, Duration::from_secs(60)).await.unwrap();
    data.finish(&app(), &inbox, deliveries.iter().map(|one| one.receipt).collect(), vec![]).await.unwrap();
    let summary = |delivery: &crate::Delivery| {
        let data = body_json(&delivery.message.body);
        format!("{} {}", data["change"].as_str().unwrap(), data["key"]["id"].as_str().unwrap())
    };
    deliveries.iter().map(summary).collect()
}

#[tokio::test]
async fn each_change_is_a_message_with_both_items() {
    let world = World::new();
    let data = with_table(&world).await;
    listen(&data).await;
    put(&data, json!({"id": "a", "at": 1, "n": 1})).await;
    put(&data, json!({"id": "a", "at": 1, "n": 2})).await;
    put_if(&data, json!({"id": "a", "at": 1, "n": 3}), PutCondition::IfAbsent).await.unwrap_err();
    data.delete_item(&app(), "events", &json!({"id": "a", "at": 1}), None).await.unwrap();
    let messages = data.peek(&app(), &Inbox::Subscription("index".into()), false, 10).await.unwrap();
    let (one, two) = (json!({"id": "a", "at": 1, "n": 1}), json!({"id": "a", "at": 1, "n": 2}));
    let key = json!({"id": "a", "at": 1});
    let expected = [
        json!({"change": "insert", "key": key, "before": null, "after": one}),
        json!({"change": "update", "key": key, "before": one, "after": two}),
        json!({"change": "remove", "key": key, "before": two, "after": null}),
    ];
    let bodies: Vec<_> = messages.iter().map(|message| body_json(&message.body)).collect();
    assert_eq!(bodies, expected);
    assert!(messages.iter().all(|message| message.event == "sf.table"));
    assert_eq!(messages[0].subject.as_deref(), Some(r#"{"at":1,"id":"a"}"#));
}

#[tokio::test]
async fn a_key_is_exactly_its_attributes() {
    let world = World::new();
    let data = with_table(&world).await;
    for key in
        [json!({"id": "a"}), json!({"id": "a", "at": 1, "n": 1}), json!("a"), json!({"id": 1, "at": 1})]
    {
        let error = data.get_item(&app(), "events", &key).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest, "{key}");
    }
    assert_eq!(put_if(&data, json!({"id": "a"}), PutCondition::Always).await, Err(ErrorKind::BadRequest));
}

/// What a client may do to a table of `p` and `s`.
#[derive(Clone, Debug)]
enum Step {
    Put(String, String, u32),
    Delete(String, String),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let text = || prop_oneof!["[a-c\u{7f}-\u{83}]{1,2}", "[ab]\u{10000}?"];
    prop_oneof![
        8 => (text(), text(), any::<u32>()).prop_map(|(p, s, n)| Step::Put(p, s, n)),
        3 => (text(), text()).prop_map(|(p, s)| Step::Delete(p, s)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_table_is_a_sorted_map(steps in prop::collection::vec(step(), 1..40), limit in 1usize..4, prefix in "[a-b]?") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(steps, limit, prefix));
    }
}

async fn compare(steps: Vec<Step>, limit: usize, prefix: String) {
    let world = World::new();
    let definition = TableDefinition {
        partition: key("p", KeyKind::String),
        sort: Some(key("s", KeyKind::String)),
        ttl: None,
    };
    let mut data = world.open();
    data.define_table(&app(), "t", definition).await.unwrap();
    let mut model = BTreeMap::new();
    for step in steps {
        match step {
            Step::Put(p, s, n) => {
                let item = object(json!({"p": p, "s": s, "n": n}));
                data.put_item(&app(), "t", item.clone(), PutCondition::Always).await.unwrap();
                model.insert((p, s), item);
            }
            Step::Delete(p, s) => {
                let existed = data.delete_item(&app(), "t", &json!({"p": p, "s": s}), None).await.unwrap();
                assert_eq!(existed, model.remove(&(p, s)).is_some());
            }
            Step::Reopen => {
                drop(data);
                data = world.open();
            }
        }
    }
    let mut scanned = Vec::new();
    let mut cursor = None;
    loop {
        let page = data.scan_items(&app(), "t", limit, cursor).await.unwrap();
        scanned.extend(page.items.into_iter().map(|item| item.item));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(scanned, model.values().cloned().collect::<Vec<_>>());
    for partition in model.keys().map(|(partition, _)| partition) {
        let within = |(p, s): &(String, String)| p == partition && s.starts_with(&prefix);
        let expected: Vec<_> =
            model.iter().filter(|(key, _)| within(key)).map(|(_, item)| item.clone()).rev().collect();
        let mut query = Query {
            partition: json!(partition),
            sort: Some(SortCondition::Prefix(prefix.clone())),
            reverse: true,
            limit,
            cursor: None,
        };
        let mut found = Vec::new();
        loop {
            let page = data.query_items(&app(), "t", query.clone()).await.unwrap();
            found.extend(page.items.into_iter().map(|item| item.item));
            query.cursor = page.cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }
}
