//! What holds something: buckets, queues, topics, tables, secrets.

use serde_json::json;
use sf_plan::{CallAction, Outcome};
use sf_provider::Driver as _;

use super::Thing;
use crate::oracle::aws;

#[tokio::test]
async fn a_queue_lives() {
    let Some(aws) = aws().await else { return };
    let dead = Thing::new(
        "dead-letters",
        "mail",
        json!({ "QueueName": "shop-dev-mail-dead", "MessageRetentionPeriod": 1_209_600 }),
    );
    aws.make(&dead).await;
    let arn = "arn:{aws:partition}:sqs:{aws:region}:{aws:account}:shop-dev-mail-dead";
    let inputs = |visibility: u64, team: &str| {
        json!({
            "QueueName": "shop-dev-mail",
            "VisibilityTimeout": visibility,
            "MessageRetentionPeriod": 345_600,
            "DeadLetters": arn,
            "MaxReceiveCount": 5,
            "Tags": { "team": team },
        })
    };
    let queue = Thing::new("queue", "mail", inputs(30, "market"));
    let changed = queue.changed(inputs(60, "post"));
    aws.live_through(&queue, &changed, &["SetQueueAttributes", "TagQueue"]).await;
    // It was deleted a moment ago.
    aws.survives_a_lost_answer(&queue, "CreateQueue").await;
}

#[tokio::test]
async fn what_is_somebody_elses_is_left_alone() {
    let Some(aws) = aws().await else { return };
    let inputs = json!({ "QueueName": "shop-dev-mail", "MessageRetentionPeriod": 345_600 });
    let theirs = Thing::new("dead-letters", "theirs", inputs.clone());
    let made = aws.make(&theirs).await;
    let ours = Thing::new("dead-letters", "ours", inputs);
    aws.clear_log().await;
    // `adopt` takes what the scope owns; the queue is another object's.
    let outcome = aws.call(&ours.key, CallAction::Delete { prior: made.clone() }).await;
    assert_eq!(outcome, Outcome::Deleted);
    assert_eq!(aws.mutations().await, Vec::<String>::new());
    let mut cx = aws.cx.clone();
    cx.scope.project = "other".into();
    assert_eq!(aws.driver.read(&cx, &theirs.key, &made).await.unwrap(), None);
    assert!(aws.driver.discover(&cx).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_topic_lives() {
    let Some(aws) = aws().await else { return };
    let topic = Thing::new(
        "topic",
        "projects",
        json!({ "Name": "shop-dev-projects", "Tags": { "a": "1", "b": "2" } }),
    );
    let changed = topic.changed(json!({ "Name": "shop-dev-projects", "Tags": { "a": "2" } }));
    aws.live_through(&topic, &changed, &["TagResource", "UntagResource"]).await;
    aws.survives_a_lost_answer(&topic, "CreateTopic").await;
}

#[tokio::test]
async fn a_table_lives() {
    let Some(aws) = aws().await else { return };
    let inputs = |more: serde_json::Value| {
        let mut inputs = json!({
            "TableName": "shop-dev-messages",
            "KeySchema": [
                { "AttributeName": "room", "KeyType": "HASH" },
                { "AttributeName": "at", "KeyType": "RANGE" },
            ],
            "AttributeDefinitions": [
                { "AttributeName": "room", "AttributeType": "S" },
                { "AttributeName": "at", "AttributeType": "N" },
            ],
        });
        for (name, value) in more.as_object().unwrap() {
            inputs[name] = value.clone();
        }
        inputs
    };
    let table = Thing::new("table", "messages", inputs(json!({ "TimeToLive": "expires-at" })));
    let changed =
        table.changed(inputs(json!({ "StreamViewType": "NEW_AND_OLD_IMAGES", "Tags": { "a": "b" } })));
    aws.live_through(&table, &changed, &["UpdateTable", "UpdateTimeToLive", "TagResource"]).await;
    aws.survives_a_lost_answer(&table, "CreateTable").await;
    aws.survives_a_lost_answer(&table, "UpdateTimeToLive").await;
    aws.survives_a_lost_answer(&table, "DeleteTable").await;
}

#[tokio::test]
async fn a_table_says_where_its_stream_is_while_it_has_one() {
    let Some(aws) = aws().await else { return };
    let inputs = json!({
        "TableName": "shop-dev-t",
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    let mut without = inputs.clone();
    without.as_object_mut().unwrap().remove("StreamViewType");
    let table = Thing::new("table", "t", inputs);
    let made = aws.make(&table).await;
    assert!(made.outputs["stream"].as_str().unwrap().contains("/stream/"), "{made:?}");
    let without = aws.change(&made, &table.changed(without)).await;
    assert_eq!(without.outputs.get("stream"), None);
}

#[tokio::test]
async fn a_secret_lives() {
    let Some(aws) = aws().await else { return };
    let secret = Thing::new("secret", "smtp-password", json!({ "Name": "shop/dev/smtp-password" }));
    let changed = secret.changed(json!({ "Name": "shop/dev/smtp-password", "Tags": { "a": "b" } }));
    aws.live_through(&secret, &changed, &["TagResource"]).await;
    aws.survives_a_lost_answer(&secret, "CreateSecret").await;
}

#[tokio::test]
async fn a_bucket_lives_and_is_emptied() {
    let Some(aws) = aws().await else { return };
    let name = "shop-dev-portraits-{aws:suffix}";
    let bucket = Thing::new("bucket", "portraits", json!({ "Bucket": name }));
    let changed = bucket.changed(json!({ "Bucket": name, "Tags": { "a": "b" } }));
    aws.live_through(&bucket, &changed, &["PutBucketTagging"]).await;
    aws.survives_a_lost_answer(&bucket, "CreateBucket").await;
    aws.survives_a_lost_answer(&bucket, "PutBucketTagging").await;
    let made = aws.make(&bucket).await;
    let physical = aws.state().await["buckets"][0].as_str().unwrap().to_owned();
    for key in ["a", "b c/d+e", "한글 & <x>"] {
        aws.put_object(&physical, key).await;
    }
    aws.delete(&bucket.key, &made).await;
    assert_eq!(aws.state().await["buckets"], json!([]));
}

#[tokio::test]
async fn artifacts_are_versioned_and_emptied_with_all_versions() {
    let Some(aws) = aws().await else { return };
    let name = "shop-dev-sf-artifacts-{aws:suffix}";
    let artifacts = Thing::new("artifacts", "artifacts", json!({ "Bucket": name }));
    aws.clear_log().await;
    let made = aws.make(&artifacts).await;
    assert_eq!(
        aws.mutations().await,
        [
            "CreateBucket",
            "PutBucketTagging",
            "PutPublicAccessBlock",
            "PutBucketEncryption",
            "PutBucketLifecycleConfiguration",
            "PutBucketVersioning"
        ]
    );
    let physical = made.outputs["bucket"].as_str().unwrap().to_owned();
    assert_eq!(physical, name);
    let physical = aws.state().await["buckets"][0].as_str().unwrap().to_owned();
    for _ in 0..3 {
        aws.put_object(&physical, "a.zip").await;
    }
    aws.delete(&artifacts.key, &made).await;
    aws.assert_no_warnings().await;
    assert_eq!(aws.state().await["buckets"], json!([]));
}
