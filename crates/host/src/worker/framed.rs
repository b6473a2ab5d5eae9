//! A worker that speaks `docs/worker-protocol.md`: many requests at once over one connection.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde::Deserialize;
use sf_host_api::FunctionSpec;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::codec::FramedRead;

use super::door::Door;
use super::frames::{self, ACKNOWLEDGE, Frame, FrameDecoder, WINDOW};
use super::pool::FunctionContext;
use super::process::Process;
use super::request::{self, Parts};
use super::runtime::Program;
use super::{Body, BoxError, CallError, Invocation};

type Answer = oneshot::Sender<Result<(ResponseHead, Option<BodyStream>, Bytes), CallError>>;

/// A request under way.
struct Exchange {
    answer: Option<Answer>,
    body: Option<mpsc::UnboundedSender<Result<Bytes, BoxError>>>,
    /// What of the request's body may still be sent.
    credit: Arc<Semaphore>,
}

struct Shared {
    out: mpsc::UnboundedSender<BytesMut>,
    exchanges: Mutex<HashMap<u32, Exchange>>,
}

impl Shared {
    fn exchanges(&self) -> MutexGuard<'_, HashMap<u32, Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, frame: BytesMut) {
        // Without a connection every exchange fails by itself.
        let _ = self.out.send(frame);
    }

    /// The client went away in the middle of its request. A handler that has not answered yet waits for the rest, and never will.
    fn break_off(&self, id: u32) {
        let mut frame = BytesMut::new();
        frames::cancel(&mut frame, id);
        self.send(frame);
        let answer = self.exchanges().get_mut(&id).and_then(|exchange| exchange.answer.take());
        if let Some(answer) = answer {
            self.exchanges().remove(&id);
            let _ = answer.send(Err(CallError::BrokenOff("the request's body broke off".into())));
        }
    }
}

pub(super) struct FramedWorker {
    shared: Arc<Shared>,
    next: AtomicU32,
    pub(super) process: Process,
}

#[derive(Deserialize)]
struct ResponseHead {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Hello {
    token: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    stack: String,
}

#[derive(Deserialize, Default)]
struct Thrown {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    stack: String,
}

impl FramedWorker {
    /// Starts the program and waits until it says that it is ready.
    pub(super) async fn start(
        context: &FunctionContext,
        spec: &FunctionSpec,
        program: &Program,
        folder: &Path,
    ) -> Result<Self, CallError> {
        let failed = |error: std::io::Error| {
            CallError::start("start-failed", format!("make the worker's socket: {error}"))
        };
        let door = Door::open(&context.sockets).await.map_err(failed)?;
        let token = crate::store::random_hex(16).map_err(failed)?;
        let handler = spec.handler.as_ref();
        let more = BTreeMap::from([
            ("SF_WORKER_SOCKET", door.address.clone()),
            ("SF_WORKER_TOKEN", token.clone()),
            ("SF_HANDLER_FILE", handler.map(|handler| handler.file.clone()).unwrap_or_default()),
            ("SF_HANDLER_EXPORT", handler.map(|handler| handler.export.clone()).unwrap_or_default()),
        ]);
        let process = Process::start(context, spec, program, folder, more)?;
        let (reader, writer) = tokio::select! {
            connection = door.accept() => connection.map_err(failed)?,
            status = process.ended() => return Err(ended_early(&status)),
        };
        let mut frames = FramedRead::with_capacity(reader, FrameDecoder, 256 << 10);
        let first = tokio::select! {
            first = frames.next() => first,
            status = process.ended() => return Err(ended_early(&status)),
        };
        check_hello(first, &token, &process, &context.sink).await?;
        let (out, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { out, exchanges: Mutex::default() });
        tokio::spawn(write(writer, queue));
        tokio::spawn(read(frames, shared.clone()));
        Ok(Self { shared, next: AtomicU32::new(1), process })
    }

