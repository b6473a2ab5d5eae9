//! What calls functions: event sources, subscriptions, notifications.

use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::Thing;
use crate::oracle::{Aws, aws};

const ACCOUNT: &str = "{aws:partition}:lambda:{aws:region}:{aws:account}";

fn alias(function: &str) -> String {
    format!("arn:{ACCOUNT}:function:{function}:live")
}

impl Aws {
    /// A function with the alias `live` that may do everything with queues and tables, tagged as `function/NAME`.
    async fn make_function(&self, name: &str) -> String {
        let physical = format!("shop-dev-{name}");
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "Service": "lambda.amazonaws.com" } }] });
        let rights = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": "*",
            "Action": ["sqs:*", "dynamodb:*"] }] });
        self.iam("CreateRole", &[("RoleName", &physical), ("AssumeRolePolicyDocument", &trust.to_string())])
            .await;
        let policy = rights.to_string();
        self.iam(
            "PutRolePolicy",
            &[("RoleName", &physical), ("PolicyName", "uses"), ("PolicyDocument", &policy)],
        )
        .await;
        let created = self
            .eventually("POST", "/2015-03-31/functions", &json!({
                "FunctionName": physical,
                "Role": format!("arn:aws:iam::000000000000:role/{physical}"),
                "Runtime": "python3.13",
                "Handler": "main.handler",
                "Code": { "ZipFile": base64::engine::general_purpose::STANDARD.encode(zip()) },
                "Tags": { "sf:project": "shop", "sf:stage": "dev", "sf:object": format!("function/{name}") },
            }))
            .await;
        let alias = json!({ "Name": "live", "FunctionVersion": "$LATEST" });
        self.eventually("POST", &format!("/2015-03-31/functions/{physical}/aliases"), &alias).await;
        created["FunctionArn"].as_str().unwrap().to_owned()
    }

    async fn may_be_called_by(&self, function: &str, principal: &str, source: &str) {
        let path = format!("/2015-03-31/functions/shop-dev-{function}/policy?Qualifier=live");
        let permission = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": principal,
            "SourceArn": source, "SourceAccount": "000000000000" });
        self.eventually("POST", &path, &permission).await;
    }

    async fn iam(&self, action: &str, params: &[(&str, &str)]) {
        let form: Vec<_> =
            [("Action", action), ("Version", "2010-05-08")].iter().chain(params).copied().collect();
        let body = serde_urlencoded(&form);
        let request = self
            .http
            .post(format!("{}/", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.raw("iam", request).await.error_for_status().unwrap();
    }

    /// Asks Lambda until roles and functions are as far as they need to be.
    async fn eventually(&self, method: &str, path: &str, body: &Json) -> Json {
        let begin = Instant::now();
        loop {
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let request = self.http.request(method, format!("{}{path}", self.url)).json(body);
            let answer = self.raw("lambda", request).await;
            let status = answer.status();
            let text = answer.text().await.unwrap();
            if status.is_success() {
                return serde_json::from_str(&text).unwrap();
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{path}: {text}");
        }
    }
}

fn serde_urlencoded(pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap().to_owned()
}

fn zip() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("main.py", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"def handler(event, context):\n    return event\n").unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn an_event_source_of_a_queue_lives() {
    let Some(aws) = aws().await else { return };
    let queue = Thing::new(
        "queue",
        "mail",
        json!({
            "QueueName": "shop-dev-mail", "VisibilityTimeout": 30, "MessageRetentionPeriod": 345_600,
        }),
    );
    aws.make(&queue).await;
    aws.make_function("send").await;
    let inputs = |batch: u32, tags: Json| {
        json!({
            "Alias": alias("shop-dev-send"),
            "EventSourceArn": "arn:{aws:partition}:sqs:{aws:region}:{aws:account}:shop-dev-mail",
            "BatchSize": batch,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "Tags": tags,
        })
    };
    let source = Thing::new("event-source", "send-1a2b3c4d", inputs(10, json!({ "a": "1", "b": "2" })));
    let changed = source.changed(inputs(5, json!({ "a": "1" })));
    aws.clear_log().await;
    aws.live_through(&source, &changed, &["UpdateEventSourceMapping", "UntagResource"]).await;
    aws.survives_a_lost_answer(&source, "CreateEventSourceMapping").await;
}

#[tokio::test]
async fn an_event_source_of_a_table_lives() {
    let Some(aws) = aws().await else { return };
    let table = Thing::new(
        "table",
        "profiles",
        json!({
            "TableName": "shop-dev-profiles",
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }),
    );
    let stream = aws.make(&table).await.outputs["stream"].clone();
    let failures = Thing::new(
        "failure-queue",
        "index",
        json!({
            "QueueName": "shop-dev-index-failed", "MessageRetentionPeriod": 1_209_600,
        }),
    );
    let failures = aws.make(&failures).await.outputs["arn"].clone();
    aws.make_function("index").await;
    let mut inputs = json!({
        "Alias": alias("shop-dev-index"),
        "EventSourceArn": stream,
        "BatchSize": 10,
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 4,
        "OnFailure": failures,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": true,
    });
    let source = Thing::new("event-source", "index-1a2b3c4d", inputs.clone());
    inputs["MaximumRetryAttempts"] = 2.into();
    let changed = source.changed(inputs);
    aws.clear_log().await;
    aws.live_through(&source, &changed, &["UpdateEventSourceMapping"]).await;
}

#[tokio::test]
async fn a_subscription_lives() {
    let Some(aws) = aws().await else { return };
    let topic = aws.make(&Thing::new("topic", "projects", json!({ "Name": "shop-dev-projects" }))).await;
    aws.make_function("announce").await;
    aws.may_be_called_by(
        "announce",
        "sns.amazonaws.com",
        "arn:aws:sns:eu-west-1:000000000000:shop-dev-projects",
    )
    .await;
    let inputs = |filter: Json| {
        let mut inputs = json!({ "Topic": topic.outputs["arn"], "Alias": alias("shop-dev-announce") });
        if !filter.is_null() {
            inputs["FilterPolicy"] = filter;
        }
        inputs
    };
    // As `names` makes it of function and topic, for it cannot be tagged.
    let name = "announce-8458459f";
    let subscription = Thing::new("subscription", name, inputs(json!({ "kind": ["new"] })));
    let changed = subscription.changed(inputs(Json::Null));
    aws.clear_log().await;
    aws.live_through(&subscription, &changed, &["SetSubscriptionAttributes"]).await;
    aws.survives_a_lost_answer(&subscription, "Subscribe").await;
}

#[tokio::test]
async fn a_notification_lives() {
    let Some(aws) = aws().await else { return };
    let name = "shop-dev-portraits-{aws:suffix}";
    let bucket = Thing::new("bucket", "portraits", json!({ "Bucket": name }));
    let made = aws.make(&bucket).await;
    aws.make_function("thumbnail").await;
    let physical = aws.state().await["buckets"][0].as_str().unwrap().to_owned();
    aws.may_be_called_by("thumbnail", "s3.amazonaws.com", &format!("arn:aws:s3:::{physical}")).await;
    let inputs = |suffix: &str| {
        json!({
            "Bucket": name,
            "Functions": [
                { "Id": "thumbnail-1", "Alias": alias("shop-dev-thumbnail"), "Events": ["s3:ObjectCreated:*"],
                  "Prefix": "in/", "Suffix": suffix },
                { "Id": "thumbnail-2", "Alias": alias("shop-dev-thumbnail"), "Events": ["s3:ObjectRemoved:*"] },
            ],
        })
    };
    let notification = Thing::new("notification", "portraits", inputs(".png"));
    let changed = notification.changed(inputs(".jpg"));
    aws.clear_log().await;
    aws.live_through(&notification, &changed, &["PutBucketNotificationConfiguration"]).await;
    let told = aws.make(&notification).await;
    aws.delete(&bucket.key, &made).await;
    aws.delete(&notification.key, &told).await;
}
