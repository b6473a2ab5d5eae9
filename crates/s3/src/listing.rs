//! `ListObjects` and `ListObjectsV2`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Result;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object, ObjectStorageClass,
};
use sf_data::{Listing, ObjectInfo, Page};

use crate::error::{Concerning, bad_argument, refused};
use crate::store::{Store, etag, signed, time_of};

/// On one page, also if a client asks for more.
pub(crate) const MAX_KEYS: i32 = 1000;
/// What stands for itself in a key that the client wants encoded.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What both versions ask for.
struct Asked<'a> {
    bucket: &'a str,
    prefix: Option<&'a str>,
    delimiter: Option<&'a str>,
    after: Option<String>,
    max_keys: Option<i32>,
}

/// How texts are written: keys may hold what XML cannot.
#[derive(Clone, Copy)]
struct Writing {
    encoded: bool,
}

impl Writing {
    fn of(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { encoded: false }),
            Some(EncodingType::URL) => Ok(Self { encoded: true }),
            Some(_) => Err(bad_argument("encoding-type is `url` or absent")),
        }
    }

    fn text(self, text: String) -> String {
        if self.encoded { utf8_percent_encode(&text, KEY).to_string() } else { text }
    }

    fn objects(self, objects: Vec<ObjectInfo>) -> Option<Vec<Object>> {
        let object = |object: ObjectInfo| Object {
            e_tag: Some(etag(&object.etag)),
            last_modified: Some(time_of(object.modified_ms)),
            size: Some(signed(object.size)),
            key: Some(self.text(object.key)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        };
        Some(objects.into_iter().map(object).collect())
    }

    fn prefixes(self, prefixes: Vec<String>) -> Option<Vec<CommonPrefix>> {
        Some(prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect())
    }
}

impl Store {
    pub(crate) async fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let writing = Writing::of(input.encoding_type.as_ref())?;
        let asked = Asked {
            bucket: &input.bucket,
            prefix: input.prefix.as_deref(),
            delimiter: input.delimiter.as_deref(),
            after: input.marker.clone(),
            max_keys: input.max_keys,
        };
        let (page, max_keys) = self.list(asked).await?;
        Ok(ListObjectsOutput {
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.map(|next| writing.text(next)),
            contents: writing.objects(page.objects),
            common_prefixes: writing.prefixes(page.prefixes),
            prefix: Some(writing.text(input.prefix.unwrap_or_default())),
            marker: Some(writing.text(input.marker.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| writing.text(delimiter)),
            name: Some(input.bucket),
            max_keys: Some(max_keys),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    pub(crate) async fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let writing = Writing::of(input.encoding_type.as_ref())?;
        let after = match &input.continuation_token {
            Some(token) => Some(from_token(token)?),
            None => input.start_after.clone(),
        };
        let asked = Asked {
            bucket: &input.bucket,
            prefix: input.prefix.as_deref(),
            delimiter: input.delimiter.as_deref(),
            after,
            max_keys: input.max_keys,
        };
        let (page, max_keys) = self.list(asked).await?;
        let count = page.objects.len() + page.prefixes.len();
        Ok(ListObjectsV2Output {
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            contents: writing.objects(page.objects),
            common_prefixes: writing.prefixes(page.prefixes),
            prefix: Some(writing.text(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| writing.text(delimiter)),
            start_after: input.start_after.map(|start| writing.text(start)),
            continuation_token: input.continuation_token,
            name: Some(input.bucket),
            max_keys: Some(max_keys),
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        })
    }

    async fn list(&self, asked: Asked<'_>) -> S3Result<(Page, i32)> {
        let bucket = self.bucket(asked.bucket)?;
        let max_keys = page_size(asked.max_keys)?;
        let Some(limit) = usize::try_from(max_keys).ok().filter(|limit| *limit > 0) else {
            return Ok((Page::default(), max_keys));
        };
        let listing = Listing {
            prefix: asked.prefix.unwrap_or_default().to_owned(),
            delimiter: asked.delimiter.filter(|delimiter| !delimiter.is_empty()).map(str::to_owned),
            after: asked.after.filter(|after| !after.is_empty()),
            limit,
        };
        let page = self.data.list_objects(&bucket.app, &bucket.bucket, listing).await;
        Ok((page.map_err(|cause| refused(Concerning::Objects, cause))?, max_keys))
    }
}

/// How many entries a page may have.
pub(crate) fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        Some(asked) if asked < 0 => Err(bad_argument("a page cannot have less than no entries")),
        asked => Ok(asked.unwrap_or(MAX_KEYS).min(MAX_KEYS)),
    }
}

fn from_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| bad_argument("the continuation token is none of ours"))
}