    /// Makes one call. The answer's body may still be streaming when this returns.
    pub(super) async fn call(
        &self,
        invocation: Invocation,
        deadline_ms: u64,
    ) -> Result<http::Response<Body>, CallError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let credit = Arc::new(Semaphore::new(WINDOW));
        let exchange = Exchange { answer: Some(answer), body: None, credit: credit.clone() };
        self.shared.exchanges().insert(id, exchange);
        let guard = Guard { shared: self.shared.clone(), id };
        if self.shared.out.is_closed() {
            return Err(CallError::Crashed);
        }
        let rest = self.send_request(id, invocation, deadline_ms).await?;
        if let Some((body, sent)) = rest {
            credit.forget_permits(sent);
            tokio::spawn(send_body(self.shared.clone(), id, body, credit));
        }
        let (head, stream, first) = answered.await.map_err(|_| CallError::Crashed)??;
        response(head, first, stream, guard)
    }

    /// Sends the head and what is here of the body; gives the rest of it, and how much was sent.
    async fn send_request(
        &self,
        id: u32,
        invocation: Invocation,
        deadline_ms: u64,
    ) -> Result<Option<(Body, usize)>, CallError> {
        let Parts { head, first, rest } = request::parts(invocation, deadline_ms).await?;
        let mut frame = BytesMut::new();
        frames::request(&mut frame, id, &head, &first, rest.is_none());
        self.shared.send(frame);
        Ok(rest.map(|body| (body, first.len())))
    }
}

async fn check_hello(
    first: Option<Result<Frame, std::io::Error>>,
    token: &str,
    process: &Process,
    sink: &crate::logs::Sink,
) -> Result<(), CallError> {
    let Some(Ok(frame)) = first else { return Err(ended_early(&process.ended().await)) };
    let hello: Option<Hello> = serde_json::from_slice(&frame.payload).ok();
    match hello.filter(|hello| hello.token == token) {
        Some(_) if frame.kind == frames::READY => Ok(()),
        Some(hello) if frame.kind == frames::FATAL => {
            let code = match hello.code.as_str() {
                "handler-file-missing" => "handler-file-missing",
                "export-missing" => "export-missing",
                _ => "load-failed",
            };
            for line in hello.stack.lines() {
                sink.line("system", line.to_owned()).await;
            }
            Err(CallError::start(code, hello.message))
        }
        _ => Err(CallError::start("start-failed", "somebody else answered in the worker's place".into())),
    }
}

fn ended_early(status: &str) -> CallError {
    CallError::start(
        "crashed-at-start",
        format!("the function's process ended at its start ({status}); see its log"),
    )
}

/// Frames of one write.
const BATCH: usize = 64;

/// Takes a request off the books when nobody waits for it any more.
struct Guard {
    shared: Arc<Shared>,
    id: u32,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.shared.exchanges().remove(&self.id).is_some() {
            let mut frame = BytesMut::new();
            frames::cancel(&mut frame, self.id);
            self.shared.send(frame);
        }
    }
}

fn response(
    head: ResponseHead,
    first: Bytes,
    stream: Option<BodyStream>,
    guard: Guard,
) -> Result<http::Response<Body>, CallError> {
    let broken = |what: &str| CallError::Broken(format!("the function answered with an invalid {what}"));
    let status = http::StatusCode::from_u16(head.status).map_err(|_| broken("status"))?;
    let body = match stream {
        None => {
            let full = http_body_util::Full::new(first);
            full.map_err(|never| match never {}).boxed()
        }
        Some(stream) => BodyExt::boxed(StreamedBody { first: Some(first), stream, guard, taken: 0 }),
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    for (name, value) in head.headers {
        let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let value = bytes
            .and_then(|bytes| http::HeaderValue::from_bytes(&bytes).ok())
            .ok_or_else(|| broken("header"))?;
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken("header"))?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

type BodyStream = mpsc::UnboundedReceiver<Result<Bytes, BoxError>>;

/// An answer's body as it comes. Bounded by the window: the worker waits for credit.
struct StreamedBody {
    first: Option<Bytes>,
    stream: BodyStream,
    guard: Guard,
    taken: usize,
}

impl http_body::Body for StreamedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let next = match self.first.take().filter(|first| !first.is_empty()) {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.stream.poll_recv(cx),
        };
        if let Poll::Ready(Some(Ok(bytes))) = &next {
            self.taken += bytes.len();
            if self.taken >= ACKNOWLEDGE {
                let mut frame = BytesMut::new();
                frames::credit(&mut frame, self.guard.id, self.taken);
                self.guard.shared.send(frame);
                self.taken = 0;
            }
        }
        next.map(|item| item.map(|result| result.map(http_body::Frame::data)))
    }
}

