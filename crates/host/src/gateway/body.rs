//! A request's body on its way in: not larger than allowed, and not slower.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, Sleep};

use super::problem::Problem;
use crate::worker::{Body, BoxError, full};

/// The largest body of a request. What is larger belongs into a bucket, through a presigned URL.
pub(crate) const MAX_BODY: u64 = 10 << 20;
/// A body up to this size is here before its function is called, so that a slow client costs the function nothing.
const GATHERED: u64 = 256 << 10;
/// A client that sends nothing for so long is cut off.
const STALL: Duration = Duration::from_secs(20);
/// All the waiting for a client may take this long, and a second more for each [`PROGRESS`] bytes.
const PATIENCE: Duration = Duration::from_secs(20);
const PROGRESS: u64 = 4 << 10;

/// Why a body was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    TooSlow,
    /// Cut off, or no valid chunks.
    Broken,
    /// Too many others are being gathered.
    Overloaded,
}

impl Fault {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::TooLarge => {
                let limit = MAX_BODY >> 20;
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body-too-large",
                    format!("a body may have {limit} MiB"),
                )
            }
            Self::TooSlow => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-too-slow",
                "the request's body came too slowly",
            )
            .closing(),
            Self::Broken => {
                Problem::new(StatusCode::BAD_REQUEST, "bad-body", "the request's body cannot be read")
                    .closing()
            }
            Self::Overloaded => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "too many requests are being received",
            )
            .retry_after(Duration::from_secs(1)),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem().message)
    }
}

impl std::error::Error for Fault {}

/// Waits for what may come of a body that streams: for ever if it turns out well.
pub(super) struct Verdict(Option<oneshot::Receiver<Fault>>);

