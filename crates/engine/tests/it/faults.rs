//! Calls that fail, and saves that do.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sf_engine::{
    ApplyError, Holder, LocalStore, Lock, LockInfo, ObserveError, Release, Session, Store, StoreError,
    stop_pair,
};
use sf_plan::{Event, Save, State};
use sf_provider::testkit::{Fault, ModelBackend};

use crate::support::{Stand, one, two, who};

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again() {
    for fault in [Fault::Throttled, Fault::AnswerLost] {
        let stand = Stand::new();
        for nth in [0, 2, 5] {
            stand.cloud.inject(nth, fault);
        }
        let before = tokio::time::Instant::now();
        let applied = stand.deploy(two("v1")).await;
        assert!(applied.report.is_success(), "{fault:?}: {:?}", applied.report);
        assert_eq!(stand.cloud.take_calls().len(), 10, "seven calls, three of them twice");
        assert!(before.elapsed() >= sf_engine::Limits::default().pause / 2);
        stand.expect_converged(two("v1"), "").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_does_not_pass_ends_with_its_cause() {
    let stand = Stand::new();
    stand.cloud.disconnect();
    let refused = stand.look().await.unwrap_err();
    assert!(matches!(refused, ObserveError::Provider { .. }), "{refused}");
    assert_eq!(refused.to_string(), "find what is deployed: the cloud does not answer");

    stand.cloud.heal();
    stand.deploy(Vec::new()).await;
    (0..3).for_each(|nth| stand.cloud.inject(nth, Fault::Throttled));
    let (stop, control) = (stop_pair().1, |stop| stand.control(stop).0);
    let mut control = control(stop);
    control.limits.concurrency = 1;
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let report = session.apply(plan, control).await.unwrap().report;
    let [(key, error)] = report.failed.as_slice() else { panic!("{report:?}") };
    assert_eq!((key.to_string().as_str(), error.message.as_str()), ("code/bye", "try again later"));
}

#[tokio::test]
async fn whoever_needs_what_failed_is_skipped_and_the_others_finish() {
    for fault in [Fault::Refused, Fault::AnswerGarbled, Fault::HalfMade, Fault::Panics] {
        for nth in 0..7 {
            let stand = Stand::new();
            stand.cloud.inject(nth, fault);
            let report = stand.deploy(two("v1")).await.report;
            let during = format!("{fault:?} of call {nth}");
            assert_eq!(report.failed.len(), 1, "{during}: {report:?}");
            assert_eq!(report.done.len() + report.skipped.len(), 6, "{during}: {report:?}");
            let failed = &report.failed[0].0.addr;
            let name = failed.name.rsplit('/').next().unwrap();
            let is_other =
                |key: &&sf_plan::ObjectKey| !key.addr.name.ends_with(name) && key.addr.kind.0 != "release";
            if failed.kind.0 != "release" {
                assert_eq!(report.done.iter().filter(is_other).count(), 3, "{during}: {report:?}");
            }
            // What may be there though its call failed is found, even if nobody wants it any more.
            if nth % 2 == 0 {
                stand.deploy(two("v1")).await;
                stand.expect_converged(two("v1"), &during).await;
            }
            stand.deploy(Vec::new()).await;
            assert!(stand.cloud.objects(&stand.scope()).is_empty(), "{during}: orphans");
        }
    }
}

#[tokio::test]
async fn a_stopped_run_finishes_what_is_in_flight_and_records_it() {
    let stand = Stand::new();
    let (handle, stop) = stop_pair();
    let (control, mut heard) = stand.control(stop);
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let stopping = async {
        let mut events = Vec::new();
        while let Some(event) = heard.recv().await {
            // The first result: others are under way.
            if matches!(event, Event::Finished { .. }) {
                handle.stop();
            }
            events.push(event);
        }
        events
    };
    let (applied, events) = tokio::join!(session.apply(plan, control), stopping);
    let applied = applied.unwrap();
    assert!(applied.stopped);
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    let (started, skipped) = (
        count(|event| matches!(event, Event::Started { .. })),
        count(|event| matches!(event, Event::Skipped { .. })),
    );
    assert_eq!((started, applied.report.done.len()), (stand.cloud.take_calls().len(), started));
    assert!(skipped > 0 && applied.report.skipped.len() == skipped && started + skipped == 7);
    assert_eq!(stand.state().await.objects, stand.cloud.objects(&stand.scope()));
    stand.deploy(two("v1")).await;
    stand.expect_converged(two("v1"), "").await;
}

/// Cannot save after a number of times: the disk is full.
struct FullDisk<'a> {
    store: &'a LocalStore,
    left: AtomicUsize,
}

#[async_trait]
impl Store for FullDisk<'_> {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        self.store.lock(info).await
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.store.load().await
    }

    async fn save(&self, lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            let cause = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::Io { operation: "save state", at: self.store.location(), cause });
        }
        self.store.save(lock, what).await
    }

    async fn set_aside(&self, lock: &dyn Lock) -> Result<Option<String>, StoreError> {
        self.store.set_aside(lock).await
    }

    async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        self.store.holder().await
    }

    async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        self.store.unlock().await
    }

    async fn releases(&self) -> Result<Vec<u64>, StoreError> {
        self.store.releases().await
    }

    async fn release(&self, number: u64) -> Result<Option<Release>, StoreError> {
        self.store.release(number).await
    }

    async fn record(&self, lock: &dyn Lock, release: &Release) -> Result<(), StoreError> {
        self.store.record(lock, release).await
    }

    fn location(&self) -> String {
        self.store.location()
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_saved_is_rescued() {
    for saves in 0..4 {
        for is_rescue_used in [true, false] {
            let stand = Stand::new();
            let store = FullDisk { store: &stand.store, left: AtomicUsize::new(saves) };
            let failed = stand.deploy_with(&store, stand.provider(), two("v1")).await.unwrap_err();
            assert!(matches!(failed, ApplyError::Unsaved { .. }), "{failed}");
            let hint = failed.hint().unwrap();
            assert!(hint.contains("sf-state.rescue.json") && hint.contains("dev.json"), "{hint}");
            let file: serde_json::Value = serde_json::from_slice(&fs::read(stand.rescue()).unwrap()).unwrap();
            let rescued: State = serde_json::from_value(file["state"].clone()).unwrap();
            // All that was in flight was waited for.
            assert_eq!(rescued.objects, stand.cloud.objects(&stand.scope()));
            if is_rescue_used {
                fs::rename(stand.rescue(), stand.file()).unwrap();
            }
            stand.deploy(one("v1")).await;
            stand.expect_converged(one("v1"), "").await;
        }
    }
}
