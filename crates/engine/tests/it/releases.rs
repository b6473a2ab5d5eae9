//! What deploys leave to be gone back to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sf_engine::{Draft, KEPT_RELEASES, Released, Session, Store, StoreError, releases, stop_pair};
use sf_plan::{Addr, Desired, Digest};
use sf_provider::testkit::{Fault, ModelBackend};

use crate::support::{Stand, one, two, who};

async fn deploy(stand: &Stand, desired: Vec<Desired>) -> Released {
    let (control, _) = stand.control(stop_pair().1);
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(desired.clone(), &ModelBackend).unwrap();
    let artifacts = BTreeMap::from([("hello".to_owned(), Digest("aa".into()))]);
    let draft = Draft { desired, artifacts, git_sha: Some("c0ffee".into()), rollback_to: None, run: None };
    session.release(plan, draft, control).await.unwrap()
}

#[tokio::test]
async fn a_deploy_that_changed_something_is_a_release() {
    let stand = Stand::new();
    assert_eq!(deploy(&stand, two("v1")).await.release.unwrap(), Some(1));
    assert_eq!(deploy(&stand, two("v1")).await.release.unwrap(), None);
    assert_eq!(deploy(&stand, two("v2")).await.release.unwrap(), Some(2));
    let all = releases(&stand.store).await.unwrap();
    assert_eq!(all.len(), 2);
    let Some(second) = stand.store.release(2).await.unwrap() else { panic!("it was recorded") };
    assert_eq!(second, all[1]);
    assert_eq!((second.about.number, second.about.by), (2, who("sf deploy")));
    assert_eq!(second.about.git_sha.as_deref(), Some("c0ffee"));
    assert_eq!(second.about.artifacts["hello"], Digest("aa".into()));
    assert!(second.about.time_ms > 0 && !second.about.changes.is_empty());
    // What it wants leads to no change: it is what is deployed.
    stand.expect_converged(second.desired, "").await;
    assert_eq!(stand.store.release(3).await.unwrap(), None);
}

#[tokio::test]
async fn what_it_wanted_can_be_deployed_again() {
    let stand = Stand::new();
    deploy(&stand, two("v1")).await.release.unwrap();
    deploy(&stand, one("v2")).await.release.unwrap();
    let first = stand.store.release(1).await.unwrap().unwrap();
    assert_eq!(deploy(&stand, first.desired).await.release.unwrap(), Some(3));
    stand.expect_converged(two("v1"), "").await;
}

#[tokio::test]
async fn nothing_is_a_release_if_something_was_there() {
    let stand = Stand::new();
    assert_eq!(deploy(&stand, Vec::new()).await.release.unwrap(), None);
    deploy(&stand, two("v1")).await.release.unwrap();
    assert_eq!(deploy(&stand, Vec::new()).await.release.unwrap(), Some(2));
    assert!(stand.store.release(2).await.unwrap().unwrap().is_empty());
    assert_eq!(deploy(&stand, Vec::new()).await.release.unwrap(), None);
}

#[tokio::test]
async fn a_deploy_that_failed_is_none() {
    let stand = Stand::new();
    stand.cloud.inject(3, Fault::Refused);
    let failed = deploy(&stand, two("v1")).await;
    assert!(!failed.applied.report.is_success());
    assert_eq!(failed.release.unwrap(), None);
    assert_eq!(deploy(&stand, two("v1")).await.release.unwrap(), Some(1));
}

/// The run was killed after its last call, or is of a version that recorded none.
#[tokio::test]
async fn a_release_that_was_not_recorded_is_made_up_for() {
    let stand = Stand::new();
    deploy(&stand, two("v1")).await.release.unwrap();
    stand.deploy(two("v2")).await;
    assert_eq!(stand.store.releases().await.unwrap(), [1]);
    assert_eq!(deploy(&stand, two("v2")).await.release.unwrap(), Some(2));
    assert_eq!(deploy(&stand, two("v2")).await.release.unwrap(), None);
}

#[tokio::test]
async fn the_newest_ones_are_kept() {
    let stand = Stand::new();
    let last = KEPT_RELEASES as u64 + 3;
    for nth in 1..=last {
        let desired = if nth % 2 == 0 { two("v1") } else { one("v2") };
        assert_eq!(deploy(&stand, desired).await.release.unwrap(), Some(nth));
    }
    assert_eq!(stand.store.releases().await.unwrap(), (4..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_damaged_release_is_told_and_does_not_keep_a_deploy_from_being_one() {
    let stand = Stand::new();
    deploy(&stand, two("v1")).await.release.unwrap();
    let file = stand.file().with_file_name("dev.releases").join("1.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let error = releases(&stand.store).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRelease { .. }), "{error}");
    assert!(error.hint().unwrap().contains("delete"), "{error}");
    assert_eq!(deploy(&stand, two("v1")).await.release.unwrap(), Some(2));

    fs::write(&file, text.replacen("\"version\": 1", "\"version\": 2", 1)).unwrap();
    let error = releases(&stand.store).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 2, .. }), "{error}");
}

#[tokio::test]
async fn what_a_plan_uploads_and_the_provider_does_not_have_is_told() {
    let stand = Stand::new();
    let session = Session::open(&stand.store, stand.provider(), who("sf deploy")).await.unwrap();
    let plan = session.plan(two("v1"), &ModelBackend).unwrap();
    let uploads = session.uploads(&plan);
    let wanted: BTreeSet<_> = uploads.values().map(|key| key.addr.clone()).collect();
    assert_eq!(wanted, BTreeSet::from([Addr::new("code", "bye"), Addr::new("code", "hello")]));
    // The cloud in memory keeps no code.
    let files = uploads.keys().map(|digest| (digest.clone(), stand.dir.path().join(&digest.0))).collect();
    assert_eq!(session.fetch(files).await.unwrap(), uploads.into_keys().collect());
}
