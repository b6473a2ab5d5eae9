use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::testing::{World, app, body_json, json_body};
use crate::{Data, ErrorKind};

const LEASE: Duration = Duration::from_secs(30);

fn queue() -> Inbox {
    Inbox::Queue("jobs".into())
}

async fn with_queue(world: &World, retries: u32) -> Data {
    let data = world.open();
    data.define_queue(&app(), "jobs", QueueDefinition { retries }).await.unwrap();
    data
}

async fn send(data: &Data, number: u32) -> String {
    data.send(&app(), "jobs", json_body(&json!(number)), Duration::ZERO).await.unwrap()
}

async fn receive(data: &Data, max: usize) -> Vec<Delivery> {
    data.receive(&app(), &queue(), max, LEASE).await.unwrap()
}

async fn fail(data: &Data, receipt: u64, retry_after: Duration) {
    let failed = Failed { receipt, retry_after, error: "no luck".into() };
    data.finish(&app(), &queue(), vec![], vec![failed]).await.unwrap();
}

async fn counts(data: &Data) -> Counts {
    data.counts(&app(), &queue()).await.unwrap()
}

#[tokio::test]
async fn messages_come_in_the_order_in_which_they_were_sent_and_once() {
    let world = World::new();
    let data = with_queue(&world, 5).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(send(&data, number).await);
    }
    let first = receive(&data, 3).await;
    let second = receive(&data, 10).await;
    let all: Vec<_> = first.iter().chain(&second).collect();
    assert_eq!(all.iter().map(|one| &one.message.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(all.iter().map(|one| body_json(&one.message.body)).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(all.iter().all(|one| one.message.attempts == 1 && one.message.event == "sf.queue"));
    assert_eq!(all.iter().map(|one| one.receipt).collect::<BTreeSet<_>>().len(), 5);
    assert_eq!(counts(&data).await, Counts { in_flight: 5, ..Counts::default() });
    data.finish(&app(), &queue(), all.iter().map(|one| one.receipt).collect(), vec![]).await.unwrap();
    assert_eq!(counts(&data).await, Counts::default());
}

#[tokio::test]
async fn a_delayed_message_waits_for_its_time() {
    let world = World::new();
    let data = with_queue(&world, 5).await;
    data.send(&app(), "jobs", Body::Bytes("late".into()), Duration::from_secs(10)).await.unwrap();
    assert_eq!(counts(&data).await, Counts { delayed: 1, ..Counts::default() });
    assert_eq!(data.next_ready_ms(&app(), &queue()).await.unwrap(), Some(world.now_ms() + 10_000));
    assert!(receive(&data, 1).await.is_empty());
    world.advance(Duration::from_secs(10));
    assert_eq!(counts(&data).await, Counts { ready: 1, ..Counts::default() });
    assert_eq!(receive(&data, 1).await[0].message.body, Body::Bytes("late".into()));
}

#[tokio::test]
async fn a_lease_that_ends_makes_the_message_ready_and_its_receipt_worthless() {
    let world = World::new();
    let data = with_queue(&world, 2).await;
    send(&data, 1).await;
    let first = receive(&data, 1).await.remove(0);
    assert_eq!(data.next_ready_ms(&app(), &queue()).await.unwrap(), Some(world.now_ms() + 30_000));
    world.advance(LEASE);
    assert_eq!(counts(&data).await, Counts { ready: 1, ..Counts::default() });
    data.finish(&app(), &queue(), vec![first.receipt], vec![]).await.unwrap();
    let second = receive(&data, 1).await.remove(0);
    assert_eq!((second.message.id, second.message.attempts), (first.message.id, 2));
    assert_ne!(second.receipt, first.receipt);
    data.finish(&app(), &queue(), vec![first.receipt], vec![]).await.unwrap();
    assert_eq!(counts(&data).await.in_flight, 1);
    // It had both its deliveries.
    world.advance(LEASE);
    assert_eq!(data.next_ready_ms(&app(), &queue()).await.unwrap(), None);
    assert_eq!(counts(&data).await, Counts { dead: 1, ..Counts::default() });
    assert_eq!(data.peek(&app(), &queue(), true, 10).await.unwrap().len(), 1);
    assert!(data.peek(&app(), &queue(), false, 10).await.unwrap().is_empty());
    assert!(receive(&data, 1).await.is_empty());
    let dead = data.peek(&app(), &queue(), true, 10).await.unwrap().remove(0);
    assert!(dead.last_error.unwrap().contains("lease"));
}

#[tokio::test]
async fn after_its_retries_a_message_is_dead_until_it_is_redriven_with_all_of_them() {
    let world = World::new();
    let data = with_queue(&world, 3).await;
    let id = send(&data, 7).await;
    for round in 0..2 {
        for attempt in 1..=3 {
            let delivery = receive(&data, 1).await.remove(0);
            assert_eq!((&delivery.message.id, delivery.message.attempts), (&id, attempt), "round {round}");
            fail(&data, delivery.receipt, Duration::from_secs(5)).await;
            assert!(receive(&data, 1).await.is_empty());
            world.advance(Duration::from_secs(5));
        }
        assert_eq!(counts(&data).await, Counts { dead: 1, ..Counts::default() });
        let dead = data.peek(&app(), &queue(), true, 10).await.unwrap().remove(0);
        assert_eq!(dead.last_error.as_deref(), Some("no luck"));
        assert_eq!(data.redrive(&app(), &queue()).await.unwrap(), 1);
    }
    assert_eq!(counts(&data).await, Counts { ready: 1, ..Counts::default() });
    assert_eq!(data.redrive(&app(), &queue()).await.unwrap(), 0);
}

#[tokio::test]
async fn with_one_retry_a_message_is_delivered_once() {
    let world = World::new();
    let data = with_queue(&world, 1).await;
    send(&data, 1).await;
    let delivery = receive(&data, 1).await.remove(0);
    fail(&data, delivery.receipt, Duration::ZERO).await;
    assert!(receive(&data, 1).await.is_empty());
    assert_eq!(counts(&data).await.dead, 1);
}

#[tokio::test]
async fn purging_leaves_what_is_being_handled() {
    let world = World::new();
    let data = with_queue(&world, 1).await;
    for number in 0..4 {
        send(&data, number).await;
    }
    let taken = receive(&data, 2).await;
    fail(&data, taken[0].receipt, Duration::ZERO).await;
    assert_eq!(data.purge(&app(), &queue(), false).await.unwrap(), 2);
    assert_eq!(counts(&data).await, Counts { in_flight: 1, dead: 1, ..Counts::default() });
    assert_eq!(data.purge(&app(), &queue(), true).await.unwrap(), 1);
    assert_eq!(counts(&data).await, Counts { in_flight: 1, ..Counts::default() });
}

#[tokio::test]
async fn peeking_takes_nothing_and_shows_the_oldest() {
    let world = World::new();
    let data = with_queue(&world, 5).await;
    for number in 0..4 {
        send(&data, number).await;
        world.advance(Duration::from_millis(1));
    }
    receive(&data, 1).await;
    let numbers = |messages: Vec<Message>| -> Vec<_> {
        messages.iter().map(|message| body_json(&message.body)).collect()
    };
    assert_eq!(numbers(data.peek(&app(), &queue(), false, 3).await.unwrap()), [0, 1, 2]);
    assert_eq!(counts(&data).await, Counts { ready: 3, in_flight: 1, ..Counts::default() });
}

#[tokio::test]
async fn opening_again_makes_what_was_being_handled_ready_with_its_attempt_counted() {
    let world = World::new();
    let data = with_queue(&world, 2).await;
    send(&data, 1).await;
    let before = receive(&data, 1).await.remove(0);
    drop(data);
    let data = world.open();
    assert_eq!(counts(&data).await, Counts { ready: 1, ..Counts::default() });
    let after = receive(&data, 1).await.remove(0);
    assert_eq!(after.message.attempts, 2);
    assert!(after.receipt > before.receipt);
    drop(data);
    // The second delivery was its last.
    let data = world.open();
    assert_eq!(counts(&data).await, Counts { dead: 1, ..Counts::default() });
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let world = World::new();
    let data = with_queue(&world, 5).await;
    let send = async |queue: &str, body: Body, delay: u64| {
        let delay = Duration::from_secs(delay);
        data.send(&app(), queue, body, delay).await.map_err(|error| error.kind)
    };
    let most = Body::Bytes(vec![0; 256 * 1024].into());
    send("jobs", most, 900).await.unwrap();
    assert_eq!(send("jobs", Body::Bytes(vec![0; 256 * 1024 + 1].into()), 0).await, Err(ErrorKind::TooLarge));
    assert_eq!(send("jobs", Body::Json("{".into()), 0).await, Err(ErrorKind::BadRequest));
    assert_eq!(send("jobs", Body::Json("1".into()), 901).await, Err(ErrorKind::BadRequest));
    assert_eq!(send("none", Body::Json("1".into()), 0).await, Err(ErrorKind::NotFound));
    let missing = data.counts(&app(), &Inbox::Subscription("jobs".into())).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert!(missing.message.contains("subscription `jobs`") && missing.message.contains("shop/dev"));
}

fn on_topic(name: &str, filter: &[(&str, &[&str])]) -> Subscription {
    let filter = filter
        .iter()
        .map(|(name, values)| ((*name).into(), values.iter().map(|value| (*value).into()).collect()))
        .collect();
    Subscription { name: name.into(), source: Source::Topic { topic: "news".into(), filter }, retries: 5 }
}

#[tokio::test]
async fn a_topics_message_reaches_each_subscription_whose_filter_matches() {
    let world = World::new();
    let data = world.open();
    data.define_topic(&app(), "news").await.unwrap();
    let subscriptions = vec![
        on_topic("all", &[]),
        on_topic("sport", &[("about", &["sport", "chess"])]),
        on_topic("local-sport", &[("about", &["sport"]), ("place", &["here"])]),
    ];
    data.set_subscriptions(&app(), subscriptions).await.unwrap();
    let publish = async |attributes: &[(&str, &str)]| {
        let attributes: BTreeMap<_, _> =
            attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        data.publish(&app(), "news", Body::Json("1".into()), attributes).await.unwrap()
    };
    let plain = publish(&[]).await;
    let chess = publish(&[("about", "chess"), ("place", "here")]).await;
    let sport = publish(&[("about", "sport"), ("place", "here"), ("other", "x")]).await;
    let ids = async |name: &str| -> Vec<String> {
        let inbox = Inbox::Subscription(name.into());
        let messages = data.peek(&app(), &inbox, false, 10).await.unwrap();
        messages.into_iter().map(|message| message.id).collect()
    };
    assert_eq!(ids("all").await, [plain, chess.clone(), sport.clone()]);
    assert_eq!(ids("sport").await, [chess, sport.clone()]);
    assert_eq!(ids("local-sport").await, [sport]);
    let one = data.receive(&app(), &Inbox::Subscription("local-sport".into()), 1, LEASE).await.unwrap();
    assert_eq!(one[0].message.event, "sf.topic");
    assert_eq!(one[0].message.attributes.get("place").map(String::as_str), Some("here"));
}

#[tokio::test]
async fn a_subscription_that_stays_keeps_its_messages_and_others_lose_theirs() {
    let world = World::new();
    let data = world.open();
    data.define_topic(&app(), "news").await.unwrap();
    data.set_subscriptions(&app(), vec![on_topic("a", &[]), on_topic("b", &[])]).await.unwrap();
    data.publish(&app(), "news", Body::Json("1".into()), BTreeMap::new()).await.unwrap();
    data.set_subscriptions(&app(), vec![on_topic("a", &[("x", &["y"])])]).await.unwrap();
    data.publish(&app(), "news", Body::Json("2".into()), BTreeMap::new()).await.unwrap();
    let count = async |name: &str| {
        let counts = data.counts(&app(), &Inbox::Subscription(name.into())).await;
        counts.map(|counts| counts.ready).map_err(|error| error.kind)
    };
    assert_eq!(count("a").await, Ok(1));
    assert_eq!(count("b").await, Err(ErrorKind::NotFound));
    data.set_subscriptions(&app(), vec![on_topic("a", &[]), on_topic("b", &[])]).await.unwrap();
    assert_eq!((count("a").await, count("b").await), (Ok(1), Ok(0)));
    let twice = data.set_subscriptions(&app(), vec![on_topic("a", &[]), on_topic("a", &[])]).await;
    assert_eq!(twice.unwrap_err().kind, ErrorKind::BadRequest);
}

#[tokio::test]
async fn arrivals_change_with_what_may_be_ready_and_with_nothing_else() {
    let world = World::new();
    let data = with_queue(&world, 5).await;
    let mut arrivals = data.arrivals();
    assert!(!arrivals.has_changed().unwrap());
    send(&data, 1).await;
    assert!(arrivals.has_changed().unwrap());
    arrivals.mark_unchanged();
    let delivery = receive(&data, 1).await.remove(0);
    assert!(!arrivals.has_changed().unwrap());
    fail(&data, delivery.receipt, Duration::from_secs(1)).await;
    assert!(arrivals.has_changed().unwrap());
    arrivals.mark_unchanged();
    data.send(&app(), "none", Body::Json("1".into()), Duration::ZERO).await.unwrap_err();
    assert!(!arrivals.has_changed().unwrap());
}
