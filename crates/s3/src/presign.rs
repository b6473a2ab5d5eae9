//! Presigned links: Signature Version 4 in the query.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::time::Duration;

use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::{BucketName, Credentials, MAX_LINK_SECONDS, REGION};

/// What stands for itself in a signed URL; everything else is percent-encoded. `UriEncode` of the page above.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// What a link permits.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    /// Where the service listens: `http://127.0.0.1:7072`.
    pub endpoint: &'a str,
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// The object's bucket.
    pub bucket: &'a BucketName,
    /// The object.
    pub key: &'a str,
    /// For how long, in whole seconds; at least one, at most [`MAX_LINK_SECONDS`].
    pub expires: Duration,
    /// From when: milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// The link: whoever has it may do just that until it expires.
pub fn presign(credentials: &Credentials, link: &Link<'_>) -> String {
    let seconds = i64::try_from(link.now_ms / 1000).unwrap_or(i64::MAX);
    let now = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let host = link.endpoint.split_once("://").map_or(link.endpoint, |(_, host)| host);
    let signing = Signing {
        method: link.method,
        host: host.trim_end_matches('/'),
        path: format!("/{}/{}", link.bucket.physical(), utf8_percent_encode(link.key, PATH)),
        region: REGION,
        time: now.format("%Y%m%dT%H%M%SZ").to_string(),
        expires: link.expires.as_secs().clamp(1, MAX_LINK_SECONDS),
    };
    format!("{}{}?{}", link.endpoint.trim_end_matches('/'), signing.path, signing.query(credentials))
}

struct Signing<'a> {
    method: &'a str,
    host: &'a str,
    /// Encoded.
    path: String,
    region: &'a str,
    /// `20260101T000000Z`
    time: String,
    expires: u64,
}

impl Signing<'_> {
    fn query(&self, credentials: &Credentials) -> String {
        let date = self.time.get(..8).unwrap_or_default();
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let credential = format!("{}/{scope}", credentials.access_key);
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders=host",
            utf8_percent_encode(&credential, UNRESERVED),
            self.time,
            self.expires,
        );
        let canonical =
            format!("{}\n{}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", self.method, self.path, self.host);
        let digest = hex::encode(Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{digest}", self.time);
        let secret = format!("AWS4{}", credentials.secret_key);
        let key = [date, self.region, "s3", "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
        format!("{query}&X-Amz-Signature={}", hex::encode(mac(&key, text.as_bytes())))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; the type's error is of other algorithms.
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the page above.
    #[test]
    fn a_signature_is_the_one_that_amazon_computes() {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        };
        let signing = Signing {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt".into(),
            region: "us-east-1",
            time: "20130524T000000Z".into(),
            expires: 86400,
        };
        assert_eq!(
            signing.query(&credentials),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
             &X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn a_key_is_encoded_but_for_its_slashes() {
        let app = sf_data::AppId { project: "shop".into(), stage: "dev".into() };
        let link = Link {
            endpoint: "http://127.0.0.1:9000/",
            method: "GET",
            bucket: &BucketName { app, bucket: "raw".into() },
            key: "a b/ü+&?.png",
            expires: Duration::from_secs(u64::MAX),
            now_ms: 1_767_225_600_000,
        };
        let url = presign(&Credentials { access_key: "sf1".into(), secret_key: "s".into() }, &link);
        assert!(url.starts_with("http://127.0.0.1:9000/shop-dev-raw/a%20b/%C3%BC%2B%26%3F.png?"), "{url}");
        assert!(url.contains("X-Amz-Date=20260101T000000Z&X-Amz-Expires=604800&"), "{url}");
    }
}
