//! A WebSocket connection from its registration to its end.
//!
//! Three loops run side by side in one task: what the client sends is read, what was read is delivered (one message at a time, in order),
//! and what is sent to the client is written. A message waits while the one before is handled, and nothing more is read while one waits:
//! a client is slowed down to the pace of the function, and its connection costs at most two messages of memory.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

use super::super::Public;
use super::event::{Events, What};
use crate::sockets::{Outgoing, QUEUE, SLOW};

/// The largest message of a client: as at API Gateway.
const MAX_MESSAGE: usize = 128 << 10;
/// Read at once; a client that is silent holds so much.
const READ_BUFFER: usize = 4 << 10;
/// How often a client is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// A client of which nothing came for so long, not even an answer to a ping, is gone.
const IDLE: Duration = Duration::from_secs(600);
/// How long the other side may take to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Without a close frame, and when the connection broke: RFC 6455, section 7.4.1. Neither is ever sent.
const NO_CODE: u16 = 1005;
const BROKEN: u16 = 1006;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection that others can send to from now on.
pub(super) struct Session {
    events: Events,
    public: Arc<Public>,
    queue: mpsc::Receiver<Outgoing>,
    /// Somebody waited too long for this client.
    dropped: CancellationToken,
    /// Taken off the registry when the connection ends, or never comes to be.
    _entry: Entry,
}

struct Entry {
    public: Arc<Public>,
    socket: String,
    connection: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.public.sockets.remove(&self.public.id, &self.socket, &self.connection);
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Why the conversation ends.
enum End {
    /// The client said so, or is gone: there is nobody to say anything to.
    Theirs(u16),
    /// With this code.
    Ours(CloseCode),
}

impl Session {
    pub(super) fn register(public: &Arc<Public>, events: &Events) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        let dropped = CancellationToken::new();
        public.sockets.add(&public.id, &events.socket, &events.connection, sender, dropped.clone());
        let events = Events {
            app: events.app.clone(),
            socket: events.socket.clone(),
            connection: events.connection.clone(),
        };
        let entry = Entry {
            public: public.clone(),
            socket: events.socket.clone(),
            connection: events.connection.clone(),
        };
        Self { events, public: public.clone(), queue, dropped, _entry: entry }
    }

    /// Talks until one side ends it, then tells the disconnect function.
    pub(super) async fn run(self, upgrade: OnUpgrade) {
        let Self { events, public, queue, dropped, _entry: entry } = self;
        let code = match upgrade.await {
            Ok(upgraded) => {
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config())).await;
                let ending = ending(&events, &public, &dropped);
                let handle = |what| tell(&events, |socket| socket.message.as_ref(), what);
                converse(socket, queue, ending, move || drop(entry), handle).await
            }
            Err(_) => BROKEN,
        };
        tell(&events, |socket| socket.disconnect.as_ref(), What::Disconnect(code)).await;
    }
}

async fn converse<S, H>(
    socket: WebSocketStream<S>,
    queue: mpsc::Receiver<Outgoing>,
    ending: impl Future<Output = End>,
    unregister: impl FnOnce(),
    handle: impl Fn(What) -> H,
) -> u16
where
    S: Stream,
    H: Future<Output = ()>,
{
    let (mut sink, mut stream) = socket.split();
    let (deliver, mut delivered) = mpsc::channel(1);
    let talk = async {
        let end = tokio::select! {
            end = read(&mut stream, &deliver) => end,
            end = write(&mut sink, queue) => end,
            end = ending => end,
        };
        unregister();
        drop(deliver);
        match end {
            End::Theirs(code) => {
                // Flushes the answer to its close frame.
                let _ = timeout(GOODBYE, sink.close()).await;
                code
            }
            End::Ours(code) => {
                say_goodbye(&mut sink, &mut stream, code).await;
                code.into()
            }
        }
    };
    let pass_on = async {
        while let Some(message) = delivered.recv().await {
            handle(message).await;
        }
    };
    tokio::join!(talk, pass_on).0
}

/// Reads until the client ends it, or breaks the rules.
async fn read<S: Stream>(stream: &mut SplitStream<WebSocketStream<S>>, deliver: &mpsc::Sender<What>) -> End {
    loop {
        let Ok(next) = timeout(IDLE, stream.next()).await else { return End::Ours(CloseCode::Away) };
        let what = match next {
            Some(Ok(Message::Text(text))) => What::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => What::Binary(bytes),
            Some(Ok(Message::Close(frame))) => {
                return End::Theirs(frame.map_or(NO_CODE, |frame| frame.code.into()));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(Error::Capacity(_))) => return End::Ours(CloseCode::Size),
            Some(Err(Error::Utf8(_))) => return End::Ours(CloseCode::Invalid),
            Some(Err(Error::Protocol(error))) => return broken_rule(&error),
            Some(Err(_)) | None => return End::Theirs(BROKEN),
        };
        if deliver.send(what).await.is_err() {
            return End::Ours(CloseCode::Error);
        }
    }
}

/// A connection that breaks off in the middle of a message is no offence.
fn broken_rule(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> End {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        ProtocolError::ResetWithoutClosingHandshake => End::Theirs(BROKEN),
        _ => End::Ours(CloseCode::Protocol),
    }
}

/// Writes what others send, and pings.
async fn write<S: Stream>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    mut queue: mpsc::Receiver<Outgoing>,
) -> End {
    let mut pings = interval_at(Instant::now() + PING, PING);
    loop {
        let message = tokio::select! {
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing::Text(text)) => Message::Text(text.into()),
                Some(Outgoing::Binary(bytes)) => Message::Binary(bytes),
                Some(Outgoing::Close) | None => return End::Ours(CloseCode::Normal),
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(SLOW, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return End::Theirs(BROKEN),
        }
    }
}

/// Ends when the gateway closes, the client was given up, or the release no longer has the socket.
async fn ending(events: &Events, public: &Public, dropped: &CancellationToken) -> End {
    loop {
        let replaced = match events.app.release() {
            Some(release) if release.sockets.contains_key(&events.socket) => release.replaced.clone(),
            _ => return End::Ours(CloseCode::Away),
        };
        tokio::select! {
            () = public.stop.cancelled() => return End::Ours(CloseCode::Away),
            () = dropped.cancelled() => return End::Theirs(BROKEN),
            () = replaced.cancelled() => {}
        }
    }
}

/// Sends a close frame and waits for the other one.
async fn say_goodbye<S: Stream>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    stream: &mut SplitStream<WebSocketStream<S>>,
    code: CloseCode,
) {
    let farewell = async {
        let frame = CloseFrame { code, reason: "".into() };
        sink.send(Message::Close(Some(frame))).await?;
        while let Some(message) = stream.next().await {
            message?;
        }
        Ok::<_, Error>(())
    };
    let _ = timeout(GOODBYE, farewell).await;
}

/// Calls one of the socket's functions as the current release has it. How that ends is between the function and its log.
async fn tell(events: &Events, function: impl Fn(&sf_host_api::SocketSpec) -> Option<&String>, what: What) {
    let Some(release) = events.app.release() else { return };
    let Some(function) = release.sockets.get(&events.socket).and_then(function) else { return };
    if let Ok(response) = events.call(&release, function, what).await {
        // The call is over when its answer is.
        let _ = http_body_util::BodyExt::collect(response.into_body()).await;
    }
}

#[cfg(test)]
mod tests;
