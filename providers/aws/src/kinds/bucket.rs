//! `artifacts`, `bucket`: S3 buckets that nobody but their owner reads.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, ObjectKey};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, name_in, owner, retry};
use crate::api::s3::bucket as api;
use crate::api::{ApiError, s3};

/// Built code that was overwritten or deleted is kept for so many days.
const OLD_VERSIONS_DAYS: u32 = 90;

/// A bucket of the manifest, or the one of the built code: that is versioned, and holds nothing that could be lost.
pub(super) struct Bucket<const OF_ARTIFACTS: bool>;

/// See `CreateBucket`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    bucket: String,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// S3 does one thing at a time to a bucket, and takes its time for a name that was just given back.
fn is_busy(error: &ApiError) -> bool {
    error.is(&["OperationAborted"])
}

/// Makes the bucket, or goes on where a run that died left off. Its tags come before its protection, so that it is found and deleted in
/// any case; all of this may be done twice.
async fn create(at: &At<'_>, spec: &Spec, is_versioned: bool) -> Result<(), Undone> {
    let (bucket, failed) = (&spec.bucket, |error: ApiError| at.failed("create", &error));
    match retry(Patience::USUAL, is_busy, || api::create_bucket(at.api, bucket)).await {
        Ok(()) => {}
        Err(error) if error.is(&["BucketAlreadyOwnedByYou"]) => {}
        // In another account.
        Err(error) if error.is(&["BucketAlreadyExists"]) => return Err(Undone::Exists),
        Err(error) => return Err(failed(error).into()),
    }
    // In us-east-1 S3 takes a bucket that is there for the one that is wanted.
    let tags = api::get_bucket_tagging(at.api, bucket).await.map_err(failed)?.unwrap_or_default();
    if !tags.is_empty() && owner(&at.cx.scope, tags).is_none_or(|(key, _)| key.addr != at.key.addr) {
        return Err(Undone::Exists);
    }
    api::put_bucket_tagging(at.api, bucket, &at.tags(&spec.tags)).await.map_err(failed)?;
    api::put_public_access_block(at.api, bucket).await.map_err(failed)?;
    api::put_bucket_encryption(at.api, bucket).await.map_err(failed)?;
    if is_versioned {
        api::put_bucket_lifecycle(at.api, bucket, OLD_VERSIONS_DAYS).await.map_err(failed)?;
        api::put_bucket_versioning(at.api, bucket).await.map_err(failed)?;
    }
    Ok(())
}

async fn update(at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<(), Failure> {
    if at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags).is_empty() {
        return Ok(());
    }
    let tags = at.tags(&spec.tags);
    api::put_bucket_tagging(at.api, &spec.bucket, &tags).await.map_err(|error| at.failed("tag", &error))
}

/// With all that is in it: every version, and every upload that was not finished.
async fn delete(at: &At<'_>, bucket: &str) -> Result<(), Failure> {
    match retry(Patience::USUAL, is_busy, || empty_and_delete(at, bucket)).await {
        Err(error) if !error.is_missing() => Err(at.failed("delete", &error)),
        _ => Ok(()),
    }
}

async fn empty_and_delete(at: &At<'_>, bucket: &str) -> Result<(), ApiError> {
    loop {
        // Most have nothing in them, or somebody still writes.
        match api::delete_bucket(at.api, bucket).await {
            Err(error) if error.is(&["BucketNotEmpty"]) => empty(at, bucket).await?,
            result => return result,
        }
    }
}

async fn empty(at: &At<'_>, bucket: &str) -> Result<(), ApiError> {
    loop {
        let uploads = api::list_multipart_uploads(at.api, bucket).await?;
        for upload in &uploads {
            match api::abort_multipart_upload(at.api, bucket, upload).await {
                Err(error) if !error.is(&["NoSuchUpload"]) => return Err(error),
                _ => {}
            }
        }
        let versions = s3::list_object_versions(at.api, bucket).await?;
        for page in versions.chunks(s3::MOST_AT_ONCE) {
            s3::delete_objects(at.api, bucket, page).await?;
        }
        if uploads.is_empty() && versions.is_empty() {
            return Ok(());
        }
    }
}

async fn look(at: &At<'_>, bucket: &str) -> Result<Option<(Spec, ObjectKey)>, Failure> {
    let tags = api::get_bucket_tagging(at.api, bucket).await.map_err(|error| at.failed("read", &error))?;
    let owned = tags.and_then(|tags| owner(&at.cx.scope, tags));
    Ok(owned.map(|(key, tags)| (Spec { bucket: bucket.to_owned(), tags }, key)))
}

fn arn(at: &At<'_>, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", at.place.partition)
}

impl<const OF_ARTIFACTS: bool> Bucket<OF_ARTIFACTS> {
    fn made(at: &At<'_>, bucket: &str) -> Made {
        let arn = arn(at, bucket);
        if OF_ARTIFACTS {
            Made::new(arn, [("bucket", bucket)])
        } else {
            Made::new(arn.clone(), [("arn", arn.as_str()), ("name", bucket)])
        }
    }
}

#[async_trait]
impl<const OF_ARTIFACTS: bool> RemoteKind for Bucket<OF_ARTIFACTS> {
    type Spec = Spec;

    /// What was built can be built again.
    const HOLDS_DATA: bool = !OF_ARTIFACTS;
    const REPLACED_BY: &'static [&'static str] = &["Bucket"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        create(at, spec, OF_ARTIFACTS).await?;
        Ok(Self::made(at, &spec.bucket))
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        update(at, prior, spec).await?;
        Ok(Self::made(at, &spec.bucket))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        delete(at, name_in(&prior.made.id)).await
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let seen = look(at, name_in(id)).await?;
        Ok(seen.map(|(spec, key)| Seen { made: Self::made(at, &spec.bucket), spec, key: Some(key) }))
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        self.look(at, &arn(at, &spec.bucket)).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        super::look_at_all(self, at, inventory).await
    }
}
