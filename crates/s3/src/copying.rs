//! `CopyObject` and `UploadPartCopy`: reading and writing in one request.

use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, MetadataDirective,
    Range, UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Result};
use sf_data::{ObjectInfo, PutObject};

use crate::BucketName;
use crate::conditions::Conditions;
use crate::error::{Concerning, bad_argument, not_here, refused};
use crate::headers::Described;
use crate::multipart::part_number;
use crate::reading::Opened;
use crate::store::{Store, etag, time_of};

impl Store {
    pub(crate) async fn copy(&self, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
        let (source, key) = self.source(&input.copy_source)?;
        let target = self.bucket(&input.bucket)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        if !replace && source == target && key == input.key {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidRequest,
                "this copy is illegal: it copies an object to itself and changes nothing of it",
            ));
        }
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        let opened = self.open(&source, &key, None).await?;
        conditions.check_source(&opened.object)?;
        let given = Described {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            expires: input.expires,
            metadata: input.metadata,
        };
        let options = match replace {
            true => PutObject {
                content_type: input.content_type,
                metadata: given.into_metadata()?,
                ..PutObject::default()
            },
            false => PutObject {
                content_type: Some(opened.object.content_type),
                metadata: opened.object.metadata,
                ..PutObject::default()
            },
        };
        let put = self.data.put_object(&target.app, &target.bucket, &input.key, options, opened.bytes).await;
        let object = put.map_err(|cause| refused(Concerning::Objects, cause))?;
        Ok(CopyObjectOutput { copy_object_result: Some(copied(&object)), ..CopyObjectOutput::default() })
    }

    pub(crate) async fn copy_part(&self, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
        let (source, key) = self.source(&input.copy_source)?;
        let target = self.bucket(&input.bucket)?;
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            modified_since: input.copy_source_if_modified_since,
            unmodified_since: input.copy_source_if_unmodified_since,
        };
        let number = part_number(input.part_number)?;
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range = range.map_err(|_| bad_argument("x-amz-copy-source-range is not a range of bytes"))?;
        let Opened { object, bytes, .. } = self.open(&source, &key, range).await?;
        conditions.check_source(&object)?;
        let put = self.data.upload_part(&target.app, &target.bucket, &input.upload_id, number, bytes).await;
        let part = put.map_err(|cause| refused(Concerning::Upload, cause))?;
        let result = CopyPartResult {
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(time_of(part.modified_ms)),
            ..CopyPartResult::default()
        };
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
    }

    fn source(&self, source: &CopySource) -> S3Result<(BucketName, String)> {
        match source {
            CopySource::Bucket { bucket, key, version_id: None } => {
                Ok((self.bucket(bucket)?, key.to_string()))
            }
            CopySource::Bucket { .. } => Err(not_here("objects have no versions here")),
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(not_here("access points and outposts are not served"))
            }
        }
    }
}

fn copied(object: &ObjectInfo) -> CopyObjectResult {
    CopyObjectResult {
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(time_of(object.modified_ms)),
        ..CopyObjectResult::default()
    }
}
