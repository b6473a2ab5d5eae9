//! `GetObject` and `HeadObject`.

use futures_util::TryStreamExt;
use http::header::CONTENT_RANGE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use s3s::dto::{GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range, StreamingBlob};
use s3s::{Body, S3Error, S3ErrorCode, S3Response, S3Result};
use sf_data::{ObjectInfo, ObjectReader};

use crate::BucketName;
use crate::conditions::Conditions;
use crate::error::{Concerning, no_such_key, not_here, refused};
use crate::headers::Described;
use crate::store::{Store, etag, signed, time_of};

/// How often an object may be overwritten between the look at its size and the reading of a range, before the client is told to try again.
const ATTEMPTS: usize = 8;

/// An object's bytes, or some of them.
pub(crate) struct Opened {
    pub(crate) object: ObjectInfo,
    pub(crate) bytes: ObjectReader,
    /// `None`: all.
    pub(crate) range: Option<std::ops::Range<u64>>,
}

impl Store {
    /// Opens an object that must be there; a range is within it.
    pub(crate) async fn open(
        &self,
        bucket: &BucketName,
        key: &str,
        range: Option<Range>,
    ) -> S3Result<Opened> {
        let read = async |range| {
            let read = self.data.read_object(&bucket.app, &bucket.bucket, key, range).await;
            read.map_err(|cause| refused(Concerning::Objects, cause))?.ok_or_else(|| no_such_key(key))
        };
        let Some(wanted) = range else {
            let (object, bytes) = read(None).await?;
            return Ok(Opened { object, bytes, range: None });
        };
        for _ in 0..ATTEMPTS {
            let seen = self.object(bucket, key).await?;
            let range = within(&wanted, seen.size)?;
            let (object, bytes) = read(Some(range.clone())).await?;
            if object.size == seen.size {
                return Ok(Opened { object, bytes, range: Some(range) });
            }
        }
        Err(S3Error::with_message(S3ErrorCode::SlowDown, "the object is overwritten again and again"))
    }

    pub(crate) async fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        only_whole(input.version_id.as_deref(), input.part_number)?;
        let bucket = self.bucket(&input.bucket)?;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        let opened = self.open(&bucket, &input.key, input.range).await?;
        conditions.check(&opened.object)?;
        let described = Described::from_metadata(opened.object.metadata);
        let (size, range) = (opened.object.size, opened.range);
        Ok(GetObjectOutput {
            accept_ranges: Some("bytes".into()),
            body: Some(stream(opened.bytes)),
            cache_control: described.cache_control,
            content_disposition: described.content_disposition,
            content_encoding: described.content_encoding,
            content_language: described.content_language,
            content_length: Some(length(range.as_ref(), size)),
            content_range: range.as_ref().map(|range| content_range(range, size)),
            content_type: Some(opened.object.content_type),
            e_tag: Some(etag(&opened.object.etag)),
            expires: described.expires,
            last_modified: Some(time_of(opened.object.modified_ms)),
            metadata: described.metadata,
            ..GetObjectOutput::default()
        })
    }

    pub(crate) async fn head(&self, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
        only_whole(input.version_id.as_deref(), input.part_number)?;
        let bucket = self.bucket(&input.bucket)?;
        let object = self.object(&bucket, &input.key).await?;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            modified_since: input.if_modified_since,
            unmodified_since: input.if_unmodified_since,
        };
        conditions.check(&object)?;
        let range = input.range.map(|range| within(&range, object.size)).transpose()?;
        let described = Described::from_metadata(object.metadata);
        let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let output = HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            cache_control: described.cache_control,
            content_disposition: described.content_disposition,
            content_encoding: described.content_encoding,
            content_language: described.content_language,
            content_length: Some(length(range.as_ref(), object.size)),
            content_range: range.as_ref().map(|range| content_range(range, object.size)),
            content_type: Some(object.content_type),
            e_tag: Some(etag(&object.etag)),
            expires: described.expires,
            last_modified: Some(time_of(object.modified_ms)),
            metadata: described.metadata,
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::with_status(output, status))
    }
}

/// An object has no versions, and does not remember the parts that it came in.
fn only_whole(version: Option<&str>, part: Option<i32>) -> S3Result<()> {
    match (version, part) {
        // "null" is the version of objects in buckets without versions.
        (Some(version), _) if version != "null" => Err(not_here("objects have no versions here")),
        (_, Some(_)) => Err(not_here("objects are not read by part numbers here: use a range")),
        _ => Ok(()),
    }
}

/// The bytes that a range means; a range of nothing cannot be satisfied.
fn within(range: &Range, size: u64) -> S3Result<std::ops::Range<u64>> {
    let bytes = range.check(size).map_err(|_| unsatisfiable(size))?;
    if bytes.is_empty() { Err(unsatisfiable(size)) } else { Ok(bytes) }
}

fn unsatisfiable(size: u64) -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::InvalidRange,
        format!("the object has {size} bytes, none of them in the range"),
    );
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        error.set_headers(HeaderMap::from_iter([(CONTENT_RANGE, value)]));
    }
    error
}

fn length(range: Option<&std::ops::Range<u64>>, size: u64) -> i64 {
    signed(range.map_or(size, |range| range.end - range.start))
}

fn content_range(range: &std::ops::Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn stream(bytes: ObjectReader) -> StreamingBlob {
    Body::http_body_unsync(StreamBody::new(bytes.map_ok(Frame::data))).into()
}
