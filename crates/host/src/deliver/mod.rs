//! Delivery: what waits in inboxes is carried to functions, at least once.
//!
//! ```text
//! active release ─> Target (one a subscription) ─> Runner (a task): waits, takes, calls ─> handled or failed ─> Data::finish
//! ```
//!
//! A switch of releases hands over: the runner of the old release takes nothing more, but ends what it has with the functions that it began
//! with; the one of the new release takes what is left. Nothing is taken out of an inbox before it was handled.

mod event;
mod runner;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sf_data::{AppId, Data, Inbox, Source, Subscription};
use sf_host_api::{EventSource, ReleaseSpec, SubscriptionSpec};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::release::Release;
use crate::worker::Pool;
use runner::Runner;

pub(crate) use event::as_json;

/// Deliveries of what is no queue's before it becomes a dead letter.
const RETRIES: u32 = 5;
/// How long deliveries may go on while the host stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Without a visibility of its own, a message is hidden for so many times the function's timeout.
const LEASE_FACTOR: u64 = 6;

/// What one runner delivers, and to whom.
pub(crate) struct Target {
    app: AppId,
    inbox: Inbox,
    /// For messages: queue `jobs`, topic `projects`.
    label: String,
    /// Of its events.
    source: String,
    batch: usize,
    retries: u32,
    lease: Duration,
    pool: Arc<Pool>,
}

impl Target {
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pool, &other.pool)
            && self.inbox == other.inbox
            && self.source == other.source
            && (self.batch, self.retries, self.lease) == (other.batch, other.retries, other.lease)
    }
}

/// All runners.
pub(crate) struct Deliveries {
    data: Data,
    clock: Arc<Clock>,
    running: Mutex<BTreeMap<AppId, BTreeMap<String, Running>>>,
    tasks: TaskTracker,
}

struct Running {
    target: Arc<Target>,
    stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Deliveries {
    pub(crate) fn new(data: Data, clock: Arc<Clock>) -> Self {
        Self { data, clock, running: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Delivers what an app's release wants, and nothing else of that app's. Runners of what did not change go on.
    pub(crate) fn switch(&self, app: &AppId, release: Option<&Release>) {
        if self.tasks.is_closed() {
            return;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = running.remove(app).unwrap_or_default();
        let mut after = BTreeMap::new();
        for (name, target) in release.map(|release| targets(app, release)).unwrap_or_default() {
            let kept = before.remove(&name).filter(|kept| kept.target.is_same(&target));
            after.insert(name, kept.unwrap_or_else(|| self.start(target)));
        }
        if !after.is_empty() {
            running.insert(app.clone(), after);
        }
    }

    fn start(&self, target: Target) -> Running {
        let (target, stop) = (Arc::new(target), CancellationToken::new());
        let runner = Runner::new(
            self.data.clone(),
            self.clock.clone(),
            target.clone(),
            stop.clone(),
            self.tasks.clone(),
        );
        self.tasks.spawn(runner.run());
        Running { target, stop }
    }

    /// Takes nothing more, and waits for what is being handled.
    pub(crate) async fn close(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("deliveries that did not end are made again at the next start");
        }
    }
}

/// The inboxes that a release wants. Queues are inboxes already.
pub(crate) fn subscriptions(release: &Release) -> Vec<Subscription> {
    let inbox = |(name, spec): (&String, &SubscriptionSpec)| {
        let source = match &spec.source {
            EventSource::Queue { .. } => return None,
            EventSource::Topic { topic, filter } => {
                Source::Topic { topic: topic.clone(), filter: filter.clone() }
            }
            EventSource::Bucket { bucket, event, prefix, suffix } => Source::Bucket {
                bucket: bucket.clone(),
                removed: event == "removed",
                prefix: prefix.clone().unwrap_or_default(),
                suffix: suffix.clone().unwrap_or_default(),
            },
            EventSource::Table { table } => Source::Table { table: table.clone() },
        };
        Some(Subscription { name: name.clone(), source, retries: RETRIES })
    };
    release.subscriptions.iter().filter_map(inbox).collect()
}

/// A source's kind and name.
pub(crate) fn source_of(source: &EventSource) -> (&'static str, &str) {
    match source {
        EventSource::Queue { queue, .. } => ("queue", queue),
        EventSource::Topic { topic, .. } => ("topic", topic),
        EventSource::Bucket { bucket, .. } => ("bucket", bucket),
        EventSource::Table { table } => ("table", table),
    }
}

/// Checks that all that is subscribed to is in the release, and that a queue is read by one.
pub(crate) fn check(
    release: &ReleaseSpec,
    subscriptions: &BTreeMap<String, SubscriptionSpec>,
) -> Result<(), String> {
    let mut readers: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, spec) in subscriptions {
        let (kind, source) = source_of(&spec.source);
        if !release.resources.contains_key(&format!("{kind}/{source}")) {
            return Err(format!(
                "release: subscription `{name}` listens to {kind} `{source}`, which is not in it"
            ));
        }
        if kind == "queue"
            && let Some(other) = readers.insert(source, name)
        {
            return Err(format!(
                "release: subscriptions `{other}` and `{name}` read the same queue `{source}`"
            ));
        }
    }
    Ok(())
}

fn targets(app: &AppId, release: &Release) -> BTreeMap<String, Target> {
    let target = |(name, spec): (&String, &SubscriptionSpec)| {
        let pool = release.pools.get(&spec.function)?.clone();
        let (kind, source) = source_of(&spec.source);
        let (inbox, batch, retries, visibility_ms) = match &spec.source {
            EventSource::Queue { queue, batch } => {
                let spec = release.queues.get(queue)?;
                let batch = usize::try_from(*batch).unwrap_or(usize::MAX);
                (Inbox::Queue(queue.clone()), batch, spec.retries, spec.visibility_ms)
            }
            EventSource::Topic { .. } | EventSource::Bucket { .. } | EventSource::Table { .. } => {
                (Inbox::Subscription(name.clone()), 1, RETRIES, None)
            }
        };
        let lease_ms = visibility_ms.unwrap_or(pool.spec.timeout_ms.saturating_mul(LEASE_FACTOR));
        let target = Target {
            app: app.clone(),
            inbox,
            label: format!("{kind} `{source}`"),
            source: format!("/{kind}s/{}", pool.spec.names.called(kind, source)),
            batch,
            retries,
            lease: Duration::from_millis(lease_ms),
            pool,
        };
        Some((name.clone(), target))
    };
    release.subscriptions.iter().filter_map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_reader(queue: &str) -> SubscriptionSpec {
        let source = EventSource::Queue { queue: queue.into(), batch: 1 };
        SubscriptionSpec { function: "f".into(), source }
    }

    #[test]
    fn what_is_subscribed_to_is_in_the_release_and_a_queue_has_one_reader() {
        let resources = BTreeMap::from([("queue/jobs".into(), "1".into())]);
        let release = ReleaseSpec { resources, ..ReleaseSpec::default() };
        let one = BTreeMap::from([("a".to_owned(), queue_reader("jobs"))]);
        assert_eq!(check(&release, &one), Ok(()));
        let gone = BTreeMap::from([("a".to_owned(), queue_reader("mail"))]);
        assert!(check(&release, &gone).unwrap_err().contains("queue `mail`, which is not in it"));
        let two = ["a", "b"].map(|name| (name.to_owned(), queue_reader("jobs")));
        assert!(check(&release, &two.into()).unwrap_err().contains("`a` and `b` read the same queue"));
    }
}
