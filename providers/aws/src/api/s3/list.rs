//! What a bucket holds, page by page. Keys come percent-encoded, since a key may hold what XML cannot.

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::super::send::xml;
use super::of_bucket;
use crate::api::{ApiError, Client};

/// Which objects to list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// From 1 to 1,000; 0: as many as S3 likes.
    pub(crate) limit: usize,
    /// Of the page before.
    pub(crate) token: Option<&'a str>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// Without its quotes.
    #[serde(default, rename = "ETag")]
    pub(crate) etag: String,
    pub(crate) last_modified: String,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectPage {
    pub(crate) objects: Vec<Stored>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    contents: Vec<Stored>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: Option<String>,
    #[serde(default)]
    encoding_type: Encoding,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

/// One page of a bucket's objects, in the order of their keys.
pub(crate) async fn list_objects_v2(
    client: &Client,
    bucket: &str,
    listing: &Listing<'_>,
) -> Result<ObjectPage, ApiError> {
    let mut request = of_bucket(client, "ListObjectsV2", Method::GET, bucket)
        .query("list-type", "2")
        .query("encoding-type", "url");
    if !listing.prefix.is_empty() {
        request = request.query("prefix", listing.prefix);
    }
    if listing.limit > 0 {
        request = request.query("max-keys", listing.limit.to_string());
    }
    for (name, value) in [("delimiter", listing.delimiter), ("continuation-token", listing.token)] {
        if let Some(value) = value {
            request = request.query(name, value);
        }
    }
    let operation = request.operation;
    let result: ListBucketResult = xml(operation, &client.send(request).await?)?;
    let objects = result.contents.into_iter().map(|stored| Stored {
        key: result.encoding_type.decoded(&stored.key),
        etag: stored.etag.trim_matches('"').to_owned(),
        ..stored
    });
    Ok(ObjectPage {
        objects: objects.collect(),
        prefixes: result
            .common_prefixes
            .iter()
            .map(|common| result.encoding_type.decoded(&common.prefix))
            .collect(),
        next: result.next_continuation_token.filter(|token| !token.is_empty()),
    })
}

/// A version of an object, or the marker of its deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    pub(crate) key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
}

#[derive(Deserialize)]
struct ListVersionsResult {
    #[serde(default, rename = "Version")]
    versions: Vec<Version>,
    #[serde(default, rename = "DeleteMarker")]
    delete_markers: Vec<Version>,
    #[serde(default, rename = "EncodingType")]
    encoding: Encoding,
}

/// The first page of a bucket's versions and delete markers. There is no asking for the next one: whoever asks deletes what he is told of.
pub(crate) async fn list_object_versions(client: &Client, bucket: &str) -> Result<Vec<Version>, ApiError> {
    let request = of_bucket(client, "ListObjectVersions", Method::GET, bucket)
        .query("versions", "")
        .query("encoding-type", "url");
    let operation = request.operation;
    let result: ListVersionsResult = xml(operation, &client.send(request).await?)?;
    let all = result.versions.into_iter().chain(result.delete_markers);
    Ok(all.map(|version| Version { key: result.encoding.decoded(&version.key), ..version }).collect())
}

/// How an answer writes keys: not everything that speaks S3's protocol does what it was asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    /// As in a form: a space is `+`.
    Url,
    #[default]
    #[serde(other)]
    Plain,
}

impl Encoding {
    pub(super) fn decoded(self, key: &str) -> String {
        match self {
            Self::Plain => key.to_owned(),
            Self::Url => percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_delete_markers_may_come_mixed() {
        let result: ListVersionsResult = quick_xml::de::from_str(
            "<ListVersionsResult><Name>b</Name><EncodingType>url</EncodingType><Version><Key>a+b</Key><VersionId>1</VersionId><Size>3</Size></Version>\
             <DeleteMarker><Key>c</Key><VersionId>2</VersionId></DeleteMarker>\
             <Version><Key>d%2Fe</Key><VersionId>null</VersionId></Version></ListVersionsResult>",
        )
        .unwrap();
        let keys: Vec<String> =
            result.versions.iter().map(|version| result.encoding.decoded(&version.key)).collect();
        assert_eq!(keys, ["a b", "d/e"]);
        assert_eq!(result.delete_markers.len(), 1);
    }
}
