//! What clients get that send what nobody should send. Each test ends with somebody else who is served as ever.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stand::{Stand, answer, rest, statuses, within};

const CODE: &str = r#"
let calls = 0;
export async function all(request, ctx) {
  const path = new URL(request.url).pathname;
  if (path === "/count") return Response.json({ calls });
  calls++;
  if (path === "/early") return new Response("early");
  if (path === "/miscounts") return new Response("abc", { headers: { "content-length": "5" } });
  const body = await request.text();
  return Response.json({ method: request.method, path, params: ctx.params, size: body.length });
}
"#;

async fn stand() -> Stand {
    let mut stand = Stand::new(json!({}), CODE, "").await;
    stand.function("all").await;
    let routes = [
        "GET /count",
        "ANY /echo",
        "GET /admin",
        "GET /users/{id}",
        "GET /files/{path+}",
        "POST /early",
        "GET /miscounts",
    ];
    for route in routes {
        stand.route(route, "all", json!({})).await;
    }
    stand.release().await;
    stand
}

/// Nobody called the function, and others are served.
async fn unharmed(stand: &Stand, calls: u64) {
    let answer = stand.get("/count").await;
    assert_eq!((answer.status, &answer.json()["calls"]), (200, &json!(calls)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_hides_in_another() {
    let stand = stand().await;
    let hidden = "GET /admin HTTP/1.1\r\nhost: a\r\n\r\n";
    let size = hidden.len();
    let heads = [
        format!("content-length: {size}\r\ntransfer-encoding: chunked\r\n"),
        format!("transfer-encoding: chunked\r\ncontent-length: {size}\r\n"),
        format!("content-length: 0\r\ncontent-length: {size}\r\n"),
        format!("content-length: {size}\r\ncontent-length: {size}\r\n"),
        format!("content-length: 0, {size}\r\n"),
        format!("content-length: +{size}\r\n"),
        format!("content-length : {size}\r\n"),
        format!(" content-length: {size}\r\n"),
        "transfer-encoding: xchunked\r\n".into(),
        "transfer-encoding: gzip, chunked\r\n".into(),
        "transfer-encoding: chunked, identity\r\n".into(),
        "transfer-encoding:\x0bchunked\r\n".into(),
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".into(),
        "x: y\n".into(),
        "x: y\r\n z: folded\r\n".into(),
        "x: y\rz: w\r\n".into(),
        "x: a\0b\r\n".into(),
        "x y: z\r\n".into(),
        ": z\r\n".into(),
        "no colon\r\n".into(),
    ];
    for head in heads {
        let sent = format!("POST /echo HTTP/1.1\r\nhost: a\r\n{head}\r\n0\r\n\r\n{hidden}");
        assert_eq!(statuses(&stand.raw(sent).await), ["400"], "{head:?}");
    }
    for line in [
        "GET /echo HTTP/1.1\nhost: a\r\n\r\n",
        "GET  /echo HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /echo HTTP/1.1 \r\nhost: a\r\n\r\n",
    ] {
        assert_eq!(statuses(&stand.raw(line).await), ["400"], "{line:?}");
    }
    unharmed(&stand, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_chunks_end_the_request_with_400() {
    let stand = stand().await;
    let long = "x".repeat(300);
    for chunks in [
        "5\nabcde\r\n0\r\n\r\n".to_owned(),
        "zz\r\n".into(),
        "5 \r\nabcde\r\n0\r\n\r\n".into(),
        "5\r\nabcdefg\r\n0\r\n\r\n".into(),
        "ffffffffffffffff\r\nabc".into(),
        format!("5;{long}\r\nabcde\r\n0\r\n\r\n"),
        "0\r\nx: y\n\r\n".into(),
    ] {
        let sent = format!("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(statuses(&stand.raw(sent).await), ["400"], "{chunks:?}");
    }
    // What is right goes through: extensions, upper-case digits, trailers.
    let chunks = "A;x=\"y\"\r\n0123456789\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n";
    let sent = format!(
        "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n{chunks}"
    );
    assert_eq!(answer(&stand.raw(sent).await).json()["size"], 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let stand = stand().await;
    let sent = "GET /users/1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
        GET /nothing HTTP/1.1\r\nhost: a\r\n\r\nGET /users/2 HTTP/1.1\r\nhost: a\n\r\n";
    let text = stand.raw(sent).await;
    assert_eq!(statuses(&text), ["200", "200", "404", "400"], "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_never_reaches_another_route() {
    let stand = stand().await;
    for path in [
        "/users/../admin",
        "/users/%2e%2e/admin",
        "/users/..%2fadmin",
        "/users/.%2E/admin",
        "/./admin",
        "/files/../../etc/passwd",
        "/files/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/files/..%5c..%5cboot.ini",
        "/files/a%00.txt",
        "/users/%0d%0aset-cookie:a",
        "/users/%ff",
        "/users/%c3%28",
        "/users/%zz",
        "/users/%",
    ] {
        assert_eq!(stand.get(path).await.status, 400, "{path}");
    }
    let raw = [
        &b"GET /users/\xff HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /users/\x01 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /users/\x7f HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    for bytes in raw {
        let mut sent = bytes.to_vec();
        sent.truncate(sent.len() - 2);
        sent.extend_from_slice(b"connection: close\r\n\r\n");
        assert_eq!(statuses(&stand.raw(sent).await), ["400"], "{:?}", String::from_utf8_lossy(bytes));
    }
    for path in ["//admin", "/admin/", "/admin%2f", "/%2fadmin", "/admin;x", "/Admin", "/admin%20"] {
        assert_eq!(stand.get(path).await.status, 404, "{path}");
    }
    // An encoded slash stays inside its parameter.
    assert_eq!(stand.get("/users/a%2Fadmin").await.json()["params"]["id"], "a/admin");
    assert_eq!(stand.get("/%61dmin").await.json()["path"], "/%61dmin");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_limited() {
    let stand = stand().await;
    let large = "x".repeat(100_000);
    let head = |more: String| format!("GET /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n");
    assert_eq!(statuses(&stand.raw(head(format!("x: {large}\r\n"))).await), ["431"]);
    assert_eq!(statuses(&stand.raw(head("x: y\r\n".repeat(200))).await), ["431"]);
    assert_eq!(stand.get(&format!("/users/{}", "x".repeat(20_000))).await.status, 414);
    assert_eq!(stand.get(&format!("/users/1?{}", "x".repeat(20_000))).await.status, 414);
    let declared = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\nabc", (10 << 20) + 1);
    let refused = answer(&stand.raw(declared).await);
    assert_eq!((refused.status, &refused.json()["error"]), (413, &json!("body-too-large")));
    unharmed(&stand, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_size_is_cut_at_the_limit() {
    let stand = stand().await;
    let mut stream = stand.connect().await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    // It is read while it is refused, so that the answer arrives.
    let mut sent = 0;
    while sent < 30 && stream.write_all(&chunk).await.is_ok() {
        sent += 1;
    }
    assert!(sent > 10, "refused after {sent} MiB");
    assert_eq!(statuses(&rest(&mut stream).await), ["413"]);
    // And one that is just small enough arrives whole.
    let body = "x".repeat(10 << 20);
    assert_eq!(stand.send("POST /echo", &[], &body).await.json()["size"], 10 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_methods_and_expectations() {
    let stand = stand().await;
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a b\r\n", "host:\r\n", "host: user@a\r\n"] {
        let sent = format!("GET /echo HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        assert_eq!(statuses(&stand.raw(sent).await), ["400"], "{hosts:?}");
    }
    assert_eq!(
        statuses(&stand.raw("GET /echo HTTP/1.0\r\n\r\n").await.replace("HTTP/1.0", "HTTP/1.1")),
        ["200"]
    );
    assert_eq!(stand.send("TRACE /echo", &[], "").await.status, 501);
    assert_eq!(stand.send("CONNECT a:80", &[], "").await.status, 501);
    assert_eq!(stand.send("GET /echo", &["expect: a miracle"], "").await.status, 417);
    assert_eq!(stand.send("OPTIONS *", &[], "").await.status, 204);
    let options = stand.send("OPTIONS /admin", &[], "").await;
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert_eq!(stand.send("POST /admin", &[], "").await.header("allow"), Some("GET, HEAD, OPTIONS"));
    let head = stand.send("HEAD /admin", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(stand.send("FOO /echo", &[], "").await.json()["method"], "FOO");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_asked_for_only_if_it_is_wanted() {
    let stand = stand().await;
    let head = |path: &str, size: u64| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: {size}\r\n\r\n"
        )
    };
    for (path, size, status) in [("/echo", 11 << 20, "413"), ("/nothing", 5, "404")] {
        assert_eq!(statuses(&stand.raw(head(path, size)).await), [status]);
    }
    let mut stream = stand.connect().await;
    stream.write_all(head("/echo", 3).as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    within("100 Continue", stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(interim.as_slice(), b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert_eq!(answer(&rest(&mut stream).await).json()["size"], 3);
}

/// Slow clients are cut off, whichever part of a request they are slow with, and cost the function nothing. All at once, since each takes the
/// whole time.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off() {
    let stand = stand().await;
    let silent = async {
        let mut stream = stand.connect().await;
        assert_eq!(rest(&mut stream).await, "");
    };
    let head = trickle(&stand, "GET /echo HTTP/1.1\r\nhost: a\r\n", "x: y\r\n", &[]);
    let small =
        trickle(&stand, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n", "x", &["408"]);
    let chunked = trickle(
        &stand,
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "1\r\nx\r\n",
        &["408"],
    );
    let idle = async {
        let mut stream = stand.connect().await;
        stream.write_all(b"GET /users/1 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(statuses(&rest(&mut stream).await), ["200"]);
    };
    let begun = Instant::now();
    tokio::join!(silent, head, small, chunked, idle);
    assert!(begun.elapsed() >= Duration::from_secs(15), "cut off after {:?}", begun.elapsed());
    // The streamed body and the idle connection's request came to the function; the small body never did.
    unharmed(&stand, 2).await;
}

/// Sends a start and then a little now and then, until the other side has had enough.
async fn trickle(stand: &Stand, start: &str, drop: &str, expected: &[&str]) {
    let (mut reader, mut writer) = stand.connect().await.into_split();
    writer.write_all(start.as_bytes()).await.unwrap();
    let dripping = async {
        while writer.write_all(drop.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut bytes = Vec::new();
    let reading = within("a slow client is cut off", reader.read_to_end(&mut bytes));
    tokio::select! {
        // A reset is as good an end as another, once the answer is there.
        _ = reading => {}
        () = dripping => {}
    }
    assert_eq!(statuses(&String::from_utf8_lossy(&bytes)), expected, "{start:?}");
}

/// A function's time runs while it waits for a body. A client that uses it up must not get the function killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_kills_no_worker() {
    let mut stand = stand().await;
    stand.function_with("all", json!({ "timeout-ms": 2000 })).await;
    stand.release().await;
    assert_eq!(stand.get("/admin").await.status, 200);
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    trickle(&stand, head, "1\r\nx\r\n", &["408"]).await;
    // The same process counts on.
    unharmed(&stand, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_miscounts_shifts_nobody_elses_answer() {
    let stand = stand().await;
    let sent = "GET /miscounts HTTP/1.1\r\nhost: a\r\n\r\nGET /users/1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let text = stand.raw(sent).await;
    assert_eq!(statuses(&text), ["200", "200"], "{text}");
    assert!(text.contains("content-length: 3\r\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_come_before_the_body_is_read() {
    let stand = stand().await;
    let mut stream = stand.connect().await;
    stream
        .write_all(b"POST /early HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        .await
        .unwrap();
    assert_eq!(statuses(&rest(&mut stream).await), ["200"]);
}
