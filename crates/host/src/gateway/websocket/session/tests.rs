use std::sync::Mutex;

use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::*;

/// Both ends of a connection, in memory.
struct Talk {
    client: WebSocketStream<DuplexStream>,
    sender: mpsc::Sender<Outgoing>,
    stop: oneshot::Sender<End>,
    handled: Arc<Mutex<Vec<String>>>,
    /// Lets the function finish a message.
    go: Arc<Semaphore>,
    code: JoinHandle<u16>,
}

async fn talk(buffer: usize) -> Talk {
    let (near, far) = duplex(buffer);
    let (sender, queue) = mpsc::channel(QUEUE);
    let (stop, stopped) = oneshot::channel();
    let handled: Arc<Mutex<Vec<String>>> = Arc::default();
    let go = Arc::new(Semaphore::new(0));
    let (seen, gate) = (handled.clone(), go.clone());
    let code = tokio::spawn(async move {
        let socket = WebSocketStream::from_raw_socket(far, Role::Server, Some(config())).await;
        let handle = |what| async {
            let text = match what {
                What::Text(text) => format!("text {text}"),
                What::Binary(bytes) => format!("binary {}", bytes.len()),
                What::Connect(_) | What::Disconnect(_) => unreachable!(),
            };
            seen.lock().unwrap().push(text);
            gate.acquire().await.unwrap().forget();
        };
        let ending = async { stopped.await.unwrap() };
        converse(socket, queue, ending, || {}, handle).await
    });
    let client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    Talk { client, sender, stop, handled, go, code }
}

/// The close code that the client sees.
async fn closed(client: &mut WebSocketStream<DuplexStream>) -> Option<u16> {
    loop {
        match client.next().await {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

/// Until nothing can happen without time passing.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_are_handled_one_at_a_time_and_the_rest_waits_outside() {
    let mut talk = talk(1 << 10).await;
    for text in ["a", "b"] {
        talk.client.send(Message::text(text)).await.unwrap();
    }
    settle().await;
    assert_eq!(*talk.handled.lock().unwrap(), ["text a"]);
    // What is sent meanwhile goes out, and a ping is answered.
    talk.sender.send(Outgoing::Text("news".into())).await.unwrap();
    assert_eq!(talk.client.next().await.unwrap().unwrap(), Message::text("news"));
    talk.client.send(Message::Ping(Bytes::from("x"))).await.unwrap();
    assert_eq!(talk.client.next().await.unwrap().unwrap(), Message::Pong(Bytes::from("x")));
    // A client that goes on sending is held up: two messages, a buffer, and what the connection itself takes.
    let flood = async {
        for _ in 0..100 {
            talk.client.send(Message::binary(vec![0; 1 << 10])).await.unwrap();
        }
    };
    assert!(timeout(Duration::from_secs(20), flood).await.is_err());
    talk.go.add_permits(1);
    settle().await;
    assert_eq!(*talk.handled.lock().unwrap(), ["text a", "text b"]);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_is_handled_and_then_the_code_is_known() {
    let mut talk = talk(1 << 10).await;
    talk.client.send(Message::text("last words")).await.unwrap();
    let frame = CloseFrame { code: 4001.into(), reason: "".into() };
    talk.client.send(Message::Close(Some(frame))).await.unwrap();
    assert_eq!(closed(&mut talk.client).await, Some(4001));
    talk.go.add_permits(1);
    assert_eq!(talk.code.await.unwrap(), 4001);
    assert_eq!(*talk.handled.lock().unwrap(), ["text last words"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_has_the_code_for_that() {
    let talk = talk(1 << 10).await;
    drop(talk.client);
    assert_eq!(talk.code.await.unwrap(), BROKEN);
}

#[tokio::test(start_paused = true)]
async fn a_message_too_large_ends_it() {
    let mut talk = talk(1 << 20).await;
    talk.client.send(Message::binary(vec![0; MAX_MESSAGE])).await.unwrap();
    settle().await;
    assert_eq!(talk.handled.lock().unwrap().len(), 1);
    talk.go.add_permits(1);
    talk.client.send(Message::binary(vec![0; MAX_MESSAGE + 1])).await.unwrap();
    assert_eq!(closed(&mut talk.client).await, Some(1009));
    assert_eq!(talk.code.await.unwrap(), 1009);
}

#[tokio::test(start_paused = true)]
async fn the_server_says_why_it_ends_it() {
    let mut away = talk(1 << 10).await;
    let _ = away.stop.send(End::Ours(CloseCode::Away));
    assert_eq!(closed(&mut away.client).await, Some(1001));
    assert_eq!(away.code.await.unwrap(), 1001);

    let mut asked = talk(1 << 10).await;
    asked.sender.send(Outgoing::Close).await.unwrap();
    assert_eq!(closed(&mut asked.client).await, Some(1000));
    assert_eq!(asked.code.await.unwrap(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_dropped() {
    let talk = talk(64).await;
    let begun = Instant::now();
    talk.sender.send(Outgoing::Binary(Bytes::from(vec![0; 1 << 10]))).await.unwrap();
    assert_eq!(talk.code.await.unwrap(), BROKEN);
    assert!(begun.elapsed() < SLOW + GOODBYE + Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_asked_and_then_given_up() {
    let mut talk = talk(1 << 10).await;
    let begun = Instant::now();
    assert!(matches!(talk.client.next().await, Some(Ok(Message::Ping(_)))));
    assert_eq!(begun.elapsed(), PING);
    // It answers no more: its pongs are queued, and flushed only when it reads again.
    assert_eq!(talk.code.await.unwrap(), u16::from(CloseCode::Away));
    assert!(begun.elapsed() >= IDLE && begun.elapsed() < IDLE + PING + GOODBYE, "{:?}", begun.elapsed());
}
