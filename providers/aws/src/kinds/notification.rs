//! `notification`: what a bucket tells functions of its objects.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, ObjectKey};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Undone, name_in, retry};
use crate::api::ApiError;
use crate::api::s3::bucket::{
    self as api, FilterRule, FunctionNotification, KeyFilter, NotificationFilter, Notifications,
};
use crate::names::addr::{self, kind};

pub(super) struct Notification;

/// See `PutBucketNotificationConfiguration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    bucket: String,
    functions: Vec<Told>,
}

/// A function that is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    id: String,
    /// An ARN.
    alias: String,
    events: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    prefix: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    suffix: String,
}

impl Told {
    fn as_s3_writes_it(&self) -> FunctionNotification {
        let rules: Vec<FilterRule> = [("prefix", &self.prefix), ("suffix", &self.suffix)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| FilterRule { name: name.to_owned(), value: value.clone() })
            .collect();
        FunctionNotification {
            id: self.id.clone(),
            function: self.alias.clone(),
            events: self.events.clone(),
            filter: (!rules.is_empty()).then_some(NotificationFilter { key: KeyFilter { rules } }),
        }
    }

    fn read(written: FunctionNotification) -> Self {
        let rules = written.filter.map(|filter| filter.key.rules).unwrap_or_default();
        let value = |name: &str| {
            let rule = rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(name));
            rule.map(|rule| rule.value.clone()).unwrap_or_default()
        };
        Self {
            id: written.id,
            alias: written.function,
            events: written.events,
            prefix: value("prefix"),
            suffix: value("suffix"),
        }
    }
}

/// S3 tries whether it may call the functions; the permission is there, but not yet everywhere.
fn is_not_permitted_yet(error: &ApiError) -> bool {
    error.is(&["InvalidArgument"]) && error.message.contains("Unable to validate")
        || error.is(&["OperationAborted"])
}

impl Notification {
    fn made(bucket: &str) -> Made {
        Made { id: bucket.to_owned(), ..Made::default() }
    }

    async fn put(at: &At<'_>, bucket: &str, functions: &[Told]) -> Result<(), ApiError> {
        let functions = functions.iter().map(Told::as_s3_writes_it).collect();
        let notifications = Notifications { functions };
        retry(Patience::USUAL, is_not_permitted_yet, || {
            api::put_bucket_notification(at.api, bucket, &notifications)
        })
        .await
    }

    async fn seen(at: &At<'_>, bucket: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let notifications =
            api::get_bucket_notification(at.api, bucket).await.map_err(|error| at.failed("read", &error))?;
        let functions: Vec<Told> =
            notifications.into_iter().flat_map(|told| told.functions).map(Told::read).collect();
        if functions.is_empty() {
            return Ok(None);
        }
        let spec = Spec { bucket: bucket.to_owned(), functions };
        Ok(Some(Seen { made: Self::made(bucket), spec, key: None }))
    }
}

#[async_trait]
impl RemoteKind for Notification {
    type Spec = Spec;

    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Bucket"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        Self::put(at, &spec.bucket, &spec.functions).await.map_err(|error| at.failed("create", &error))?;
        Ok(Self::made(&spec.bucket))
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec != *spec {
            Self::put(at, &spec.bucket, &spec.functions)
                .await
                .map_err(|error| at.failed("update", &error))?;
        }
        Ok(Self::made(&spec.bucket))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        match Self::put(at, &prior.made.id, &[]).await {
            Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
            _ => Ok(()),
        }
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        Self::seen(at, id).await
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        Self::seen(at, &spec.bucket).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let mut found = Vec::new();
        for (bucket, arn) in inventory.of(kind::BUCKET) {
            let key = ObjectKey { addr: addr::notification(&bucket.addr.name), generation: 0 };
            let seen = Self::seen(at, name_in(arn)).await?;
            found.extend(seen.map(|seen| Seen { key: Some(key), ..seen }));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_s3_writes_is_read_back() {
        let told = Told {
            id: "thumbnail-1a2b3c4d".into(),
            alias: "arn:aws:lambda:r:a:function:f:live".into(),
            events: vec!["s3:ObjectCreated:*".into()],
            prefix: "in/".into(),
            suffix: String::new(),
        };
        let mut written = told.as_s3_writes_it();
        // S3 gives the names of rules back as it likes.
        if let Some(filter) = &mut written.filter {
            filter.key.rules[0].name = "Prefix".into();
        }
        assert_eq!(Told::read(written), told);
    }
}
