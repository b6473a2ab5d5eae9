//! Buckets: their own life and what is configured for them, a document for each subject.

use std::collections::BTreeMap;

use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::send::xml;
use super::list::Encoding;
use super::{of_bucket, of_object, with_xml};
use crate::api::tagging::{Tag, tag_list, tag_map};
use crate::api::{ApiError, Client};

/// The region that must not be named as a bucket's place.
const UNNAMED_REGION: &str = "us-east-1";

/// Makes a bucket in the client's region whose objects are all its owner's, without access lists.
pub(crate) async fn create_bucket(client: &Client, bucket: &str) -> Result<(), ApiError> {
    #[derive(Serialize)]
    struct Configuration<'a> {
        #[serde(rename = "LocationConstraint")]
        region: &'a str,
    }
    let request = of_bucket(client, "CreateBucket", Method::PUT, bucket)
        .header("x-amz-object-ownership", "BucketOwnerEnforced");
    let request = match client.region() {
        UNNAMED_REGION => request,
        region => with_xml(request, "CreateBucketConfiguration", &Configuration { region })?,
    };
    client.send(request).await.map(drop)
}

/// Deletes an empty bucket.
pub(crate) async fn delete_bucket(client: &Client, bucket: &str) -> Result<(), ApiError> {
    client.send(of_bucket(client, "DeleteBucket", Method::DELETE, bucket)).await.map(drop)
}

/// Nobody but the owner's own policies gives access to it.
pub(crate) async fn put_public_access_block(client: &Client, bucket: &str) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        block_public_acls: bool,
        ignore_public_acls: bool,
        block_public_policy: bool,
        restrict_public_buckets: bool,
    }
    let all = Configuration {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
    let subject = Subject("PutPublicAccessBlock", "publicAccessBlock", "PublicAccessBlockConfiguration");
    put(client, bucket, subject, &all).await
}

/// Objects are encrypted with S3's own key.
pub(crate) async fn put_bucket_encryption(client: &Client, bucket: &str) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        rule: Rule,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rule {
        apply_server_side_encryption_by_default: Default,
    }
    #[derive(Serialize)]
    struct Default {
        #[serde(rename = "SSEAlgorithm")]
        algorithm: &'static str,
    }
    let by_default = Default { algorithm: "AES256" };
    let rule = Rule { apply_server_side_encryption_by_default: by_default };
    let subject = Subject("PutBucketEncryption", "encryption", "ServerSideEncryptionConfiguration");
    put(client, bucket, subject, &Configuration { rule }).await
}

/// What is overwritten or deleted is kept as a version.
pub(crate) async fn put_bucket_versioning(client: &Client, bucket: &str) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        status: &'static str,
    }
    let subject = Subject("PutBucketVersioning", "versioning", "VersioningConfiguration");
    put(client, bucket, subject, &Configuration { status: "Enabled" }).await
}

/// Versions that were overwritten or deleted go after so many days, and uploads that nobody finished after a week.
pub(crate) async fn put_bucket_lifecycle(client: &Client, bucket: &str, days: u32) -> Result<(), ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        rule: Rule,
    }
    #[derive(Serialize)]
    struct Rule {
        #[serde(rename = "ID")]
        id: &'static str,
        #[serde(rename = "Filter")]
        filter: Filter,
        #[serde(rename = "Status")]
        status: &'static str,
        #[serde(rename = "NoncurrentVersionExpiration")]
        versions: Versions,
        #[serde(rename = "AbortIncompleteMultipartUpload")]
        uploads: Uploads,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Filter {
        prefix: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Versions {
        noncurrent_days: u32,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Uploads {
        days_after_initiation: u32,
    }
    let rule = Rule {
        id: "old-versions",
        filter: Filter { prefix: "" },
        status: "Enabled",
        versions: Versions { noncurrent_days: days },
        uploads: Uploads { days_after_initiation: 7 },
    };
    let subject = Subject("PutBucketLifecycleConfiguration", "lifecycle", "LifecycleConfiguration");
    put(client, bucket, subject, &Configuration { rule }).await
}

/// `Tagging`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    tag_set: TagSet,
}

#[derive(Serialize, Deserialize)]
struct TagSet {
    #[serde(default, rename = "Tag")]
    tags: Vec<Tag>,
}

/// A bucket's tags, empty where it never had any; `None`: there is no such bucket.
pub(crate) async fn get_bucket_tagging(
    client: &Client,
    bucket: &str,
) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    match get::<Tagging>(client, bucket, Subject("GetBucketTagging", "tagging", "Tagging")).await {
        Ok(tagging) => Ok(Some(tag_map(tagging.tag_set.tags))),
        Err(error) if error.is(&["NoSuchTagSet"]) => Ok(Some(BTreeMap::new())),
        Err(error) if error.is(&["NoSuchBucket"]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts these tags in the place of all that the bucket has.
pub(crate) async fn put_bucket_tagging(
    client: &Client,
    bucket: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let tagging = Tagging { tag_set: TagSet { tags: tag_list(tags) } };
    put(client, bucket, Subject("PutBucketTagging", "tagging", "Tagging"), &tagging).await
}

/// What is told about a bucket's objects, as S3 writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notifications {
    /// The functions that are called.
    #[serde(default, rename = "CloudFunctionConfiguration")]
    pub(crate) functions: Vec<FunctionNotification>,
}

/// One function's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionNotification {
    #[serde(rename = "Id")]
    pub(crate) id: String,
    #[serde(rename = "CloudFunction")]
    pub(crate) function: String,
    #[serde(rename = "Event")]
    pub(crate) events: Vec<String>,
    #[serde(rename = "Filter", skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<NotificationFilter>,
}

/// `Filter`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotificationFilter {
    #[serde(rename = "S3Key")]
    pub(crate) key: KeyFilter,
}

