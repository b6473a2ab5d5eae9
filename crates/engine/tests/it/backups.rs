//! A state that somebody brought back knows nothing of what was made since: it is seen to be an old one, whatever it was followed by.

use std::fs;

use sf_engine::{LockInfo, Outdated, Session, Witness, stop_pair};
use sf_plan::{Desired, Serial};
use sf_provider::testkit::{Fault, ModelBackend};

use crate::support::{Stand, kill_when, one, two, who};

/// One user's deploys, each in a process of its own.
struct User {
    stand: Stand,
    witness: Witness,
}

impl User {
    fn new() -> Self {
        Self { stand: Stand::new(), witness: Witness::in_memory() }
    }

    async fn open(&self, process: u64) -> Session<'_> {
        let who = LockInfo { started_ms: process, ..who("sf deploy") };
        let session = Session::open(&self.stand.store, self.stand.provider(), who).await.unwrap();
        session.witnessed(Some(self.witness.clone()))
    }

    /// As `sf deploy` does it. Gives how the state that was found is old.
    async fn deploy(&self, process: u64, desired: Vec<Desired>) -> Option<Outdated> {
        let mut session = self.open(process).await;
        let outdated = session.outdated();
        if outdated.is_some() {
            session.rediscover().await.unwrap();
        }
        let plan = session.plan(desired.clone(), &ModelBackend).unwrap();
        let (control, _heard) = self.stand.control(stop_pair().1);
        let applied = session.apply(plan, control).await.unwrap();
        assert!(applied.report.is_success());
        self.stand.expect_converged(desired, "a deploy").await;
        outdated
    }

    fn back_up(&self) -> Vec<u8> {
        fs::read(self.stand.file()).unwrap()
    }

    fn bring_back(&self, backup: &[u8]) {
        let _ = fs::remove_file(self.stand.file().with_extension("journal"));
        fs::write(self.stand.file(), backup).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_went_on_from_a_backup_is_not_confused_with_what_it_took_the_place_of() {
    let user = User::new();
    assert_eq!(user.deploy(1, one("v1")).await, None);
    let first = user.back_up();
    let serial = user.stand.state().await.serial;
    assert_eq!(user.deploy(2, two("v2")).await, None);
    let (second, seen) = (user.back_up(), user.stand.state().await.serial);
    user.bring_back(&first);
    assert_eq!(user.deploy(3, one("v3")).await, Some(Outdated::Older { found: serial, seen }));
    // As many saves later or more: only the history tells them apart.
    assert!(user.stand.state().await.serial >= Serial(serial.0 + 2));
    user.bring_back(&second);
    assert_eq!(user.deploy(4, two("v4")).await, Some(Outdated::Ended));
    assert_eq!(user.deploy(5, two("v4")).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_lost_and_found_again_is_an_old_one() {
    let user = User::new();
    user.deploy(1, one("v1")).await;
    let lost = user.back_up();
    fs::remove_file(user.stand.file()).unwrap();
    assert_eq!(user.deploy(2, two("v2")).await, None, "what is deployed is found by its tags");
    user.bring_back(&lost);
    assert_eq!(user.deploy(3, Vec::new()).await, Some(Outdated::Ended));
}

/// Whoever sees a deploy killed may well bring back the state from before it.
#[tokio::test(start_paused = true)]
async fn the_state_from_before_a_killed_deploy_is_an_old_one() {
    let user = User::new();
    user.deploy(1, one("v1")).await;
    let before = user.back_up();
    user.stand.cloud.inject(1, Fault::HangsAfter);
    assert!(kill_when(user.deploy(2, two("v2")), user.stand.cloud.hung()).await);
    user.stand.cloud.heal();
    assert_eq!(user.open(3).await.outdated(), None);
    user.bring_back(&before);
    assert!(user.deploy(4, two("v2")).await.is_some());
}
