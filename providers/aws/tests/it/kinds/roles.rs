//! Roles and log groups.

use serde_json::json;

use super::Thing;
use super::zips::{log_group, role};
use crate::oracle::aws;

#[tokio::test]
async fn a_role_lives() {
    let Some(aws) = aws().await else { return };
    let role = role(&["logs:PutLogEvents"]);
    let mut changed = super::zips::role(&["logs:CreateLogStream", "logs:PutLogEvents"]);
    changed.tag("team", "market");
    aws.live_through(&role, &changed, &["PutRolePolicy", "TagRole"]).await;
    aws.survives_a_lost_answer(&role, "CreateRole").await;
    aws.survives_a_lost_answer(&role, "PutRolePolicy").await;
    aws.survives_a_lost_answer(&role, "DeleteRolePolicy").await;
    aws.survives_a_lost_answer(&role, "DeleteRole").await;
}

#[tokio::test]
async fn a_role_that_may_do_nothing_has_no_policy() {
    let Some(aws) = aws().await else { return };
    let with = |statement: serde_json::Value| {
        let inputs = json!({
            "RoleName": "shop-dev-schedules",
            "Path": "/sf/shop/dev/",
            "Service": "scheduler.amazonaws.com",
            "Statement": statement,
        });
        Thing::new("role", ":schedules", inputs)
    };
    let function = "arn:{aws:partition}:lambda:{aws:region}:{aws:account}:function:shop-dev-hello:live";
    let able = json!([{ "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [function] }]);
    aws.live_through(&with(able), &with(json!([])), &["DeleteRolePolicy"]).await;
}

#[tokio::test]
async fn a_resource_in_parts_is_one() {
    let Some(aws) = aws().await else { return };
    let with = |resource: serde_json::Value| {
        let statement = [
            json!({ "Effect": "Allow", "Action": ["execute-api:ManageConnections"], "Resource": [resource] }),
        ];
        let inputs = json!({
            "RoleName": "shop-dev-chat",
            "Path": "/sf/shop/dev/",
            "Service": "lambda.amazonaws.com",
            "Statement": statement,
        });
        Thing::new("role", "chat", inputs)
    };
    let before = "arn:{aws:partition}:execute-api:{aws:region}:{aws:account}:";
    let whole = aws.make(&with(json!(format!("{before}abcd1234/live/*")))).await;
    aws.clear_log().await;
    aws.change(&whole, &with(json!([before, "abcd1234", "/live/*"]))).await;
    assert_eq!(aws.mutations().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_group_lives() {
    let Some(aws) = aws().await else { return };
    let group = log_group();
    let mut changed = Thing::new(
        "log-group",
        "hello",
        json!({ "LogGroupName": "/aws/lambda/shop-dev-hello", "RetentionInDays": 30 }),
    );
    changed.tag("team", "market");
    aws.live_through(&group, &changed, &["PutRetentionPolicy", "TagResource"]).await;
    aws.survives_a_lost_answer(&group, "CreateLogGroup").await;
    aws.survives_a_lost_answer(&group, "PutRetentionPolicy").await;
    let for_ever = Thing::new("log-group", "hello", json!({ "LogGroupName": "/aws/lambda/shop-dev-hello" }));
    aws.live_through(&group, &for_ever, &["DeleteRetentionPolicy"]).await;
}

#[tokio::test]
async fn a_log_group_that_lambda_made_is_taken_over() {
    let Some(aws) = aws().await else { return };
    let create = aws
        .http
        .post(&aws.url)
        .header("x-amz-target", "Logs_20140328.CreateLogGroup")
        .header("content-type", "application/x-amz-json-1.1")
        .body(json!({ "logGroupName": "/aws/lambda/shop-dev-hello" }).to_string());
    aws.raw("logs", create).await.error_for_status().unwrap();
    let group = aws.make(&log_group()).await;
    let theirs = Thing::new("log-group", "theirs", json!({ "LogGroupName": "/aws/lambda/shop-dev-hello" }));
    let mut cx = aws.cx.clone();
    cx.scope.project = "other".into();
    let refused = aws.call_in(&cx, &theirs).await;
    assert!(refused.contains("not-ours"), "{refused}");
    aws.delete(&log_group().key, &group).await;
}
