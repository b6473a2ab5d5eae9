//! `DeleteObject` and `DeleteObjects`.

use futures_util::{StreamExt, stream};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error,
    ObjectIdentifier,
};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::BucketName;
use crate::error::{Concerning, not_here, refused};
use crate::store::Store;

/// Of one request, at the same time: what is deleted together is synced together.
const AT_ONCE: usize = 64;
/// What S3 takes in one request.
const MAX_KEYS: usize = 1000;

impl Store {
    pub(crate) async fn delete(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        let conditional = input.if_match.is_some()
            || input.if_match_size.is_some()
            || input.if_match_last_modified_time.is_some();
        let bucket = self.bucket(&input.bucket)?;
        self.remove(&bucket, &input.key, input.version_id.as_deref(), conditional).await?;
        Ok(DeleteObjectOutput::default())
    }

    /// Each key by itself: one that fails is told, and does not stop the others.
    pub(crate) async fn delete_many(&self, input: DeleteObjectsInput) -> S3Result<DeleteObjectsOutput> {
        let bucket = &self.bucket(&input.bucket)?;
        if input.delete.objects.len() > MAX_KEYS {
            return Err(S3Error::with_message(
                S3ErrorCode::MalformedXML,
                "at most 1,000 keys in one request",
            ));
        }
        let results: Vec<_> = stream::iter(input.delete.objects)
            .map(|object| async move { (self.remove_one(bucket, &object).await, object.key) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for (result, key) in results {
            match result {
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..DeletedObject::default() }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(key),
                    version_id: None,
                }),
            }
        }
        let quiet = input.delete.quiet == Some(true);
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: Some(errors),
            ..DeleteObjectsOutput::default()
        })
    }

    async fn remove_one(&self, bucket: &BucketName, object: &ObjectIdentifier) -> S3Result<()> {
        let conditional =
            object.e_tag.is_some() || object.size.is_some() || object.last_modified_time.is_some();
        self.remove(bucket, &object.key, object.version_id.as_deref(), conditional).await
    }

    /// Whether there was one does not matter, as everywhere in S3.
    async fn remove(
        &self,
        bucket: &BucketName,
        key: &str,
        version: Option<&str>,
        conditional: bool,
    ) -> S3Result<()> {
        if conditional {
            return Err(not_here("deletes have no conditions here"));
        }
        if version.is_some_and(|version| version != "null") {
            return Err(not_here("objects have no versions here"));
        }
        let removed = self.data.delete_object(&bucket.app, &bucket.bucket, key).await;
        removed.map(drop).map_err(|cause| refused(Concerning::Objects, cause))
    }
}