/// `S3Key`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyFilter {
    #[serde(default, rename = "FilterRule")]
    pub(crate) rules: Vec<FilterRule>,
}

/// `prefix` or `suffix`, in any case of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FilterRule {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What is told of a bucket's objects; `None`: there is no such bucket.
pub(crate) async fn get_bucket_notification(
    client: &Client,
    bucket: &str,
) -> Result<Option<Notifications>, ApiError> {
    let subject = Subject("GetBucketNotificationConfiguration", "notification", "NotificationConfiguration");
    match get(client, bucket, subject).await {
        Ok(notifications) => Ok(Some(notifications)),
        Err(error) if error.is(&["NoSuchBucket"]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts this in the place of what is told.
pub(crate) async fn put_bucket_notification(
    client: &Client,
    bucket: &str,
    notifications: &Notifications,
) -> Result<(), ApiError> {
    let subject = Subject("PutBucketNotificationConfiguration", "notification", "NotificationConfiguration");
    put(client, bucket, subject, notifications).await
}

/// An upload in parts that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) upload_id: String,
}

/// The first page of the uploads that are not finished.
pub(crate) async fn list_multipart_uploads(client: &Client, bucket: &str) -> Result<Vec<Upload>, ApiError> {
    #[derive(Deserialize)]
    struct ListMultipartUploadsResult {
        #[serde(default, rename = "Upload")]
        uploads: Vec<Upload>,
        #[serde(default, rename = "EncodingType")]
        encoding: Encoding,
    }
    let request = of_bucket(client, "ListMultipartUploads", Method::GET, bucket)
        .query("uploads", "")
        .query("encoding-type", "url");
    let operation = request.operation;
    let result: ListMultipartUploadsResult = xml(operation, &client.send(request).await?)?;
    Ok(result
        .uploads
        .into_iter()
        .map(|upload| Upload { key: result.encoding.decoded(&upload.key), ..upload })
        .collect())
}

/// Drops an upload's parts.
pub(crate) async fn abort_multipart_upload(
    client: &Client,
    bucket: &str,
    upload: &Upload,
) -> Result<(), ApiError> {
    let request = of_object(client, "AbortMultipartUpload", Method::DELETE, bucket, &upload.key)
        .query("uploadId", upload.upload_id.as_str());
    client.send(request).await.map(drop)
}

/// One of a bucket's documents: operation, query parameter, root element.
#[derive(Clone, Copy)]
struct Subject(&'static str, &'static str, &'static str);

async fn put(
    client: &Client,
    bucket: &str,
    Subject(operation, parameter, root): Subject,
    document: &impl Serialize,
) -> Result<(), ApiError> {
    let request = of_bucket(client, operation, Method::PUT, bucket).query(parameter, "");
    client.send(with_xml(request, root, document)?).await.map(drop)
}

async fn get<T: DeserializeOwned>(
    client: &Client,
    bucket: &str,
    Subject(operation, parameter, _): Subject,
) -> Result<T, ApiError> {
    let request = of_bucket(client, operation, Method::GET, bucket).query(parameter, "");
    let operation = request.operation;
    xml(operation, &client.send(request).await?)
}
