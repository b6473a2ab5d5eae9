//! Killed at every call and at every save, on both sides of its effect: the next deploy converges.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sf_engine::{Holder, Lock, LockInfo, Release, Store, StoreError};
use sf_plan::{Desired, Save, State};
use sf_provider::testkit::Fault;
use tokio::sync::Notify;

use crate::support::{Stand, kill_when, one, two};

/// A name, what was deployed before if anything was, what is deployed.
type Deploy = (&'static str, Option<Vec<Desired>>, Vec<Desired>);

/// Create, update and replace, remove.
fn deploys() -> [Deploy; 4] {
    [
        ("a first deploy", None, two("v1")),
        ("new code", Some(two("v1")), two("v2")),
        ("a smaller project", Some(two("v1")), one("v2")),
        ("a removal", Some(two("v1")), Vec::new()),
    ]
}

/// A state in a folder, and one in a bucket.
const STANDS: [fn() -> Stand; 2] = [Stand::new, Stand::remote];

async fn after(before: Option<Vec<Desired>>, stand: fn() -> Stand) -> Stand {
    let stand = stand();
    if let Some(before) = before {
        stand.deploy(before).await;
        stand.cloud.take_calls();
    }
    stand
}

async fn expect_recovery(stand: &Stand, desired: Vec<Desired>, during: &str) {
    let applied = stand.deploy(desired.clone()).await;
    assert!(applied.report.is_success(), "{during}: {:?}", applied.report);
    stand.expect_converged(desired, during).await;
    stand.deploy(Vec::new()).await;
    assert!(stand.cloud.objects(&stand.scope()).is_empty(), "{during}: orphans");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call() {
    for stand in STANDS {
        killed_at_calls(stand).await;
    }
}

async fn killed_at_calls(stand: fn() -> Stand) {
    for (name, before, desired) in deploys() {
        for fault in [Fault::HangsBefore, Fault::HangsAfter] {
            let mut nth = 0;
            loop {
                let during = format!("{name}, call {nth} {fault:?}");
                let stand = after(before.clone(), stand).await;
                stand.cloud.inject(nth, fault);
                if !kill_when(stand.deploy(desired.clone()), stand.cloud.hung()).await {
                    break;
                }
                stand.cloud.heal();
                expect_recovery(&stand, desired.clone(), &during).await;
                nth += 1;
            }
            assert!(nth >= 6, "{name} has but {nth} calls");
        }
    }
}

/// Hangs at a save, before or after it is done.
struct DyingStore<'a> {
    store: &'a dyn Store,
    saves: AtomicUsize,
    dies_at: usize,
    after: bool,
    dead: Notify,
}

#[async_trait]
impl Store for DyingStore<'_> {
    async fn lock(&self, info: LockInfo) -> Result<Box<dyn Lock>, StoreError> {
        self.store.lock(info).await
    }

    async fn load(&self) -> Result<Option<State>, StoreError> {
        self.store.load().await
    }

    async fn save(&self, lock: &dyn Lock, what: &Save<'_>) -> Result<(), StoreError> {
        let dies = self.saves.fetch_add(1, Ordering::SeqCst) == self.dies_at;
        if dies && !self.after {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        self.store.save(lock, what).await?;
        if dies {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn compact(&self, lock: &dyn Lock, state: &State) -> Result<(), StoreError> {
        self.store.compact(lock, state).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
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

#[tokio::test(start_paused = true)]
async fn killed_at_any_save() {
    for stand in STANDS {
        killed_at_saves(stand).await;
    }
}

async fn killed_at_saves(stand: fn() -> Stand) {
    for (name, before, desired) in deploys() {
        for after_save in [false, true] {
            let mut nth = 0;
            loop {
                let during = format!("{name}, save {nth}, done: {after_save}");
                let stand = after(before.clone(), stand).await;
                let (saves, dead) = (AtomicUsize::new(0), Notify::new());
                let store = DyingStore { store: stand.store(), saves, dies_at: nth, after: after_save, dead };
                let deploy = stand.deploy_with(&store, stand.provider(), desired.clone());
                if !kill_when(deploy, store.dead.notified()).await {
                    break;
                }
                expect_recovery(&stand, desired.clone(), &during).await;
                nth += 1;
            }
            assert!(nth >= 4, "{name} has but {nth} saves");
        }
    }
}
