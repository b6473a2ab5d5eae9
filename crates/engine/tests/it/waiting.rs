//! Calls that take long: they say how far they are, and are told when the user has had enough.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sf_engine::{Limits, Session, stop_pair};
use sf_plan::{Call, Event, Failure, Intent, Object, ObjectKey, Outcome, Report};
use sf_provider::testkit::{Fault, ModelBackend, ModelCloud};
use sf_provider::{Cx, Driver};

use crate::support::{Stand, two, who};

/// A cloud whose release waits until the user stops it, and is then made all the same.
struct Canary {
    cloud: ModelCloud,
    at_once: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Driver for Canary {
    fn concurrency(&self) -> usize {
        2
    }

    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        self.cloud.read(cx, key, object).await
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if call.key.addr.kind.0 == "release" {
            cx.progress.say("10 % of calls go to it");
            cx.stopped().await;
            cx.progress.say("interrupted: all calls go to it");
        }
        let outcome = self.cloud.call(cx, call).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        self.cloud.find(cx, intent).await
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        self.cloud.discover(cx).await
    }
}

/// Deploys with a canary, and stops once nothing but that is left.
async fn deploy(stand: &Stand) -> (Arc<Canary>, Report, Vec<Event>) {
    let canary = Arc::new(Canary {
        cloud: stand.cloud.clone(),
        at_once: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let (handle, stop) = stop_pair();
    let (mut control, mut heard) = stand.control(stop);
    control.limits = Limits { attempts: 3, ..Limits::of(canary.as_ref()) };
    let provider = stand.provider_of(canary.clone());
    let session = Session::open(&stand.store, provider, who("sf deploy")).await.unwrap();
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let listening = async {
        let mut events = Vec::new();
        while let Some(event) = heard.recv().await {
            events.push(event);
            // Once nothing else is under way: six of seven calls are made, and the last one waits.
            let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
            let finished = count(|event| matches!(event, Event::Finished { .. }));
            if finished == 6 && count(|event| matches!(event, Event::Progress { .. })) > 0 {
                handle.stop();
            }
        }
        events
    };
    let (applied, events) = tokio::join!(session.apply(plan, control), listening);
    (canary, applied.unwrap().report, events)
}

#[tokio::test]
async fn a_call_that_waits_says_how_far_it_is_and_ends_what_it_does_when_stopped() {
    let stand = Stand::new();
    let (canary, report, events) = deploy(&stand).await;
    assert!(report.is_success(), "{report:?}");
    let of_release: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Started { key, .. } if key.addr.kind.0 == "release" => Some("started"),
            Event::Progress { message, key, .. } if key.addr.kind.0 == "release" => Some(message.as_str()),
            Event::Finished { key, .. } if key.addr.kind.0 == "release" => Some("finished"),
            _ => None,
        })
        .collect();
    assert_eq!(
        of_release,
        ["started", "10 % of calls go to it", "interrupted: all calls go to it", "finished"]
    );
    assert_eq!(canary.most.load(Ordering::SeqCst), 2, "as many calls at once as the driver allows");
    stand.expect_converged(two("v1"), "").await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_does_not_try_again() {
    let stand = Stand::new();
    // The release is the last of seven calls that reaches the cloud.
    (6..9).for_each(|nth| stand.cloud.inject(nth, Fault::Throttled));
    let before = tokio::time::Instant::now();
    let (_, report, _) = deploy(&stand).await;
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    assert_eq!((report.failed.len(), stand.cloud.take_calls().len()), (1, 7), "{report:?}");
    // And what it did not try again is taken up by the next one.
    stand.deploy(two("v1")).await;
    stand.expect_converged(two("v1"), "").await;
}
