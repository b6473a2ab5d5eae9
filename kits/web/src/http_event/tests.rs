use http_body_util::BodyExt;
use serde_json::json;

use super::*;

/// A golden file of the kits, which hold AWS's shapes.
fn golden(name: &str) -> Value {
    let path = format!("{}/../conformance/lambda/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn request(event: Value) -> Request<Full<Bytes>> {
    serde_json::from_value::<HttpEvent>(event).unwrap().into_request().unwrap()
}

fn body(request: Request<Full<Bytes>>) -> Bytes {
    // All of it is there.
    let collected = request.into_body().collect();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(collected).unwrap().to_bytes()
}

/// An event with this in it.
fn event(more: &Value) -> Value {
    let mut event =
        json!({ "version": "2.0", "rawPath": "/", "requestContext": { "http": { "method": "GET" } } });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[test]
fn a_request_is_what_the_client_sent() {
    for name in ["http-2.0-whole", "http-2.0-bytes", "http-2.0-bare", "http-form"] {
        let golden = golden(name);
        if golden["payload"] != "2.0" && golden.get("payload").is_some() {
            continue;
        }
        let request = request(golden["event"].clone());
        let head = &golden["head"];
        assert_eq!(request.method().as_str(), head["method"], "{name}");
        let target = head["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap();
        assert_eq!(request.uri().to_string(), format!("/{target}"), "{name}");
        for pair in head["headers"].as_array().unwrap() {
            let (header, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            let sent = request.headers()[header].to_str().unwrap();
            assert!(sent.split(',').any(|one| one == value) || sent == value, "{name}: {header}: {sent}");
        }
        let wanted = match &golden["body"] {
            Value::String(text) => text.clone().into_bytes(),
            Value::Object(bytes) => BASE64_STANDARD.decode(bytes["$bytes"].as_str().unwrap()).unwrap(),
            _ => Vec::new(),
        };
        assert_eq!(body(request), wanted, "{name}");
    }
}

#[test]
fn parameters_and_claims_are_headers_as_on_the_host() {
    let golden = golden("http-2.0-whole");
    let sent = request(golden["event"].clone());
    assert_eq!(sent.headers()["x-sf-param-proxy"], "a%20b/%C3%A9");
    let claims = |request: &Request<Full<Bytes>>| -> Value {
        let header = BASE64_URL_SAFE_NO_PAD.decode(request.headers()["x-sf-auth"].as_bytes()).unwrap();
        serde_json::from_slice(&header).unwrap()
    };
    // Without a token there are only the gateway's texts.
    assert_eq!(claims(&sent)["roles"], "[a b]");
    let token = BASE64_URL_SAFE_NO_PAD.encode(golden["head"]["auth"].to_string());
    let mut event = golden["event"].clone();
    event["headers"]["authorization"] = format!("Bearer e30.{token}.c2ln").into();
    assert_eq!(claims(&request(event)), golden["head"]["auth"]);
    assert!(!request(self::event(&json!({}))).headers().contains_key("x-sf-auth"));
}

#[test]
fn what_is_ours_or_of_one_connection_is_not_passed_on() {
    let headers = json!({ "x-sf-auth": "forged", "X_SF_Invocation": "1", "Connection": "close", "content-length": "9", "x-a": "1" });
    let sent = request(event(&json!({ "headers": headers, "cookies": ["a=1", "b=2"] })));
    let names: Vec<_> = sent.headers().keys().map(|name| name.as_str().to_owned()).collect();
    assert_eq!(names, ["x-a", "cookie", "host"]);
    assert_eq!(sent.headers()["cookie"], "a=1; b=2");
}

#[test]
fn the_target_is_one_that_http_can_hold() {
    let target = |path: &str, query: &str, stage: &str| {
        let context = json!({ "http": { "method": "GET" }, "stage": stage });
        request(event(&json!({ "rawPath": path, "rawQueryString": query, "requestContext": context })))
            .uri()
            .to_string()
    };
    assert_eq!(target("/a b/\u{e9}?", "x=%20\u{e9}&y=?", "$default"), "/a%20b/%C3%A9%3F?x=%20%C3%A9&y=?");
    assert_eq!(target("/a%2Fb%25", "", "$default"), "/a%2Fb%25");
    assert_eq!((target("/live/a", "", "live"), target("/live", "q", "live")), ("/a".into(), "/?q".into()));
    assert_eq!((target("/lively", "", "live"), target("", "", "$default")), ("/lively".into(), "/".into()));
}

#[test]
fn a_body_that_is_no_base64_is_an_error() {
    let event = event(&json!({ "body": "%", "isBase64Encoded": true }));
    let failure = serde_json::from_value::<HttpEvent>(event).unwrap().into_request().unwrap_err();
    assert_eq!(failure.code(), "function-broken");
}

fn answer(headers: &[(&str, &str)], body: &[u8]) -> Value {
    let mut response = Response::builder().status(201);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let response = response.body(Bytes::copy_from_slice(body)).unwrap();
    serde_json::to_value(HttpAnswer::of(response)).unwrap()
}

#[test]
fn an_answer_has_one_line_a_header_and_its_cookies_apart() {
    let headers = [
        ("content-type", "text/html"),
        ("vary", "a"),
        ("vary", "b"),
        ("set-cookie", "a=1; Expires=Wed, 01 Jan 2030 00:00:00 GMT"),
        ("set-cookie", "b=2"),
        ("transfer-encoding", "chunked"),
        ("content-length", "2"),
    ];
    assert_eq!(
        answer(&headers, "h\u{e9}".as_bytes()),
        json!({
            "statusCode": 201,
            "headers": { "content-type": "text/html", "vary": "a, b" },
            "cookies": ["a=1; Expires=Wed, 01 Jan 2030 00:00:00 GMT", "b=2"],
            "body": "h\u{e9}",
            "isBase64Encoded": false,
        })
    );
}

#[test]
fn only_text_is_passed_on_as_text() {
    let is_base64 =
        |kind: &str, body: &[u8]| answer(&[("content-type", kind)], body)["isBase64Encoded"] == true;
    for text in [
        "text/plain",
        "application/json; charset=utf-8",
        "application/problem+JSON",
        "image/svg+xml",
        "application/x-www-form-urlencoded",
    ] {
        assert!(!is_base64(text, b"x"), "{text}");
        // In Latin-1, or compressed.
        assert!(is_base64(text, b"\xe9"), "{text}");
    }
    for bytes in ["image/png", "application/octet-stream", "application/jsonish", ""] {
        assert!(is_base64(bytes, b"x"), "{bytes}");
    }
    assert!(!is_base64("image/png", b""));
    assert_eq!(answer(&[], b"\x00\xff")["body"], "AP8=");
}

#[test]
fn answers_are_such_as_api_gateway_takes() {
    // What the kits' golden file says that AWS makes of an answer, made of it again, is the answer.
    for case in golden("answer-2.0")["cases"].as_array().unwrap() {
        let Some(status) = case["status"].as_u64() else { continue };
        let bytes = match &case["body"] {
            Value::String(text) => text.clone().into_bytes(),
            bytes => BASE64_STANDARD.decode(bytes["$bytes"].as_str().unwrap()).unwrap(),
        };
        let mut response = Response::builder().status(u16::try_from(status).unwrap());
        for pair in case["headers"].as_array().unwrap() {
            response = response.header(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        }
        let made =
            serde_json::to_value(HttpAnswer::of(response.body(bytes.clone().into()).unwrap())).unwrap();
        assert_eq!(made["statusCode"], status);
        let body = made["body"].as_str().unwrap();
        let sent =
            if made["isBase64Encoded"] == true { BASE64_STANDARD.decode(body).unwrap() } else { body.into() };
        assert_eq!(sent, bytes);
        assert_eq!(made.get("cookies"), case["returns"].get("cookies"), "{made}");
    }
}
