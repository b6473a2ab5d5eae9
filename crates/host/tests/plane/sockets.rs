//! Functions that speak to clients of a socket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sf_host_api::AppClient;
use sf_host_api::http::Method;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{World, headers, refusal, soon};

async fn send(app: &AppClient, connection: &str, kind: &str, body: &[u8]) -> bool {
    let path = format!("/sockets/live/connections/{connection}");
    let sent =
        app.data(Method::POST, &path, headers(&[("content-type", kind)]), body.to_vec()).await.unwrap();
    let sent: Value = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
    sent["delivered"].as_bool().unwrap()
}

#[tokio::test]
async fn a_function_sends_to_a_client_and_closes_it() {
    let mut world = World::new().await;
    world.put_function("chat", json!({ "uses": { "socket": { "live": "write" } } })).await;
    let url = world.put("socket", "live", json!({ "message": "chat" })).await["url"].clone();
    world.release().await;
    let chat = world.as_function("chat").await;

    let url = url.as_str().unwrap();
    let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, _) = soon("the handshake", client_async(url, stream)).await.unwrap();
    client.send(Message::text("hello")).await.unwrap();
    let event = world.event().await;
    assert_eq!((event.header("ce-type"), event.header("ce-source")), ("sf.socket.message", "/sockets/live"));
    let connection = event.header("ce-connection").to_owned();
    event.succeed();

    assert!(send(&chat, &connection, "text/plain; charset=utf-8", "grüß dich".as_bytes()).await);
    assert!(send(&chat, &connection, "application/octet-stream", &[0xff, 0]).await);
    for expected in [Message::text("grüß dich"), Message::binary(vec![0xff, 0])] {
        assert_eq!(soon("a frame", client.next()).await.unwrap().unwrap(), expected);
    }
    let path = format!("/sockets/live/connections/{connection}");
    chat.data(Method::DELETE, &path, headers(&[]), "").await.unwrap();
    let end = soon("the close", client.next()).await.unwrap().unwrap();
    assert!(matches!(end, Message::Close(_)), "{end:?}");
    drop(client);
    let gone = async {
        while send(&chat, &connection, "text/plain", b"still there?").await {
            tokio::task::yield_now().await;
        }
    };
    soon("the client's end", gone).await;

    assert!(!send(&world.app, "nobody", "text/plain", b"hello").await);
    let none = world.app.data(Method::POST, "/sockets/none/connections/1", headers(&[]), "").await;
    assert_eq!(refusal(none), (404, "not-found".into()));
}
