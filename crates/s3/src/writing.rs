//! `PutObject`, and what it has in common with `UploadPart`.

use s3s::dto::{Checksum, ETagCondition, PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{Body, S3ErrorCode, S3Request, S3Result};
use sf_data::{Condition, DataError, PutObject};

use crate::checked::{Checked, Expected};
use crate::error::{Concerning, not_here, refused};
use crate::headers::Described;
use crate::store::{Store, etag, signed};

impl Store {
    pub(crate) async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let (announced, trailers) = (announced(&request), request.trailing_headers);
        let input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        if input.tagging.is_some() || input.sse_customer_key.is_some() || input.write_offset_bytes.is_some() {
            return Err(not_here("tags, keys of the client's and appending are not served"));
        }
        let expected = Expected {
            md5: input.content_md5,
            sums: Checksum {
                checksum_crc32: input.checksum_crc32,
                checksum_crc32c: input.checksum_crc32c,
                checksum_crc64nvme: input.checksum_crc64nvme,
                checksum_sha1: input.checksum_sha1,
                checksum_sha256: input.checksum_sha256,
                ..Checksum::default()
            },
            announced,
            trailers,
        };
        let described = Described {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            expires: input.expires,
            metadata: input.metadata,
        };
        let options = PutObject {
            content_type: input.content_type,
            metadata: described.into_metadata()?,
            condition: condition(input.if_match, input.if_none_match)?,
        };
        let mut body = Checked::new(body(input.body), expected)?;
        let put = self.data.put_object(&bucket.app, &bucket.bucket, &input.key, options, &mut body).await;
        let (object, sums) = outcome(put, body, Concerning::Objects)?;
        Ok(PutObjectOutput {
            e_tag: Some(etag(&object.etag)),
            size: Some(signed(object.size)),
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }
}

/// The checksums that come behind the body.
pub(crate) fn announced<T>(request: &S3Request<T>) -> Option<String> {
    let header = request.headers.get("x-amz-trailer")?;
    header.to_str().ok().map(str::to_owned)
}

pub(crate) fn body(body: Option<StreamingBlob>) -> StreamingBlob {
    body.unwrap_or_else(|| Body::empty().into())
}

/// What came of a write: where its body was not what it should be, that is why it failed.
pub(crate) fn outcome<T>(
    written: Result<T, DataError>,
    body: Checked,
    concerning: Concerning,
) -> S3Result<(T, Checksum)> {
    match (written, body.verdict()) {
        (Ok(written), Some(Ok(sums))) => Ok((written, sums)),
        (_, Some(Err(error))) => Err(error),
        (Err(error), _) => Err(refused(concerning, error)),
        // A writer that does not read to the end cannot know what it wrote.
        (Ok(_), None) => Err(S3ErrorCode::InternalError.into()),
    }
}

fn condition(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::IfAbsent),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::IfMatch(etag.into_value())),
        _ => Err(not_here("a write takes `If-None-Match: *` or `If-Match: \"ETAG\"`, no other condition")),
    }
}
