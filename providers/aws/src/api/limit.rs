//! How often each API may be asked: buckets of tokens, filled at the rates that AWS publishes for an account.
//!
//! Asking too often is answered by throttling, which costs a round trip and a pause; waiting here costs the wait alone.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::service::{Operation, Service};

/// Requests a second, and at once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    per_second: f64,
    burst: f64,
}

/// Which operations share a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Quota {
    ApiGateway,
    Iam,
    LambdaControl,
    LambdaRead,
    LambdaPolicy,
    LogGroups,
    LogTags,
    DynamoDbTables,
    Scheduler,
    SecretsManager,
    Sns,
    SqsControl,
}

/// `None`: not limited here.
fn quota(operation: Operation) -> Option<Quota> {
    Some(match (operation.service, operation.name) {
        (Service::Lambda, "Invoke") => return None,
        (Service::Lambda, "GetFunction") => Quota::LambdaRead,
        (Service::Lambda, "GetPolicy") => Quota::LambdaPolicy,
        (Service::Lambda, _) => Quota::LambdaControl,
        (Service::ApiGateway, _) => Quota::ApiGateway,
        (Service::Iam, _) => Quota::Iam,
        (Service::Logs, "TagResource" | "UntagResource") => Quota::LogTags,
        (Service::Logs, name)
            if name.ends_with("LogGroup") || name.contains("Retention") || name == "DescribeLogGroups" =>
        {
            Quota::LogGroups
        }
        (Service::DynamoDb, name)
            if name.ends_with("Table") || name == "UpdateTimeToLive" || name == "TagResource" =>
        {
            Quota::DynamoDbTables
        }
        (Service::Scheduler, _) => Quota::Scheduler,
        (Service::SecretsManager, name) if name != "GetSecretValue" => Quota::SecretsManager,
        (Service::Sns, name) if name != "Publish" => Quota::Sns,
        (Service::Sqs, "CreateQueue" | "DeleteQueue" | "SetQueueAttributes" | "TagQueue" | "UntagQueue") => {
            Quota::SqsControl
        }
        _ => return None,
    })
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>; a cautious guess where none is published.
fn rate(quota: Quota) -> Rate {
    let (per_second, burst) = match quota {
        Quota::ApiGateway => (10.0, 40.0),
        Quota::Iam => (15.0, 30.0),
        Quota::LambdaControl | Quota::LambdaPolicy => (15.0, 15.0),
        Quota::LambdaRead => (100.0, 100.0),
        Quota::LogGroups => (10.0, 10.0),
        Quota::LogTags => (5.0, 5.0),
        Quota::DynamoDbTables | Quota::Scheduler | Quota::SecretsManager => (50.0, 50.0),
        Quota::Sns | Quota::SqsControl => (30.0, 30.0),
    };
    Rate { per_second, burst }
}

/// The buckets of one client.
#[derive(Debug, Default)]
pub(super) struct Limits {
    buckets: Mutex<BTreeMap<Quota, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero when requests wait.
    tokens: f64,
    at: Instant,
}

impl Limits {
    /// Waits for the request's turn.
    pub(super) async fn turn(&self, operation: Operation) {
        let Some(quota) = quota(operation) else { return };
        let wait = self.take(quota, 1.0).await;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// AWS throttled: somebody else uses the same account, or the quota is lower than was thought. Everybody slows down.
    pub(super) async fn throttled(&self, operation: Operation) {
        let Some(quota) = quota(operation) else { return };
        let mut buckets = self.buckets.lock().await;
        if let Some(bucket) = buckets.get_mut(&quota) {
            bucket.tokens = bucket.tokens.min(0.0);
        }
    }

    async fn take(&self, quota: Quota, tokens: f64) -> Duration {
        let rate = rate(quota);
        let now = Instant::now();
        let mut buckets = self.buckets.lock().await;
        let bucket = buckets.entry(quota).or_insert(Bucket { tokens: rate.burst, at: now });
        let filled = bucket.tokens + now.duration_since(bucket.at).as_secs_f64() * rate.per_second;
        bucket.tokens = filled.min(rate.burst) - tokens;
        bucket.at = now;
        if bucket.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-bucket.tokens / rate.per_second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_the_rest_comes_at_the_rate() {
        let limits = Limits::default();
        let begin = Instant::now();
        for _ in 0..45 {
            limits.turn(Service::Lambda.operation("CreateFunction")).await;
        }
        let seconds = begin.elapsed().as_secs_f64();
        assert!((1.9..2.2).contains(&seconds), "{seconds}");
        limits.turn(Service::Lambda.operation("GetFunction")).await;
        assert!(begin.elapsed().as_secs_f64() < 2.3, "another quota waits for this one");
    }
}
