//! What a request's head must be before anything is done with it. What hyper and [`super::framing`] refuse never comes here.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::uri::Authority;
use http::{Method, Request, StatusCode, Version};

use super::body::{Fault, MAX_BODY};
use super::problem::Problem;

/// A client that does not send its request's head by then is cut off; so is a connection on which nothing is asked for that long.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Request line and headers together; hyper answers 431 to more, and to more than 100 headers.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Path and query.
const MAX_URL: usize = 16 << 10;

/// Refuses what no function should have to think of.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > MAX_URL {
        let message = format!("a path with its query may have {} KiB", MAX_URL >> 10);
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "url-too-long", message));
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let message = "no function answers CONNECT or TRACE";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "no-method", message));
    }
    check_host(request)?;
    check_path(uri.path())?;
    check_query(uri.query().unwrap_or_default())?;
    let headers = request.headers();
    if headers.get_all(EXPECT).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        let message = "no expectation but 100-continue can be met";
        return Err(Problem::new(StatusCode::EXPECTATION_FAILED, "bad-expectation", message));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > MAX_BODY => Err(Fault::TooLarge.problem()),
        _ => Ok(()),
    }
}

/// RFC 9112, section 3.2: exactly one `Host`, and a valid one. Functions build their request's URL from it.
fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let bad = || Problem::bad("bad-host", "a request has one valid Host header");
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            let is_valid = |text: &str| {
                let parsed = text.parse::<Authority>();
                parsed.is_ok_and(|authority| !authority.host().is_empty()) && !text.contains('@')
            };
            host.to_str().ok().filter(|text| is_valid(text)).map(drop).ok_or_else(bad)
        }
        (None, None) if request.version() < Version::HTTP_11 => Ok(()),
        _ => Err(bad()),
    }
}

/// A path is what it says: no `.` or `..` that somebody further on would resolve to another route's path, however encoded; no control
/// characters; UTF-8.
fn check_path(path: &str) -> Result<(), Problem> {
    if path == "*" {
        return Ok(());
    }
    let bad = |message| Err(Problem::bad("bad-path", message));
    let Some(decoded) = decode(path) else {
        return bad("the path is no percent-encoded UTF-8");
    };
    if decoded.chars().any(char::is_control) {
        return bad("the path has control characters in it");
    }
    // Windows programs take a backslash for a slash; so does the URL parser of every browser.
    if decoded.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
        return bad("the path has `.` or `..` in it");
    }
    Ok(())
}

/// What a function makes of its query is its own affair, but no bytes of it are unprintable.
fn check_query(query: &str) -> Result<(), Problem> {
    match query.chars().any(char::is_control) {
        true => Err(Problem::bad("bad-query", "the query has control characters in it")),
        false => Ok(()),
    }
}

/// Percent-decoding; `None` where it is malformed or not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = if *first == b'%' {
            let digits = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            tail.get(2..)?
        } else {
            bytes.push(*first);
            tail
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: http::request::Builder) -> u16 {
        check(&request.body(()).unwrap()).map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    fn get(path: &str) -> u16 {
        status(Request::builder().uri(path).header("host", "a.example:80"))
    }

    #[test]
    fn no_path_means_another_path() {
        for path in ["/", "/a/b", "/a//b", "/a%20b", "/a%2Fb", "/...", "/a..b", "/%C3%A9", "/é", "/a%5Cb"] {
            assert_eq!(get(path), 200, "{path}");
        }
        let traversals = ["/..", "/a/../b", "/a/./b", "/%2e%2e/b", "/%2E%2e", "/.%2e/b", "/a/..%2fb", "/%2e"];
        let others =
            ["/a/..%5cb", "/a\\..\\b", "/%00", "/a%0d%0ab", "/a%1fb", "/%7f", "/%zz", "/%f", "/%ff", "/%c3"];
        for path in traversals.iter().chain(&others) {
            assert_eq!(get(path), 400, "{path}");
        }
        assert_eq!(get(&format!("/{}", "a".repeat(16 << 10))), 414);
    }

    #[test]
    fn there_is_one_host() {
        let request = || Request::builder().uri("/");
        assert_eq!(status(request()), 400);
        assert_eq!(status(request().version(Version::HTTP_10)), 200);
        assert_eq!(status(request().header("host", "a").header("host", "a")), 400);
        for host in ["", "a b", "a/b", "user@a", "a:b:c", "a\u{e9}"] {
            let request = request().header("host", http::HeaderValue::from_bytes(host.as_bytes()).unwrap());
            assert_eq!(status(request), 400, "{host}");
        }
        for host in ["localhost:7071", "[::1]:80", "a.example"] {
            assert_eq!(status(request().header("host", host)), 200, "{host}");
        }
    }

    #[test]
    fn sizes_methods_and_expectations() {
        let request = || Request::builder().uri("/").header("host", "a");
        assert_eq!(status(request().header("content-length", MAX_BODY)), 200);
        assert_eq!(status(request().header("content-length", MAX_BODY + 1)), 413);
        assert_eq!(status(request().header("expect", "100-Continue")), 200);
        assert_eq!(status(request().header("expect", "a miracle")), 417);
        assert_eq!(status(request().method("TRACE")), 501);
        assert_eq!(status(Request::builder().method("OPTIONS").uri("*").header("host", "a")), 200);
    }
}
