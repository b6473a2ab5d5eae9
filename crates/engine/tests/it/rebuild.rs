//! A record that was lost, damaged or is wrong is made anew from what is there.

use std::collections::BTreeSet;
use std::fs;

use sf_engine::{ObserveError, Rebuild, Store, StoreError, observe};

use crate::support::{Stand, one, two, who};

async fn begin(stand: &Stand) -> Rebuild<'_> {
    Rebuild::begin(&stand.store, &stand.provider(), who("sf state rebuild")).await.unwrap()
}

#[tokio::test]
async fn a_damaged_state_is_found_again_and_the_file_is_kept() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    for damage in [&b"{ \"version\": 1, \"obj"[..], b"\0\0\0", b"{\"version\": 99}"] {
        fs::write(stand.file(), damage).unwrap();
        let rebuild = begin(&stand).await;
        let news = rebuild.news();
        assert!(matches!(&news.unreadable, Some(StoreError::Corrupt { .. } | StoreError::Newer { .. })));
        assert_eq!((news.found, news.added.len()), (7, 7));
        assert!(news.forgets());
        // Nothing is written before somebody agreed.
        assert_eq!(fs::read(stand.file()).unwrap(), damage);
        let aside = rebuild.save(None).await.unwrap().unwrap();
        assert_eq!(fs::read(aside).unwrap(), damage);
        stand.expect_converged(two("v1"), "").await;
    }
    stand.deploy(one("v2")).await;
    stand.expect_converged(one("v2"), "").await;
}

#[tokio::test]
async fn a_lost_state_is_found_again() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    fs::remove_file(stand.file()).unwrap();
    let rebuild = begin(&stand).await;
    assert!(!rebuild.news().forgets() && rebuild.news().added.len() == 7);
    assert_eq!(rebuild.save(None).await.unwrap(), None);
    stand.expect_converged(two("v1"), "").await;
}

/// Somebody restored last week's file.
#[tokio::test]
async fn an_old_state_is_brought_up_to_date() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let old = fs::read(stand.file()).unwrap();
    stand.deploy(one("v2")).await;
    fs::write(stand.file(), &old).unwrap();
    let rebuild = begin(&stand).await;
    assert!(!rebuild.news().gone.is_empty() && !rebuild.news().added.is_empty());
    assert_eq!(rebuild.save(None).await.unwrap(), None);
    assert_eq!(fs::read(stand.file().with_extension("json.backup")).unwrap(), old);
    stand.expect_converged(one("v2"), "").await;
    assert!(begin(&stand).await.news().is_none());
}

#[tokio::test]
async fn whoever_deploys_keeps_a_rebuild_out() {
    let stand = Stand::new();
    let _lock = stand.store.lock(who("sf deploy")).await.unwrap();
    let refused = Rebuild::begin(&stand.store, &stand.provider(), who("sf state rebuild")).await;
    assert!(refused.is_err());
}

/// A file that was copied from another project: its objects may have the same names.
#[tokio::test]
async fn a_state_of_another_scope_is_refused_and_made_anew() {
    let stand = Stand::new();
    stand.deploy(two("v1")).await;
    let own = fs::read_to_string(stand.file()).unwrap();
    let mut others = stand.store.load().await.unwrap().unwrap();
    others.scope = Some("another/dev".into());
    // As the first format has it, which wants no sum.
    let mut bare = serde_json::to_value(&others).unwrap();
    bare["version"] = 1.into();
    fs::write(stand.file(), bare.to_string()).unwrap();
    let refused = observe(&stand.store, Some(&stand.provider()), &who("sf plan")).await;
    assert!(matches!(refused, Err(ObserveError::Anothers { .. })), "{refused:?}");
    begin(&stand).await.save(None).await.unwrap();
    assert_ne!(fs::read_to_string(stand.file()).unwrap(), own, "it begins a history of its own");
    stand.expect_converged(two("v1"), "").await;
}

/// Last week's file on a machine that never saw the newer one: what it does not say is found by who looks.
#[tokio::test]
async fn what_an_old_state_does_not_say_is_adopted() {
    let stand = Stand::new();
    stand.deploy(one("v1")).await;
    let old = fs::read(stand.file()).unwrap();
    stand.deploy(two("v1")).await;
    fs::write(stand.file(), &old).unwrap();
    let mut observed = observe(&stand.store, Some(&stand.provider()), &who("sf plan")).await.unwrap();
    assert!(!observed.adopt(&stand.provider()).await.unwrap().is_empty());
    assert_eq!(observed.adopt(&stand.provider()).await.unwrap(), [], "once is enough");
    let recorded: BTreeSet<_> = observed.state.objects.into_keys().collect();
    let there: BTreeSet<_> = stand.cloud.objects(&stand.scope()).into_keys().collect();
    assert!(recorded.is_superset(&there), "{there:?}, recorded {recorded:?}");
}
