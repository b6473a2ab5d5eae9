//! Buckets.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use sf_host_api::http::{Method, Response};
use sf_plan::Failure;
use sf_provider::{ByteStream, Cx, ObjectPage, ObjectQuery, Objects, UrlMethod};
use tokio::sync::mpsc;

use super::HostOperate;
use super::data::{DataCall, lost, parameter, segment};
use crate::failure;

/// Pieces of a body that may wait for a slow reader.
const PIECES: usize = 8;

#[derive(Deserialize)]
struct Put {
    etag: String,
}

#[derive(Deserialize)]
struct Link {
    url: String,
}

#[async_trait]
impl Objects for HostOperate {
    async fn list(&self, cx: &Cx, bucket: &str, query: &ObjectQuery) -> Result<ObjectPage, Failure> {
        let mut path = format!("/buckets/{}/objects?limit={}", segment(bucket)?, query.limit);
        let more = [
            ("prefix", Some(&query.prefix)),
            ("delimiter", query.delimiter.as_ref()),
            ("cursor", query.cursor.as_ref()),
        ];
        for (name, value) in more {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                path.push_str(&format!("&{name}={}", parameter(value)?));
            }
        }
        self.data_json(cx, DataCall::empty(Method::GET, path)).await
    }

    async fn get(&self, cx: &Cx, bucket: &str, key: &str) -> Result<Option<ByteStream>, Failure> {
        let path = object(bucket, key)?;
        match self.data(cx, DataCall::empty(Method::GET, path)).await {
            Ok(response) => {
                let (sender, receiver) = mpsc::channel(PIECES);
                tokio::spawn(forward(response, format!("read `{key}` of bucket `{bucket}`"), sender));
                Ok(Some(receiver))
            }
            // A bucket that is not there is not one without the object.
            Err(absent) if absent.code.as_deref() == Some("not-found") => {
                let one = ObjectQuery { limit: 1, ..ObjectQuery::default() };
                self.list(cx, bucket, &one).await.map(|_| None)
            }
            Err(other) => Err(other),
        }
    }

    async fn put(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        file: &Path,
        content_type: Option<&str>,
    ) -> Result<String, Failure> {
        let unreadable = |cause: std::io::Error| {
            let message = format!("read `{}`: {cause}", file.display());
            failure::new("file", message, "name a file that can be read")
        };
        let open = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let size = open.metadata().await.map_err(unreadable)?.len().to_string();
        let mut headers = vec![("content-length", size.as_str())];
        headers.extend(content_type.map(|content_type| ("content-type", content_type)));
        let call = DataCall { method: Method::PUT, path: object(bucket, key)?, headers, body: open.into() };
        Ok(self.data_json::<Put>(cx, call).await?.etag)
    }

    async fn remove(&self, cx: &Cx, bucket: &str, key: &str) -> Result<(), Failure> {
        let call = DataCall::empty(Method::DELETE, object(bucket, key)?);
        self.data(cx, call).await.map(drop)
    }

    async fn url(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        method: UrlMethod,
        expires: Duration,
    ) -> Result<String, Failure> {
        let method = match method {
            UrlMethod::Get => "GET",
            UrlMethod::Put => "PUT",
        };
        let body = json!({ "key": key, "method": method, "expires": expires.as_secs() });
        let call = DataCall::json(Method::POST, format!("/buckets/{}/url", segment(bucket)?), &body);
        Ok(self.data_json::<Link>(cx, call).await?.url)
    }
}

fn object(bucket: &str, key: &str) -> Result<String, Failure> {
    Ok(format!("/buckets/{}/objects/{}", segment(bucket)?, segment(key)?))
}

/// Until the body ends, or nobody reads it any more.
async fn forward(
    mut response: Response,
    operation: String,
    sender: mpsc::Sender<Result<bytes::Bytes, Failure>>,
) {
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(error) => Err(lost(&operation, &error)),
        };
        let failed = piece.is_err();
        if sender.send(piece).await.is_err() || failed {
            return;
        }
    }
}
