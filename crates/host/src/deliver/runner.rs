//! One subscription's task: it waits for messages, takes them, calls the function, and says what became of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sf_data::{Data, DataError, Delivery, ErrorKind, Failed, Inbox};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Target, event};
use crate::clock::Clock;
use crate::worker::{Invocation, collect};

/// Batches of one subscription that are handled at once.
const AT_ONCE: usize = 8;
/// Bytes of bodies in one call: a frame of the worker protocol has its end at 16 MiB.
const MAX_CALL: usize = 6 << 20;
/// What is read of an answer.
const MAX_ANSWER: usize = 1 << 20;
/// How long to wait before a storage that failed is asked again, or one that had nothing after all.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Runner {
    data: Data,
    clock: Arc<Clock>,
    target: Arc<Target>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Told when a call ended: what failed in it may be the next to be ready.
    ended: Notify,
}

/// What there is to do.
enum Look {
    Take(Vec<Delivery>),
    /// Nothing before this has passed, or before something comes.
    Wait(Option<Duration>),
}

impl Runner {
    pub(super) fn new(
        data: Data,
        clock: Arc<Clock>,
        target: Arc<Target>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self { data, clock, target, stop, tasks, ended: Notify::new() })
    }

    /// Delivers until it is stopped. What it has taken by then is handled to its end, each batch in a task of its own.
    pub(super) async fn run(self: Arc<Self>) {
        let (mut arrivals, mut moves) = (self.data.arrivals(), self.clock.moves());
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let slot = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                slot = slots.clone().acquire_owned() => slot,
            };
            // What comes from here on is seen by the wait below.
            arrivals.borrow_and_update();
            moves.borrow_and_update();
            // Never given up in the middle: messages that were taken and then forgotten would wait for their lease to end.
            let pause = match self.look().await {
                Ok(Look::Take(taken)) => {
                    let runner = self.clone();
                    self.tasks.spawn(async move {
                        runner.handle(taken).await;
                        drop(slot);
                    });
                    continue;
                }
                Ok(Look::Wait(pause)) => pause,
                Err(error) => {
                    // An inbox goes with its release, a moment before its runner does.
                    if error.kind != ErrorKind::NotFound {
                        tracing::warn!(%error, source = self.target.source, "take messages");
                    }
                    Some(PAUSE)
                }
            };
            drop(slot);
            tokio::select! {
                () = self.stop.cancelled() => return,
                Ok(()) = arrivals.changed() => {}
                Ok(()) = moves.changed() => {}
                () = self.ended.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    async fn look(&self) -> Result<Look, DataError> {
        let Target { app, inbox, batch, lease, .. } = &*self.target;
        let Some(next) = self.data.next_ready_ms(app, inbox).await? else { return Ok(Look::Wait(None)) };
        let now = self.clock.now_ms();
        if next > now {
            return Ok(Look::Wait(Some(Duration::from_millis(next - now))));
        }
        let taken = self.data.receive(app, inbox, *batch, *lease).await?;
        Ok(match taken.is_empty() {
            true => Look::Wait(Some(PAUSE)),
            false => Look::Take(taken),
        })
    }

    async fn handle(&self, taken: Vec<Delivery>) {
        for deliveries in by_size(taken) {
            let (again, cause) = match self.call(&deliveries).await {
                Ok(again) => (again, "the handler returned it as failed".to_owned()),
                Err(cause) => {
                    (deliveries.iter().map(|delivery| delivery.message.id.clone()).collect(), cause)
                }
            };
            self.finish(deliveries, &again, &cause).await;
        }
        self.ended.notify_one();
    }

    /// Calls the function; gives the ids of the messages that are to be delivered again, or why all are.
    async fn call(&self, deliveries: &[Delivery]) -> Result<BTreeSet<String>, String> {
        let target = &*self.target;
        let id = crate::store::invocation_id();
        let (event, data): (Value, Bytes) = match (&target.inbox, deliveries) {
            (Inbox::Subscription(_), [delivery]) => {
                event::single(&target.source, &delivery.message, &target.pool.spec.names)
            }
            (Inbox::Queue(_) | Inbox::Subscription(_), _) => {
                event::batch(&target.source, &id, self.clock.now(), deliveries)
            }
        };
        let trace = crate::gateway::new_trace(&id);
        let called = target.pool.call(Invocation::Event { event, data, id, trace }).await;
        let (head, body) = called.map_err(|error| error.to_string())?.into_parts();
        let answer = collect(body, MAX_ANSWER).await?;
        if !head.status.is_success() {
            return Err(format!("the function answered {}", head.status));
        }
        match target.inbox {
            Inbox::Queue(_) => event::wanted_again(&answer, deliveries),
            Inbox::Subscription(_) => Ok(BTreeSet::new()),
        }
    }

    async fn finish(&self, deliveries: Vec<Delivery>, again: &BTreeSet<String>, cause: &str) {
        let (mut handled, mut failed) = (Vec::new(), Vec::new());
        for Delivery { receipt, message } in deliveries {
            if !again.contains(&message.id) {
                handled.push(receipt);
                continue;
            }
            let retry_after = event::retry_after(message.attempts);
            self.log_failure(&message.id, message.attempts, retry_after, cause).await;
            failed.push(Failed { receipt, retry_after, error: cause.to_owned() });
        }
        let finished = self.data.finish(&self.target.app, &self.target.inbox, handled, failed).await;
        if let Err(error) = finished
            && error.kind != ErrorKind::NotFound
        {
            tracing::warn!(%error, source = self.target.source, "messages are delivered again after their lease");
        }
    }

    async fn log_failure(&self, id: &str, attempt: u32, retry_after: Duration, cause: &str) {
        let target = &*self.target;
        let next = match attempt < target.retries {
            true => {
                let wait = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
                format!("again in {}", crate::worker::seconds(wait))
            }
            false => "it is a dead letter now".to_owned(),
        };
        let line = format!(
            "{}: message {id}: delivery {attempt} of {} failed: {cause}; {next}",
            target.label, target.retries
        );
        target.pool.sink().line("system", line).await;
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Cuts a batch where a call would be too large. A single message never is.
fn by_size(taken: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let (mut calls, mut size) = (Vec::<Vec<Delivery>>::new(), 0);
    for delivery in taken {
        let bytes = match &delivery.message.body {
            sf_data::Body::Json(json) => json.len(),
            // As base64.
            sf_data::Body::Bytes(bytes) => bytes.len() / 3 * 4 + 4,
        };
        match calls.last_mut() {
            Some(call) if size + bytes <= MAX_CALL => {
                call.push(delivery);
                size += bytes;
            }
            _ => {
                calls.push(vec![delivery]);
                size = bytes;
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use sf_data::{Body, Message};

    use super::*;

    fn of_size(bytes: usize) -> Delivery {
        let message = Message {
            id: bytes.to_string(),
            event: "sf.queue".into(),
            subject: None,
            body: Body::Json(vec![b'1'; bytes].into()),
            attributes: Default::default(),
            attempts: 1,
            sent_ms: 0,
            last_error: None,
        };
        Delivery { receipt: 1, message }
    }

    #[test]
    fn a_batch_that_no_frame_can_hold_is_cut() {
        let sizes = [MAX_CALL - 1, 1, 1, MAX_CALL + 1, 5];
        let calls = by_size(sizes.map(of_size).into());
        let cut: Vec<usize> = calls.iter().map(Vec::len).collect();
        assert_eq!(cut, [2, 1, 1, 1]);
        assert!(by_size(Vec::new()).is_empty());
    }
}
