//! The service by itself, asked with links. Whole clients ask in the end-to-end tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, AUTHORIZATION,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, RANGE,
};
use http::request::Builder;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use sf_data::{AppId, Data};

use super::*;

const ENDPOINT: &str = "http://127.0.0.1:9000";

struct One(BucketName);

impl Names for One {
    fn all(&self) -> Vec<BucketName> {
        vec![self.0.clone()]
    }
}

struct Fixture {
    service: Service,
    credentials: Credentials,
    bucket: BucketName,
    _folder: tempfile::TempDir,
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let data = Data::open(folder.path(), Arc::new(now_ms)).unwrap();
        let app = AppId { project: "shop".into(), stage: "dev".into() };
        data.define_bucket(&app, "raw").await.unwrap();
        let bucket = BucketName { app, bucket: "raw".into() };
        let credentials = Credentials { access_key: "sf1".into(), secret_key: "secret".into() };
        let service = Service::new(data, One(bucket.clone()), &credentials);
        Self { service, credentials, bucket, _folder: folder }
    }

    fn link_from(&self, method: &str, key: &str, seconds: u64, now_ms: u64) -> String {
        let expires = Duration::from_secs(seconds);
        presign(
            &self.credentials,
            &Link { endpoint: ENDPOINT, method, bucket: &self.bucket, key, expires, now_ms },
        )
    }

    fn link(&self, method: &str, key: &str) -> String {
        self.link_from(method, key, 60, now_ms())
    }

    async fn ask(&self, request: Builder, body: &'static str) -> Answer {
        let request = request.header(HOST, "127.0.0.1:9000").body(Body::from(Bytes::from(body))).unwrap();
        Answer::of(self.service.answer(request).await).await
    }

    async fn put(&self, key: &str, body: &'static str) -> Answer {
        self.ask(Request::put(self.link("PUT", key)), body).await
    }

    async fn get(&self, key: &str) -> Answer {
        self.ask(Request::get(self.link("GET", key)), "").await
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self { status: head.status, headers: head.headers, text }
    }

    #[track_caller]
    fn is(&self, status: u16, part: &str) {
        assert!(self.status == status && self.text.contains(part), "not {status} {part:?}: {self:?}");
    }
}

#[tokio::test]
async fn a_link_permits_what_it_says_and_nothing_else() {
    let fixture = Fixture::new().await;
    fixture.put("a/../b ü", "hello").await.is(200, "");
    let got = fixture.get("a/../b ü").await;
    got.is(200, "hello");
    assert_eq!(got.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    fixture.put("other", "other").await.is(200, "");
    let link = fixture.link("GET", "other");
    fixture.ask(Request::put(&link), "changed").await.is(403, "SignatureDoesNotMatch");
    fixture.ask(Request::get(link.replace("/other", "/secret")), "").await.is(403, "SignatureDoesNotMatch");
    let longer = link.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    fixture.ask(Request::get(longer), "").await.is(403, "SignatureDoesNotMatch");
    fixture.get("other").await.is(200, "other");
}

#[tokio::test]
async fn a_link_expires() {
    let fixture = Fixture::new().await;
    fixture.put("key", "hello").await.is(200, "");
    let old = fixture.link_from("GET", "key", 60, now_ms() - 61_000);
    let answer = fixture.ask(Request::get(old), "").await;
    answer.is(403, "Request has expired");
    assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "a page may read why");
}

#[tokio::test]
async fn without_the_key_there_is_nothing() {
    let fixture = Fixture::new().await;
    let url = format!("{ENDPOINT}/shop-dev-raw/key");
    fixture.ask(Request::get(&url), "").await.is(403, "AccessDenied");
    fixture.ask(Request::get(ENDPOINT), "").await.is(403, "AccessDenied");
    let stranger = Credentials { access_key: "sf2".into(), ..fixture.credentials.clone() };
    let link = Link {
        endpoint: ENDPOINT,
        method: "GET",
        bucket: &fixture.bucket,
        key: "key",
        expires: Duration::from_secs(60),
        now_ms: now_ms(),
    };
    fixture.ask(Request::get(presign(&stranger, &link)), "").await.is(403, "InvalidAccessKeyId");
    let version_2 = Request::get(&url).header(AUTHORIZATION, "AWS sf1:c2lnbmF0dXJl");
    fixture.ask(version_2, "").await.is(400, "AWS4-HMAC-SHA256");
    let form = Request::post(format!("{ENDPOINT}/shop-dev-raw"))
        .header(CONTENT_TYPE, "multipart/form-data; boundary=b");
    fixture.ask(form, "").await.is(501, "presigned PUT");
    let other = BucketName { bucket: "none".into(), ..fixture.bucket.clone() };
    let link = presign(&fixture.credentials, &Link { bucket: &other, ..link });
    fixture.ask(Request::get(link), "").await.is(404, "NoSuchBucket");
    fixture.get("key").await.is(404, "NoSuchKey");
}

#[tokio::test]
async fn a_page_may_ask_whether_it_may_use_a_link() {
    let fixture = Fixture::new().await;
    let preflight = |url: String| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(url)
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
    };
    let answer = fixture.ask(preflight(fixture.link("PUT", "key")), "").await;
    answer.is(204, "");
    assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_HEADERS], "content-type");
    let unsigned = fixture.ask(preflight(format!("{ENDPOINT}/shop-dev-raw/key")), "").await;
    assert!(unsigned.status != 204 && !unsigned.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}

#[tokio::test]
async fn a_range_is_given_where_it_is_understood() {
    let fixture = Fixture::new().await;
    fixture.put("key", "hello").await.is(200, "");
    let ranged = |range| Request::get(fixture.link("GET", "key")).header(RANGE, range);
    let part = fixture.ask(ranged("bytes=1-2"), "").await;
    part.is(206, "el");
    assert_eq!(part.headers[CONTENT_RANGE], "bytes 1-2/5");
    fixture.ask(ranged("bytes=0-0,2-3"), "").await.is(200, "hello");
    fixture.ask(ranged("lines=1"), "").await.is(200, "hello");
    let outside = fixture.ask(ranged("bytes=5-"), "").await;
    outside.is(416, "InvalidRange");
    assert_eq!(outside.headers[CONTENT_RANGE], "bytes */5");
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let fixture = Fixture::new().await;
    let put = fixture.put("key", "hello").await;
    let again = Request::get(fixture.link("GET", "key")).header(IF_NONE_MATCH, &put.headers[ETAG]);
    let answer = fixture.ask(again, "").await;
    assert_eq!((answer.status, &answer.headers[ETAG]), (StatusCode::NOT_MODIFIED, &put.headers[ETAG]));
}

#[tokio::test]
async fn a_body_that_is_not_what_was_said_leaves_the_old_one() {
    let fixture = Fixture::new().await;
    fixture.put("key", "old").await.is(200, "");
    for (name, value) in [
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-content-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ] {
        let said = |body| {
            fixture.ask(
                Request::put(fixture.link("PUT", "key")).header(name, value).header("content-length", "5"),
                body,
            )
        };
        let answer = said("hullo").await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        fixture.get("key").await.is(200, "old");
        said("hello").await.is(200, "");
        fixture.get("key").await.is(200, "hello");
        fixture.put("key", "old").await.is(200, "");
    }
}
