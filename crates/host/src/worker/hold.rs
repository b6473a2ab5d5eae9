//! An answer's body that still streams: it holds its worker, and has its time limit.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::Sleep;

use super::pool::Pool;
use super::seats::Lease;
use super::{Body, BoxError, CallError, full};

/// What an answer's body holds until it ends.
pub(super) struct Hold {
    pub(super) pool: Arc<Pool>,
    pub(super) lease: Option<Lease>,
    pub(super) id: String,
}

impl Hold {
    /// Cuts a body off at the deadline; a worker that is still at it then is retired.
    pub(super) fn guard(self, body: Body, deadline: tokio::time::Instant) -> Body {
        use http_body::Body as _;
        let is_framed = self.lease.as_ref().is_some_and(Lease::is_framed);
        if body.is_end_stream() || is_framed && body.size_hint().exact().is_some() {
            // All of it is here already.
            return body;
        }
        let timer = Box::pin(tokio::time::sleep_until(deadline));
        let ends_when_dropped = !self.pool.seats.are_single();
        GuardedBody { body, timer, hold: self, ends_when_dropped }.boxed()
    }
}

struct GuardedBody {
    body: Body,
    timer: Pin<Box<Sleep>>,
    hold: Hold,
    /// Nothing is left to come, or nothing that anybody minds.
    ends_when_dropped: bool,
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending if self.timer.as_mut().poll(cx).is_ready() => {
                if let Some(lease) = self.hold.lease.take() {
                    let (pool, id) = (self.hold.pool.clone(), self.hold.id.clone());
                    pool.tally.error();
                    tokio::spawn(async move { pool.retire(lease, &id).await });
                }
                let limit = self.hold.pool.spec.timeout_ms;
                self.ends_when_dropped = true;
                Poll::Ready(Some(Err(Box::new(CallError::TimedOut(limit)))))
            }
            other => {
                if matches!(other, Poll::Ready(Some(Err(_)))) {
                    self.hold.pool.tally.error();
                }
                self.ends_when_dropped |= matches!(other, Poll::Ready(None | Some(Err(_))));
                other
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for GuardedBody {
    /// A handler that has its worker to itself goes on writing when nobody reads any more, as on AWS: the worker is free when it is done.
    fn drop(&mut self) {
        let (Some(lease), Ok(runtime)) = (self.hold.lease.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        if self.ends_when_dropped {
            return;
        }
        let rest = GuardedBody {
            body: std::mem::replace(&mut self.body, full("")),
            timer: std::mem::replace(&mut self.timer, Box::pin(tokio::time::sleep(Duration::ZERO))),
            hold: Hold {
                pool: self.hold.pool.clone(),
                lease: Some(lease),
                id: std::mem::take(&mut self.hold.id),
            },
            ends_when_dropped: true,
        };
        let mut rest = Box::pin(rest);
        runtime.spawn(async move { while let Some(Ok(_)) = rest.frame().await {} });
    }
}
