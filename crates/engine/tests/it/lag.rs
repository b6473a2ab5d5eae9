//! A provider that does not show at once what was done: an answer that comes too early is a wrong one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sf_engine::Provider;
use sf_plan::{Call, Failure, Intent, Object, ObjectKey, Outcome, Status};
use sf_provider::testkit::{Fault, ModelCloud};
use sf_provider::{Cx, Driver};
use tokio::time::Instant;

use crate::support::{Stand, kill_when, two};

const LAG: Duration = Duration::from_secs(1);

/// A cloud that finds nothing for a while.
struct Lagging {
    cloud: ModelCloud,
    until: Instant,
}

impl Lagging {
    fn provider(stand: &Stand) -> Provider {
        stand.provider_of(Arc::new(Self { cloud: stand.cloud.clone(), until: Instant::now() + LAG }))
    }

    fn shown<T>(&self, found: Option<T>) -> Option<T> {
        found.filter(|_| self.until <= Instant::now())
    }
}

#[async_trait]
impl Driver for Lagging {
    fn lag(&self) -> Duration {
        LAG
    }

    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        Ok(self.shown(self.cloud.read(cx, key, object).await?))
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        self.cloud.call(cx, call).await
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        Ok(self.shown(self.cloud.find(cx, intent).await?))
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        self.cloud.discover(cx).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_call_made_is_looked_for_once_the_provider_must_know() {
    let stand = Stand::new();
    stand.cloud.inject(0, Fault::HangsAfter);
    assert!(kill_when(stand.deploy(two("v1")), stand.cloud.hung()).await);
    stand.cloud.heal();
    // Nobody wants it any more: what is not found now is never looked for again.
    stand.deploy_with(&stand.store, Lagging::provider(&stand), Vec::new()).await.unwrap();
    assert!(stand.cloud.objects(&stand.scope()).is_empty(), "an orphan");
}

#[tokio::test(start_paused = true)]
async fn what_was_made_just_now_is_not_taken_for_deleted() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let mut observed = stand.look().await.unwrap();
    assert_eq!(observed.refresh(&Lagging::provider(&stand)).await.unwrap(), []);
    assert!(!observed.changed);
    // What is gone indeed is told all the same.
    let key = observed.state.objects.keys().next().unwrap().clone();
    assert!(stand.cloud.delete_outside(&stand.scope(), &key));
    let drift = observed.refresh(&Lagging::provider(&stand)).await.unwrap();
    assert_eq!(drift.iter().map(|drift| &drift.key).collect::<Vec<_>>(), [&key]);
    assert_eq!(observed.state.objects[&key].status, Status::Missing);
}