async fn send_body(shared: Arc<Shared>, id: u32, mut body: Body, credit: Arc<Semaphore>) {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return shared.break_off(id);
        };
        let Ok(mut bytes) = frame.into_data() else { continue };
        while bytes.has_remaining() {
            let part = bytes.split_to(bytes.len().min(64 << 10));
            let Ok(permits) = credit.acquire_many(u32::try_from(part.len()).unwrap_or(u32::MAX)).await else {
                return;
            };
            permits.forget();
            let mut frame = BytesMut::new();
            frames::body(&mut frame, id, &part, false);
            shared.send(frame);
        }
    }
    let mut frame = BytesMut::new();
    frames::body(&mut frame, id, &[], true);
    shared.send(frame);
}

/// Writes frames; those that wait together leave together. (Waiting for more to come was tried: it halves the throughput.)
async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::UnboundedReceiver<BytesMut>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut joined = BytesMut::new();
        for frame in batch.drain(..) {
            // The first is taken over without a copy.
            if joined.is_empty() { joined = frame } else { joined.unsplit(frame) }
        }
        if writer.write_all(&joined).await.is_err() {
            return;
        }
    }
}

async fn read(mut frames: FramedRead<impl AsyncRead + Unpin, FrameDecoder>, shared: Arc<Shared>) {
    while let Some(Ok(frame)) = frames.next().await {
        dispatch(&shared, frame);
    }
    // The end of the connection is the end of all that waits for it.
    for (_, exchange) in shared.exchanges().drain() {
        exchange.credit.close();
        if let Some(answer) = exchange.answer {
            let _ = answer.send(Err(CallError::Crashed));
        } else if let Some(body) = exchange.body {
            let _ = body.send(Err(Box::new(CallError::Crashed)));
        }
    }
}

fn dispatch(shared: &Shared, frame: Frame) {
    let Frame { kind, id, mut payload } = frame;
    let mut exchanges = shared.exchanges();
    let Some(exchange) = exchanges.get_mut(&id) else { return };
    match kind {
        frames::RESPONSE => {
            let parts = frames::split_response(payload);
            let parsed =
                parts.and_then(|(end, head, first)| Some((end, serde_json::from_slice(&head).ok()?, first)));
            let answer = exchange.answer.take();
            let result = match parsed {
                None => {
                    Err(CallError::Broken("the function's kit sent an answer that cannot be read".into()))
                }
                Some((true, head, first)) => Ok((head, None, first)),
                Some((false, head, first)) => {
                    let (sender, receiver) = mpsc::unbounded_channel();
                    exchange.body = Some(sender);
                    Ok((head, Some(receiver), first))
                }
            };
            let is_over = exchange.body.is_none();
            if let Some(answer) = answer {
                let _ = answer.send(result);
            }
            if is_over {
                exchanges.remove(&id);
            }
        }
        frames::BODY if !payload.is_empty() => {
            let end = payload.get_u8() & frames::END != 0;
            if let Some(body) = exchange.body.as_ref().filter(|_| !payload.is_empty()) {
                let _ = body.send(Ok(payload));
            }
            if end {
                exchanges.remove(&id);
            }
        }
        frames::CREDIT if payload.len() >= 4 => {
            exchange.credit.add_permits((payload.get_u32() as usize).min(WINDOW));
        }
        frames::ERROR => {
            let thrown: Thrown = serde_json::from_slice(&payload).unwrap_or_default();
            let error = CallError::Threw { name: thrown.name, message: thrown.message, stack: thrown.stack };
            if let Some(exchange) = exchanges.remove(&id) {
                if let Some(answer) = exchange.answer {
                    let _ = answer.send(Err(error));
                } else if let Some(body) = exchange.body {
                    let _ = body.send(Err(Box::new(error)));
                }
            }
        }
        _ => {}
    }
}
