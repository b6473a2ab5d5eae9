//! Aliases and what hangs on them.

use serde_json::json;

use super::Thing;
use super::zips::{ALIAS, alias, deployed, function};
use crate::oracle::aws;

#[tokio::test]
async fn an_alias_lives() {
    let Some(mut aws) = aws().await else { return };
    let (_, made, live) = deployed(&mut aws).await;
    aws.change(&made, &function(&json!({ "MemorySize": 512 }))).await;
    aws.delete(&alias("1", &json!({})).key, &live).await;
    let rollout = json!({ "Rollout": { "Kind": "canary", "Steps": [10, 50], "EverySeconds": 300 } });
    aws.live_through(&alias("1", &rollout), &alias("2", &json!({})), &["UpdateAlias"]).await;
    aws.survives_a_lost_answer(&alias("1", &rollout), "CreateAlias").await;
    aws.survives_a_lost_answer(&alias("1", &rollout), "DeleteAlias").await;
}

#[tokio::test]
async fn a_rollout_that_alone_changes_moves_nothing() {
    let Some(mut aws) = aws().await else { return };
    let (_, _, live) = deployed(&mut aws).await;
    aws.clear_log().await;
    let rollout = json!({ "Rollout": { "Kind": "linear", "Steps": [25, 50, 75], "EverySeconds": 60 } });
    aws.change(&live, &alias("1", &rollout)).await;
    assert_eq!(aws.mutations().await, ["UpdateAlias"]);
}

#[tokio::test]
async fn instances_are_kept_ready() {
    let Some(mut aws) = aws().await else { return };
    deployed(&mut aws).await;
    let warm = |instances: u32| {
        let inputs = json!({ "Alias": ALIAS, "ProvisionedConcurrentExecutions": instances });
        Thing::new("warm", "hello", inputs)
    };
    aws.live_through(&warm(1), &warm(2), &["PutProvisionedConcurrencyConfig"]).await;
    aws.survives_a_lost_answer(&warm(1), "PutProvisionedConcurrencyConfig").await;
}

#[tokio::test]
async fn what_failed_goes_to_a_queue() {
    let Some(mut aws) = aws().await else { return };
    deployed(&mut aws).await;
    let queue = json!({ "QueueName": "shop-dev-hello-failed", "MessageRetentionPeriod": 1_209_600 });
    aws.make(&Thing::new("failure-queue", "hello", queue)).await;
    let config = |attempts: u32| {
        let queue = "arn:{aws:partition}:sqs:{aws:region}:{aws:account}:shop-dev-hello-failed";
        let inputs = json!({ "Alias": ALIAS, "MaximumRetryAttempts": attempts, "OnFailure": queue });
        Thing::new("invoke-config", "hello", inputs)
    };
    aws.live_through(&config(2), &config(0), &["PutFunctionEventInvokeConfig"]).await;
    aws.survives_a_lost_answer(&config(2), "PutFunctionEventInvokeConfig").await;
}

#[tokio::test]
async fn a_function_has_an_address() {
    let Some(mut aws) = aws().await else { return };
    deployed(&mut aws).await;
    let url = json!({ "Alias": ALIAS, "AuthType": "NONE", "InvokeMode": "BUFFERED" });
    let mut with_cors = url.clone();
    with_cors["Cors"] =
        json!({ "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET"], "MaxAge": 60 });
    let [url, with_cors] = [url, with_cors].map(|inputs| Thing::new("url", "hello", inputs));
    aws.live_through(&url, &with_cors, &["UpdateFunctionUrlConfig"]).await;
    aws.live_through(&with_cors, &url, &["UpdateFunctionUrlConfig"]).await;
    aws.survives_a_lost_answer(&url, "CreateFunctionUrlConfig").await;
}

/// What `what` may do.
fn permission(what: &str, id: &str, differing: &serde_json::Value) -> Thing {
    let mut inputs = json!({
        "Alias": ALIAS,
        "StatementId": id,
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    });
    for (name, value) in differing.as_object().unwrap() {
        inputs[name] = value.clone();
    }
    Thing::new("permission", &format!("hello:{what}"), inputs)
}

#[tokio::test]
async fn a_permission_lives() {
    let Some(mut aws) = aws().await else { return };
    deployed(&mut aws).await;
    let before = "arn:{aws:partition}:execute-api:{aws:region}:{aws:account}:";
    let with = |source: serde_json::Value| {
        permission("GET /a/{id}", "sf-GET_20_2fa_2f_7bid_7d", &json!({ "SourceArn": source }))
    };
    let route = with(json!([before, "abcd1234", "/live/GET/a/{id}"]));
    let other = with(json!(format!("{before}abcd5678/live/GET/a/*")));
    // A discovered one does not know of which parts its text was made.
    let whole = with(json!(format!("{before}abcd1234/live/GET/a/{{id}}")));
    aws.live_through(&whole, &other, &["RemovePermission", "AddPermission"]).await;
    aws.survives_a_lost_answer(&route, "AddPermission").await;
    aws.survives_a_lost_answer(&route, "RemovePermission").await;
    let bucket = json!({
        "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:{aws:partition}:s3:::shop-dev-portraits-{aws:suffix}",
        "SourceAccount": "{aws:account}",
    });
    aws.make(&permission("bucket/portraits", "sf-bucket_2fportraits", &bucket)).await;
}

#[tokio::test]
async fn both_permissions_of_an_address_are_read_back() {
    let Some(mut aws) = aws().await else { return };
    deployed(&mut aws).await;
    let to_url =
        json!({ "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE" });
    aws.make(&permission("url", "sf-url", &to_url)).await;
    let through = json!({ "Principal": "*", "InvokedViaFunctionUrl": true });
    let through = permission("url-function", "sf-url-function", &through);
    let made = aws.make(&through).await;
    aws.delete(&through.key, &made).await;
    aws.assert_no_warnings().await;
}
