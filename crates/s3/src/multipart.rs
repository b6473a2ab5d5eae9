//! Uploads in parts.

use std::time::Duration;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Checksum, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};
use sf_data::{DataError, ObjectInfo, PutObject, UploadedPart};

use crate::BucketName;
use crate::checked::{Checked, Expected};
use crate::error::{Concerning, bad_argument, not_here, refused};
use crate::headers::Described;
use crate::listing::page_size;
use crate::store::{Store, etag, signed, time_of};
use crate::writing::{announced, body, outcome};

/// Longer than that, and the client is kept waiting with white space, as S3 does it: its own patience ends after a minute.
const PATIENCE: Duration = Duration::from_secs(10);

fn of_upload(cause: DataError) -> S3Error {
    refused(Concerning::Upload, cause)
}

/// 1 to 10,000.
pub(crate) fn part_number(number: i32) -> S3Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| bad_argument("a part's number is 1 to 10,000"))
}

impl Store {
    pub(crate) async fn begin_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        if input.tagging.is_some() || input.sse_customer_key.is_some() {
            return Err(not_here("tags and keys of the client's are not served"));
        }
        let bucket = self.bucket(&input.bucket)?;
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
            ..PutObject::default()
        };
        let begun = self.data.create_upload(&bucket.app, &bucket.bucket, &input.key, options).await;
        Ok(CreateMultipartUploadOutput {
            upload_id: Some(begun.map_err(|cause| refused(Concerning::Objects, cause))?),
            bucket: Some(input.bucket),
            key: Some(input.key),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(crate) async fn put_part(&self, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
        let (announced, trailers) = (announced(&request), request.trailing_headers);
        let input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        let number = part_number(input.part_number)?;
        let sums = Checksum {
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..Checksum::default()
        };
        let expected = Expected { md5: input.content_md5, sums, announced, trailers };
        let mut body = Checked::new(body(input.body), expected)?;
        let put =
            self.data.upload_part(&bucket.app, &bucket.bucket, &input.upload_id, number, &mut body).await;
        let (part, sums) = outcome(put, body, Concerning::Upload)?;
        Ok(UploadPartOutput {
            e_tag: Some(etag(&part.etag)),
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            ..UploadPartOutput::default()
        })
    }

    pub(crate) async fn finish_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        refuse_unchecked(&input)?;
        let bucket = self.bucket(&input.bucket)?;
        self.known_upload(&bucket, &input.key, &input.upload_id).await?;
        let parts = in_order(input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default())?;
        // A client that goes away does not undo what it asked for.
        let data = self.data.clone();
        let mut finishing = tokio::spawn(async move {
            let finished = data.complete_upload(&bucket.app, &bucket.bucket, &input.upload_id, parts).await;
            finished.map(|object| completed(input.bucket, object)).map_err(of_upload)
        });
        match tokio::time::timeout(PATIENCE, &mut finishing).await {
            Ok(finished) => finished.map_err(S3Error::internal_error)?,
            Err(_) => Ok(CompleteMultipartUploadOutput {
                future: Some(Box::pin(async move { finishing.await.map_err(S3Error::internal_error)? })),
                ..CompleteMultipartUploadOutput::default()
            }),
        }
    }

    pub(crate) async fn give_up(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let bucket = self.bucket(&input.bucket)?;
        self.known_upload(&bucket, &input.key, &input.upload_id).await?;
        self.data.abort_upload(&bucket.app, &bucket.bucket, &input.upload_id).await.map_err(of_upload)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(crate) async fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let bucket = self.bucket(&input.bucket)?;
        self.known_upload(&bucket, &input.key, &input.upload_id).await?;
        let max = page_size(input.max_parts)?;
        let marker = input.part_number_marker.unwrap_or_default();
        let all =
            self.data.list_parts(&bucket.app, &bucket.bucket, &input.upload_id).await.map_err(of_upload)?;
        let mut parts: Vec<_> = all.iter().map(part).filter(|part| part.part_number > Some(marker)).collect();
        let is_truncated = truncate(&mut parts, max);
        Ok(ListPartsOutput {
            next_part_number_marker: parts.last().and_then(|part| part.part_number).filter(|_| is_truncated),
            is_truncated: Some(is_truncated),
            parts: Some(parts),
            max_parts: Some(max),
            part_number_marker: Some(marker),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            ..ListPartsOutput::default()
        })
    }

    pub(crate) async fn uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(not_here("uploads under way are not grouped by a delimiter"));
        }
        let bucket = self.bucket(&input.bucket)?;
        let max = page_size(input.max_uploads)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let all = self.data.list_uploads(&bucket.app, &bucket.bucket).await;
        let mut all = all.map_err(|cause| refused(Concerning::Objects, cause))?;
        all.sort_by(|one, other| (&one.key, &one.id).cmp(&(&other.key, &other.id)));
        let (key, id) = (input.key_marker.as_deref(), input.upload_id_marker.as_deref());
        // Without an id the marker stands behind all uploads of its key.
        let behind = |upload: &sf_data::MultipartUpload| match (key, id) {
            (Some(key), Some(id)) => (upload.key.as_str(), upload.id.as_str()) > (key, id),
            (Some(key), None) => upload.key.as_str() > key,
            (None, _) => true,
        };
        all.retain(|upload| upload.key.starts_with(&prefix) && behind(upload));
        let is_truncated = truncate(&mut all, max);
        let last = all.last().filter(|_| is_truncated);
        Ok(ListMultipartUploadsOutput {
            next_key_marker: last.map(|upload| upload.key.clone()),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            is_truncated: Some(is_truncated),
            uploads: Some(all.into_iter().map(under_way).collect()),
            max_uploads: Some(max),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            ..ListMultipartUploadsOutput::default()
        })
    }

    /// An upload belongs to a key; under another one it is not known.
    async fn known_upload(&self, bucket: &BucketName, key: &str, upload: &str) -> S3Result<()> {
        let all = self.data.list_uploads(&bucket.app, &bucket.bucket).await;
        let all = all.map_err(|cause| refused(Concerning::Objects, cause))?;
        if all.iter().any(|known| known.id == upload && known.key == key) {
            return Ok(());
        }
        let message =
            format!("there is no upload `{upload}` of `{key}`: it was completed, given up, or never begun");
        Err(S3Error::with_message(S3ErrorCode::NoSuchUpload, message))
    }
}

