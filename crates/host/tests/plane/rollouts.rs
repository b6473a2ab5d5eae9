//! Releases that take over in steps, with real functions.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sf_host_api::{InvokeRequest, RolloutState};

use crate::support::{World, call, is_empty, refusal};

/// A function that answers with its marker and reads a queue.
async fn deployed() -> World {
    let mut world = World::new().await;
    world.put_function_with("work", json!({}), json!({ "MARKER": "old" })).await;
    world.put("queue", "jobs", json!({ "retries": 3 })).await;
    world.subscribe("work", "work", json!({ "kind": "queue", "queue": "jobs", "batch": 1 })).await;
    world.release().await;
    world.put_function_with("work", json!({}), json!({ "MARKER": "new" })).await;
    world
}

fn steps(percent: u8, seconds: u64) -> Value {
    json!({ "work": { "kind": "canary", "steps": [percent], "every-ms": seconds * 1000 } })
}

async fn marker(world: &World) -> String {
    world.environment("work").await["MARKER"].as_str().unwrap().to_owned()
}

/// The revisions that answer some calls.
async fn markers(world: &World) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for _ in 0..50 {
        found.insert(marker(world).await);
    }
    found
}

async fn state(world: &World) -> RolloutState {
    world.app.rollout().await.unwrap().unwrap().state
}

#[tokio::test]
async fn two_revisions_answer_until_it_is_taken_back_also_after_a_restart() {
    let mut world = deployed().await;
    let old = world.app.rollout().await.unwrap().unwrap();
    let begun = world.roll_out(steps(50, 3600)).await;
    assert_eq!((begun.state, begun.functions[0].percent), (RolloutState::UnderWay, 50));
    let both = BTreeSet::from(["new".to_owned(), "old".to_owned()]);
    assert_eq!(markers(&world).await, both);
    let release = world.app.resource("release", "current").await.unwrap().unwrap();
    assert_eq!(
        (release.revision.as_str(), release.outputs["rollout"].as_str()),
        (old.revision.as_str(), Some(begun.revision.as_str()))
    );
    world.restart().await;
    assert_eq!(markers(&world).await, both);
    let joined = world.roll_out(steps(50, 3600)).await;
    assert_eq!((joined.state, &joined.revision), (RolloutState::UnderWay, &begun.revision));
    let back = world.app.take_back().await.unwrap().unwrap();
    assert_eq!((back.state, back.cause.unwrap().code.as_str()), (RolloutState::Back, "interrupted"));
    assert_eq!(markers(&world).await, BTreeSet::from(["old".to_owned()]));
    world.restart().await;
    assert_eq!((state(&world).await, marker(&world).await.as_str()), (RolloutState::Back, "old"));
    // A release that is put as any other takes over at once.
    world.release().await;
    assert_eq!((state(&world).await, marker(&world).await.as_str()), (RolloutState::Done, "new"));
}

#[tokio::test]
async fn the_first_error_takes_it_back_and_the_message_comes_again_to_the_old_revision() {
    let mut world = deployed().await;
    world.roll_out(steps(99, 3600)).await;
    let failed = loop {
        call(&world.app, "/queues/jobs/messages", json!(1)).await.unwrap();
        let event = world.event().await;
        match event.header("x-marker") {
            "new" => break event,
            _ => event.succeed(),
        }
    };
    let id = failed.ids();
    failed.fail();
    let taken_back = async {
        while state(&world).await != RolloutState::Back {
            tokio::task::yield_now().await;
        }
    };
    crate::support::soon("its end", taken_back).await;
    let status = world.app.rollout().await.unwrap().unwrap();
    let cause = status.cause.unwrap();
    assert_eq!(cause.code, "rollout-failed");
    assert!(cause.message.starts_with("the new version of function `work` had 1 error in"), "{cause}");
    world.advance(600).await;
    let again = world.event().await;
    assert_eq!((again.header("x-marker"), again.ids()), ("old", id));
    again.succeed();
    world.inbox_until("queue", "jobs", is_empty).await;
    assert_eq!(markers(&world).await, BTreeSet::from(["old".to_owned()]));
}

#[tokio::test]
async fn the_last_step_ends_with_the_release() {
    let mut world = deployed().await;
    let begun =
        world.roll_out(json!({ "work": { "kind": "linear", "steps": [30, 60], "every-ms": 50 } })).await;
    let done = async {
        while state(&world).await != RolloutState::Done {
            // Somebody calls all the time.
            let answer = world.app.invoke("work", &InvokeRequest { payload: json!(null) }).await.unwrap();
            assert!(answer.ok, "{answer:?}");
        }
    };
    crate::support::soon("the release", done).await;
    let release = world.app.resource("release", "current").await.unwrap().unwrap();
    assert_eq!((release.revision, release.outputs.get("rollout")), (begun.revision, None));
    assert_eq!(markers(&world).await, BTreeSet::from(["new".to_owned()]));
    world.restart().await;
    assert_eq!(marker(&world).await, "new");
}

#[tokio::test]
async fn what_does_not_change_in_steps_is_released_at_once() {
    let mut world = World::new().await;
    world.put_function_with("work", json!({}), json!({ "MARKER": "old" })).await;
    assert_eq!(world.app.rollout().await.unwrap(), None);
    // The first release of all, one that changes other things, and one that rolls out what is not there.
    assert_eq!(world.roll_out(steps(10, 3600)).await.state, RolloutState::Done);
    world.put_function_with("other", json!({}), json!({})).await;
    assert_eq!(world.roll_out(steps(10, 3600)).await.state, RolloutState::Done);
    world.forget("function/work");
    assert_eq!(refusal(world.try_roll_out(steps(10, 3600)).await), (400, "unknown-function".into()));
    assert_eq!(marker(&world).await, "old");
}

#[tokio::test]
async fn what_a_rollout_needs_is_not_deleted_and_ends_with_the_release() {
    let mut world = deployed().await;
    world.put("topic", "news", json!({})).await;
    world.roll_out(steps(50, 3600)).await;
    assert_eq!(refusal(world.app.delete_resource("topic", "news").await), (409, "in-use".into()));
    // A later revision does not take the rollout's away.
    world.put_function_with("work", json!({}), json!({ "MARKER": "newer" })).await;
    world.restart().await;
    assert_eq!(markers(&world).await, BTreeSet::from(["new".to_owned(), "old".to_owned()]));
    assert!(world.app.delete_resource("release", "current").await.unwrap());
    assert_eq!(world.app.rollout().await.unwrap(), None);
    world.restart().await;
    assert_eq!(world.app.rollout().await.unwrap(), None);
}
