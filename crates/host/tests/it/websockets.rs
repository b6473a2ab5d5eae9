//! WebSockets from a client's side, with functions that remember what they were called with.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::stand::{Stand, within};

const CODE: &str = r#"
const seen = [];
const text = (data) => (data instanceof Uint8Array ? new TextDecoder().decode(data) : data);
export async function chat(input, ctx) {
  if (!input.specversion) return Response.json(seen);
  const { type, source, connection, datacontenttype } = input;
  const data = type === "sf.socket.message" ? text(input.data) : input.data;
  if (data === "slow") await new Promise((done) => setTimeout(done, 300));
  seen.push({ type, source, connection, datacontenttype, data });
  if (type !== "sf.socket.connect") return;
  if (data.query.do === "throw") throw new Error("no");
  if (data.query.do === "refuse") return { status: 401 };
  if (data.query.do === "speak") return { status: 200, protocol: "chat.v2" };
}
export const other = (input) => chat(input);
"#;

async fn stand(api: Value) -> Stand {
    let mut stand = Stand::new(api, CODE, "").await;
    for function in ["chat", "other"] {
        stand.function(function).await;
    }
    stand.route("GET /seen", "chat", json!({})).await;
    stand.route("GET /other", "other", json!({})).await;
    let spec = json!({ "connect": "chat", "message": "chat", "disconnect": "chat" });
    stand.put("socket", "chat", spec).await;
    stand.release().await;
    stand
}

type Client = WebSocketStream<TcpStream>;

async fn open(
    stand: &Stand,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Client, Response), u16> {
    let url = format!("ws://127.0.0.1:{}{path}", stand.port);
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match within("the handshake", client_async(request, stand.connect().await)).await {
        Ok(opened) => Ok(opened),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn refused(stand: &Stand, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    open(stand, path, headers).await.err().unwrap_or(101)
}

/// What the function at a path was called with for one type of event, once there are so many.
async fn seen(stand: &Stand, path: &str, kind: &str, count: usize) -> Vec<Value> {
    within(&format!("{count} times {kind}"), async {
        loop {
            let all = stand.get(path).await.json();
            let is_kind = |event: &&Value| event["type"] == format!("sf.socket.{kind}");
            let found: Vec<Value> = all.as_array().unwrap().iter().filter(is_kind).cloned().collect();
            if found.len() >= count {
                return found;
            }
        }
    })
    .await
}

async fn close_code(client: &mut Client) -> u16 {
    within("the close frame", async {
        loop {
            match client.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_from_connect_to_disconnect() {
    let stand = stand(json!({})).await;
    let (mut client, _) = open(&stand, "/-/sockets/chat?room=a%20b", &[("x-name", "Zoe")]).await.unwrap();
    let connect = seen(&stand, "/seen", "connect", 1).await.remove(0);
    assert_eq!(
        (&connect["source"], &connect["data"]["query"]),
        (&json!("/sockets/chat"), &json!({ "room": "a b" }))
    );
    assert_eq!(connect["data"]["headers"]["x-name"], "Zoe");
    // The first takes longest, and is still the first.
    for text in ["slow", "two", "thrée"] {
        client.send(Message::text(text)).await.unwrap();
    }
    client.send(Message::binary("bytes")).await.unwrap();
    let messages = seen(&stand, "/seen", "message", 4).await;
    let data: Vec<&Value> = messages.iter().map(|event| &event["data"]).collect();
    assert_eq!(data, ["slow", "two", "thrée", "bytes"]);
    let kinds: Vec<&Value> = messages.iter().map(|event| &event["datacontenttype"]).collect();
    assert_eq!(kinds, ["text/plain", "text/plain", "text/plain", "application/octet-stream"]);
    assert!(messages.iter().all(|event| event["connection"] == connect["connection"]));
    client.close(Some(CloseFrame { code: 4000.into(), reason: "done".into() })).await.unwrap();
    let disconnect = seen(&stand, "/seen", "disconnect", 1).await.remove(0);
    assert_eq!(
        (&disconnect["data"], &disconnect["connection"]),
        (&json!({ "code": 4000 }), &connect["connection"])
    );

    drop(open(&stand, "/-/sockets/chat", &[]).await.unwrap());
    assert_eq!(seen(&stand, "/seen", "disconnect", 2).await[1]["data"], json!({ "code": 1006 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connect_function_decides() {
    let stand = stand(json!({})).await;
    assert_eq!(refused(&stand, "/-/sockets/chat?do=throw", &[]).await, 403);
    assert_eq!(refused(&stand, "/-/sockets/chat?do=refuse", &[]).await, 401);
    assert_eq!(refused(&stand, "/-/sockets/nothing", &[]).await, 404);
    assert_eq!(stand.get("/-/sockets/chat").await.status, 426);
    let offered = [("sec-websocket-protocol", "chat.v1, chat.v2")];
    let (_client, response) = open(&stand, "/-/sockets/chat?do=speak", &offered).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v2");
    // What was not offered is not spoken.
    let (_client, response) = open(&stand, "/-/sockets/chat?do=speak", &[]).await.unwrap();
    assert!(!response.headers().contains_key("sec-websocket-protocol"));
    // Nobody who was refused is told to have disconnected.
    assert!(seen(&stand, "/seen", "disconnect", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_cannot_connect() {
    let stand = stand(json!({ "cors": { "origins": ["https://a.example"] } })).await;
    let from = |origin: &'static str| [("origin", origin)];
    assert_eq!(refused(&stand, "/-/sockets/chat", &from("https://evil.example")).await, 403);
    assert_eq!(refused(&stand, "/-/sockets/chat", &from("null")).await, 403);
    assert_eq!(refused(&stand, "/-/sockets/chat", &from("https://a.example")).await, 101);
    assert_eq!(refused(&stand, "/-/sockets/chat", &[]).await, 101);
    assert_eq!(seen(&stand, "/seen", "connect", 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_too_large_closes_the_connection() {
    let stand = stand(json!({})).await;
    let (mut client, _) = open(&stand, "/-/sockets/chat", &[]).await.unwrap();
    client.send(Message::text("x".repeat(128 << 10))).await.unwrap();
    client.send(Message::text("x".repeat((128 << 10) + 1))).await.unwrap();
    assert_eq!(close_code(&mut client).await, 1009);
    assert_eq!(seen(&stand, "/seen", "disconnect", 1).await[0]["data"], json!({ "code": 1009 }));
    assert_eq!(seen(&stand, "/seen", "message", 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_outlive_a_release_that_has_their_socket() {
    let mut stand = stand(json!({})).await;
    let (mut client, _) = open(&stand, "/-/sockets/chat", &[]).await.unwrap();
    let spec = json!({ "connect": "chat", "message": "other", "disconnect": "other" });
    stand.put("socket", "chat", spec).await;
    stand.release().await;
    client.send(Message::text("hello")).await.unwrap();
    assert_eq!(seen(&stand, "/other", "message", 1).await[0]["data"], "hello");
    stand.forget("socket/chat");
    stand.release().await;
    assert_eq!(close_code(&mut client).await, 1001);
    assert_eq!(refused(&stand, "/-/sockets/chat", &[]).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_says_goodbye() {
    let mut stand = stand(json!({})).await;
    let (mut client, _) = open(&stand, "/-/sockets/chat", &[]).await.unwrap();
    let reading = tokio::spawn(async move { close_code(&mut client).await });
    stand.stop().await;
    assert_eq!(reading.await.unwrap(), 1001);
}
