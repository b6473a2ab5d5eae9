//! A record that was lost, damaged or is wrong is made anew from what is there.

use std::fs;

use sf_engine::{Rebuild, Store, StoreError};

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