impl Verdict {
    pub(super) async fn fault(self) -> Fault {
        match self.0 {
            Some(receiver) => match receiver.await {
                Ok(fault) => fault,
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

/// A body that is ready for a function.
pub(super) struct Ready {
    pub(super) request: Request<Body>,
    pub(super) verdict: Verdict,
    /// Held while the gathered bytes are in memory.
    pub(super) _memory: Option<OwnedSemaphorePermit>,
}

/// Gathers a small body, charging `memory` for what really came; lets a large one, or one of unknown size, stream.
///
/// A function that waits for the rest of a streamed body does so on its own time, and is killed when that is over. A client must not
/// be able to bring that about: it is cut off when three quarters of the `timeout` went by with waiting for it.
pub(super) async fn prepare(
    request: Request<Body>,
    timeout: Duration,
    memory: &Arc<Semaphore>,
) -> Result<Ready, Fault> {
    use http_body::Body as _;
    if request.body().is_end_stream() {
        return Ok(Ready { request, verdict: Verdict(None), _memory: None });
    }
    let (head, body) = request.into_parts();
    let size = body.size_hint().exact();
    let (tell, told) = oneshot::channel();
    let is_small = size.is_some_and(|size| size <= GATHERED);
    let mut body = Received::new(body, if is_small { Duration::MAX } else { timeout / 4 * 3 }, tell);
    if !is_small {
        let request = Request::from_parts(head, BodyExt::boxed(body));
        return Ok(Ready { request, verdict: Verdict(Some(told)), _memory: None });
    }
    let mut gathered = Vec::new();
    let mut charged: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.downcast::<Fault>().map_or(Fault::Broken, |fault| *fault))?;
        let Ok(bytes) = frame.into_data() else { continue };
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let permit = memory.clone().try_acquire_many_owned(count).map_err(|_| Fault::Overloaded)?;
        match &mut charged {
            Some(charged) => charged.merge(permit),
            None => charged = Some(permit),
        }
        gathered.extend_from_slice(&bytes);
    }
    let request = Request::from_parts(head, full(gathered));
    Ok(Ready { request, verdict: Verdict(None), _memory: charged })
}

/// Counts a body and times the waiting for it. Time in which the function does not ask for more is not the client's.
struct Received {
    body: Body,
    bytes: u64,
    waited: Duration,
    /// All the waiting that there may be, whatever comes.
    most: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    tell: Option<oneshot::Sender<Fault>>,
}

impl Received {
    fn new(body: Body, most: Duration, tell: oneshot::Sender<Fault>) -> Self {
        Self { body, bytes: 0, waited: Duration::ZERO, most, waiting: None, tell: Some(tell) }
    }

    fn give_up(&mut self, fault: Fault) -> BoxError {
        if let Some(tell) = self.tell.take() {
            // Nobody listens when the answer is there already.
            let _ = tell.send(fault);
        }
        Box::new(fault)
    }

    /// Ready when the client has had its time.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let earned = PATIENCE + Duration::from_secs(self.bytes / PROGRESS);
        let left = earned.min(self.most).saturating_sub(self.waited);
        let (_, timer) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + left.min(STALL))))
        });
        timer.as_mut().poll(cx)
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(cx) else {
            return match this.poll_patience(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(this.give_up(Fault::TooSlow)))),
                Poll::Pending => Poll::Pending,
            };
        };
        if let Some((since, _)) = this.waiting.take() {
            this.waited += since.elapsed();
        }
        Poll::Ready(match next {
            None => None,
            Some(Err(_)) => Some(Err(this.give_up(Fault::Broken))),
            Some(Ok(frame)) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.bytes > MAX_BODY {
                    true => Some(Err(this.give_up(Fault::TooLarge))),
                    false => Some(Ok(frame)),
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;
    use tokio::sync::mpsc;

    use super::*;

    const MOST: Duration = Duration::from_secs(200);

    /// A body of unknown size whose chunks come at these times.
    fn chunks(parts: Vec<(Duration, usize)>) -> Body {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for (pause, size) in parts {
                tokio::time::sleep(pause).await;
                let frame = Frame::data(Bytes::from(vec![0; size]));
                if sender.send(Ok::<_, BoxError>(frame)).is_err() {
                    return;
                }
            }
        });
        let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
        BodyExt::boxed(StreamBody::new(stream))
    }

    async fn outcome(parts: Vec<(Duration, usize)>) -> Result<usize, Fault> {
        let (tell, told) = oneshot::channel();
        let collected = Received::new(chunks(parts), MOST, tell).collect().await;
        match collected {
            Ok(body) => Ok(body.to_bytes().len()),
            Err(error) => {
                let fault = *error.downcast::<Fault>().unwrap();
                assert_eq!(told.await, Ok(fault));
                Err(fault)
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_must_keep_sending() {
        let second = Duration::from_secs(1);
        assert_eq!(outcome(vec![(second * 19, 5), (second * 21, 5)]).await, Err(Fault::TooSlow));
        // One byte a second: never silent for long, but too slow altogether.
        assert_eq!(outcome(vec![(second, 1); 100]).await, Err(Fault::TooSlow));
        assert_eq!(outcome(vec![(second, 8 << 10); 100]).await, Ok(800 << 10));
        // Fast enough, but the function's time is not the client's.
        assert_eq!(outcome(vec![(second, 8 << 10); 201]).await, Err(Fault::TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn a_function_that_reads_slowly_is_not_the_clients_fault() {
        let (tell, _told) = oneshot::channel();
        let mut body = Received::new(chunks(vec![(Duration::ZERO, 5); 10]), MOST, tell);
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(body.frame().await.unwrap().is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_unknown_size_ends_at_the_limit() {
        let parts = vec![(Duration::ZERO, 1 << 20); 11];
        assert_eq!(outcome(parts).await, Err(Fault::TooLarge));
        assert_eq!(outcome(vec![(Duration::ZERO, 1 << 20); 10]).await, Ok(10 << 20));
    }

    #[tokio::test]
    async fn small_bodies_are_gathered_within_the_memory_for_them() {
        let memory = Arc::new(Semaphore::new(100));
        let request = || Request::new(full(vec![7; 80]));
        let first = prepare(request(), MOST, &memory).await.unwrap();
        assert_eq!(memory.available_permits(), 20);
        assert_eq!(prepare(request(), MOST, &memory).await.err(), Some(Fault::Overloaded));
        assert_eq!(first.request.into_body().collect().await.unwrap().to_bytes().len(), 80);
        drop(first._memory);
        assert!(prepare(request(), MOST, &memory).await.is_ok());
    }
}