/// What could only be ignored.
fn refuse_unchecked(input: &CompleteMultipartUploadInput) -> S3Result<()> {
    if input.if_match.is_some() || input.if_none_match.is_some() {
        return Err(not_here("an upload in parts has no conditions here: put the object in one request"));
    }
    let whole = [
        &input.checksum_crc32,
        &input.checksum_crc32c,
        &input.checksum_crc64nvme,
        &input.checksum_sha1,
        &input.checksum_sha256,
    ];
    if whole.into_iter().any(Option::is_some) {
        return Err(not_here("parts are checked one by one; a checksum of the whole object is not"));
    }
    Ok(())
}

fn in_order(parts: Vec<CompletedPart>) -> S3Result<Vec<(u32, String)>> {
    if parts.is_empty() {
        return Err(S3Error::with_message(S3ErrorCode::MalformedXML, "an upload has at least one part"));
    }
    let mut named = Vec::with_capacity(parts.len());
    for part in parts {
        let number = part_number(part.part_number.unwrap_or_default())?;
        let etag = part.e_tag.ok_or_else(|| bad_argument("each part needs its ETag"))?.into_value();
        if named.last().is_some_and(|(before, _)| *before >= number) {
            return Err(S3Error::with_message(
                S3ErrorCode::InvalidPartOrder,
                "parts are listed by ascending number",
            ));
        }
        named.push((number, etag));
    }
    Ok(named)
}

fn completed(bucket: String, object: ObjectInfo) -> CompleteMultipartUploadOutput {
    CompleteMultipartUploadOutput {
        location: Some(format!("/{bucket}/{}", object.key)),
        bucket: Some(bucket),
        e_tag: Some(etag(&object.etag)),
        key: Some(object.key),
        ..CompleteMultipartUploadOutput::default()
    }
}

fn part(part: &UploadedPart) -> Part {
    Part {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(time_of(part.modified_ms)),
        part_number: i32::try_from(part.number).ok(),
        size: Some(signed(part.size)),
        ..Part::default()
    }
}

fn under_way(upload: sf_data::MultipartUpload) -> MultipartUpload {
    MultipartUpload {
        initiated: Some(time_of(upload.started_ms)),
        key: Some(upload.key),
        upload_id: Some(upload.id),
        ..MultipartUpload::default()
    }
}

/// Cuts a list to a page; says whether something was cut off.
fn truncate<T>(list: &mut Vec<T>, max: i32) -> bool {
    let max = usize::try_from(max).unwrap_or_default();
    // A page of nothing is the last one, or there would be no end.
    let is_truncated = max > 0 && list.len() > max;
    list.truncate(max);
    is_truncated
}
