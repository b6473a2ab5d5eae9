//! Buckets.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use sf_plan::Failure;
use sf_provider::{ByteStream, Cx, ObjectInfo, ObjectPage, ObjectQuery, Objects, UrlMethod};
use tokio::sync::mpsc;

use super::{AwsOperate, failure, refused};
use crate::api::s3::{self, Listing};
use crate::names;

/// Pieces of a body that may wait for a slow reader.
const PIECES: usize = 8;

#[async_trait]
impl Objects for AwsOperate {
    async fn list(&self, cx: &Cx, bucket: &str, query: &ObjectQuery) -> Result<ObjectPage, Failure> {
        let physical = self.bucket(cx, bucket).await?;
        let listing = Listing {
            prefix: &query.prefix,
            delimiter: query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            limit: query.limit,
            token: query.cursor.as_deref(),
        };
        let page = s3::list_objects_v2(&self.api, &physical, &listing)
            .await
            .map_err(|error| refused(&format!("list bucket `{bucket}`"), &error))?;
        let info = |stored: s3::Stored| ObjectInfo {
            key: stored.key,
            size: stored.size,
            etag: stored.etag,
            modified: stored.last_modified,
        };
        Ok(ObjectPage {
            objects: page.objects.into_iter().map(info).collect(),
            prefixes: page.prefixes,
            cursor: page.next,
        })
    }

    async fn get(&self, cx: &Cx, bucket: &str, key: &str) -> Result<Option<ByteStream>, Failure> {
        let physical = self.bucket_of(cx, bucket, key).await?;
        let doing = format!("read `{key}` of bucket `{bucket}`");
        let found =
            s3::get_object(&self.api, &physical, key).await.map_err(|error| refused(&doing, &error))?;
        Ok(found.map(|response| {
            let (sender, receiver) = mpsc::channel(PIECES);
            tokio::spawn(forward(response, doing, sender));
            receiver
        }))
    }

    async fn put(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        file: &Path,
        content_type: Option<&str>,
    ) -> Result<String, Failure> {
        let physical = self.bucket_of(cx, bucket, key).await?;
        let readable = tokio::fs::File::open(file).await;
        readable.map_err(|cause| {
            let message = format!("read `{}`: {cause}", file.display());
            failure("file", message, "name a file that can be read")
        })?;
        let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
        s3::put_file(&self.api, &physical, key, file, &headers)
            .await
            .map_err(|error| refused(&format!("put `{key}` into bucket `{bucket}`"), &error))
    }

    async fn remove(&self, cx: &Cx, bucket: &str, key: &str) -> Result<(), Failure> {
        let physical = self.bucket_of(cx, bucket, key).await?;
        s3::delete_object(&self.api, &physical, key, None)
            .await
            .map_err(|error| refused(&format!("remove `{key}` from bucket `{bucket}`"), &error))
    }

    async fn url(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        method: UrlMethod,
        expires: Duration,
    ) -> Result<String, Failure> {
        let physical = self.bucket_of(cx, bucket, key).await?;
        let method = match method {
            UrlMethod::Get => Method::GET,
            UrlMethod::Put => Method::PUT,
        };
        s3::presigned(&self.api, method, &physical, key, expires)
            .await
            .map_err(|error| refused(&format!("make a URL of `{key}` in bucket `{bucket}`"), &error))
    }
}

impl AwsOperate {
    /// A bucket's physical name.
    async fn bucket(&self, cx: &Cx, bucket: &str) -> Result<String, Failure> {
        Ok(self.api.place().await?.concrete(&names::bucket(&cx.scope, bucket)))
    }

    /// The same, for a request that has the key in its path.
    async fn bucket_of(&self, cx: &Cx, bucket: &str, key: &str) -> Result<String, Failure> {
        if key.split('/').any(|part| part == "." || part == "..") {
            return Err(failure(
                "bad-request",
                format!("`{key}` of bucket `{bucket}`: no URL can have a part `.` or `..`"),
                "name the object otherwise",
            ));
        }
        self.bucket(cx, bucket).await
    }
}

/// Until the body ends, or nobody reads it any more.
async fn forward(
    mut response: reqwest::Response,
    doing: String,
    sender: mpsc::Sender<Result<bytes::Bytes, Failure>>,
) {
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(error) => Err(Failure {
                transient: true,
                ..failure("unreachable", format!("{doing}: {error}"), "run the command again")
            }),
        };
        let failed = piece.is_err();
        if sender.send(piece).await.is_err() || failed {
            return;
        }
    }
}
