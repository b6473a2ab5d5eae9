//! The S3 operations that are served; each stands in the file of its family. What is not here is `NotImplemented`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use sf_data::{Data, ObjectInfo};

use crate::error::no_such_key;
use crate::names::{self, BucketName, Names};
use crate::{REGION, error};

/// The operations, on the data.
pub(crate) struct Store {
    pub(crate) data: Data,
    names: Arc<dyn Names>,
}

impl Store {
    pub(crate) fn new(data: Data, names: Arc<dyn Names>) -> Self {
        Self { data, names }
    }

    pub(crate) fn bucket(&self, physical: &str) -> S3Result<BucketName> {
        names::resolve(&*self.names, physical)
    }

    /// An object that must be there.
    pub(crate) async fn object(&self, bucket: &BucketName, key: &str) -> S3Result<ObjectInfo> {
        let found = self.data.object(&bucket.app, &bucket.bucket, key).await;
        found
            .map_err(|cause| error::refused(error::Concerning::Objects, cause))?
            .ok_or_else(|| no_such_key(key))
    }

    fn list_buckets(&self, input: &ListBucketsInput) -> ListBucketsOutput {
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let mut names: Vec<_> = self.names.all().iter().map(BucketName::physical).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        let bucket = |name| Bucket {
            name: Some(name),
            bucket_region: Some(REGION.into()),
            // Nobody wrote down when a bucket was deployed, and clients do not parse a list without dates.
            creation_date: Some(time_of(0)),
        };
        ListBucketsOutput {
            buckets: Some(names.into_iter().map(bucket).collect()),
            owner: Some(Owner { display_name: Some("sf".into()), id: Some("sf".into()) }),
            prefix: input.prefix.clone(),
            ..ListBucketsOutput::default()
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn time_of(ms: u64) -> Timestamp {
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}

/// Sizes in S3 are signed.
pub(crate) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(crate) fn etag(value: &str) -> ETag {
    ETag::Strong(value.to_owned())
}

fn from_the_manifest() -> S3Error {
    S3Error::with_message(
        S3ErrorCode::AccessDenied,
        "buckets are made and deleted by `sf deploy`: change `[buckets.NAME]` in sf.toml",
    )
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Store {
    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        Ok(S3Response::new(self.list_buckets(&request.input)))
    }

    async fn create_bucket(&self, _: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        Err(from_the_manifest())
    }

    async fn delete_bucket(&self, _: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        Err(from_the_manifest())
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.bucket(&request.input.bucket)?;
        let bucket_region = Some(REGION.into());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        self.bucket(&request.input.bucket)?;
        let location_constraint = Some(BucketLocationConstraint::from(REGION.to_owned()));
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> Answer<GetBucketVersioningOutput> {
        self.bucket(&request.input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    /// Nothing has tags. Clients that copy large objects ask.
    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> Answer<GetObjectTaggingOutput> {
        self.object(&self.bucket(&request.input.bucket)?, &request.input.key).await?;
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set: Vec::new(), version_id: None }))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        self.list_v1(request.input).await.map(S3Response::new)
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        self.list_v2(request.input).await.map(S3Response::new)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        self.head(request.input).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        self.get(request.input).await.map(S3Response::new)
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.put(request).await.map(S3Response::new)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        self.copy(request.input).await.map(S3Response::new)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.delete(request.input).await.map(S3Response::new)
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        self.delete_many(request.input).await.map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        self.begin_upload(request.input).await.map(S3Response::new)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        self.put_part(request).await.map(S3Response::new)
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> Answer<UploadPartCopyOutput> {
        self.copy_part(request.input).await.map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        self.finish_upload(request.input).await.map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.give_up(request.input).await.map(S3Response::new)
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        self.parts(request.input).await.map(S3Response::new)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        self.uploads(request.input).await.map(S3Response::new)
    }
}
