use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{World, app, body_json, files_of};
use crate::{Data, ErrorKind, Inbox, Source, Subscription};

async fn with_bucket(world: &World) -> Data {
    let data = world.open();
    data.define_bucket(&app(), "raw").await.unwrap();
    data
}

fn pieces(bytes: &[u8], size: usize) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

async fn put_if(data: &Data, key: &str, bytes: &[u8], condition: Condition) -> Result<ObjectInfo, ErrorKind> {
    let options = PutObject { condition, ..PutObject::default() };
    let put = data.put_object(&app(), "raw", key, options, pieces(bytes, 7)).await;
    put.map_err(|error| error.kind)
}

async fn put(data: &Data, key: &str, bytes: &[u8]) -> ObjectInfo {
    put_if(data, key, bytes, Condition::Always).await.unwrap()
}

async fn collect(reader: ObjectReader) -> Vec<u8> {
    reader.try_fold(Vec::new(), async |all, piece| Ok([&all[..], &piece[..]].concat())).await.unwrap()
}

async fn get(data: &Data, key: &str) -> Option<Vec<u8>> {
    let (_, reader) = data.read_object(&app(), "raw", key, None).await.unwrap()?;
    Some(collect(reader).await)
}

#[tokio::test]
async fn an_object_is_read_as_it_was_put() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let options = PutObject {
        content_type: Some("text/plain".into()),
        metadata: BTreeMap::from([("by".into(), "käse".into())]),
        condition: Condition::Always,
    };
    let info = data.put_object(&app(), "raw", "../a b/ü", options, pieces(b"hello", 2)).await.unwrap();
    assert_eq!(info.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!((info.size, info.modified_ms), (5, world.now_ms()));
    assert_eq!(data.object(&app(), "raw", "../a b/ü").await.unwrap(), Some(info));
    assert_eq!(get(&data, "../a b/ü").await.unwrap(), b"hello");
    assert_eq!(put(&data, "empty", b"").await.content_type, "application/octet-stream");
    assert_eq!(get(&data, "empty").await.unwrap(), b"");
    assert_eq!(get(&data, "none").await, None);
    assert!(data.delete_object(&app(), "raw", "empty").await.unwrap());
    assert!(!data.delete_object(&app(), "raw", "empty").await.unwrap());
    assert_eq!(data.object(&app(), "raw", "empty").await.unwrap(), None);
}

#[tokio::test]
async fn a_range_is_what_there_is_of_it() {
    let world = World::new();
    let data = with_bucket(&world).await;
    put(&data, "k", b"0123456789").await;
    for (range, expected) in [(0..3, "012"), (3..7, "3456"), (8..100, "89"), (50..60, ""), (10..10, "")] {
        let (info, reader) = data.read_object(&app(), "raw", "k", Some(range)).await.unwrap().unwrap();
        assert_eq!((info.size, collect(reader).await), (10, expected.as_bytes().to_vec()));
    }
}

#[tokio::test]
async fn a_large_object_comes_in_bounded_pieces() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let options = PutObject::default();
    data.put_object(&app(), "raw", "k", options, pieces(&bytes, 100_000)).await.unwrap();
    let (_, reader) = data.read_object(&app(), "raw", "k", None).await.unwrap().unwrap();
    let read: Vec<Bytes> = reader.try_collect().await.unwrap();
    assert!(read.iter().all(|piece| piece.len() <= 1024 * 1024));
    assert_eq!(read.concat(), bytes);
}

#[tokio::test]
async fn what_is_being_read_stays_when_the_object_is_replaced_or_deleted() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let old = vec![b'a'; 1_000_000];
    put(&data, "k", &old).await;
    let (_, mut reader) = data.read_object(&app(), "raw", "k", None).await.unwrap().unwrap();
    let first = reader.next().await.unwrap().unwrap();
    put(&data, "k", b"new").await;
    data.delete_object(&app(), "raw", "k").await.unwrap();
    assert_eq!([first.to_vec(), collect(reader).await].concat(), old);
}

#[tokio::test]
async fn conditions_hold_or_nothing_happens() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let if_match = |etag: &str| Condition::IfMatch(etag.into());
    assert_eq!(put_if(&data, "k", b"0", if_match("x")).await, Err(ErrorKind::Conflict));
    let first = put_if(&data, "k", b"1", Condition::IfAbsent).await.unwrap();
    assert_eq!(put_if(&data, "k", b"2", Condition::IfAbsent).await, Err(ErrorKind::Conflict));
    put_if(&data, "k", b"3", if_match(&first.etag)).await.unwrap();
    assert_eq!(put_if(&data, "k", b"4", if_match(&first.etag)).await, Err(ErrorKind::Conflict));
    assert_eq!(get(&data, "k").await.unwrap(), b"3");
    wait_for_files(&world, 1).await;
}

/// Files that nothing refers to are removed after the answer.
async fn wait_for_files(world: &World, count: usize) {
    let wait = async {
        while files_of(world.folder.path()).len() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("files that nothing refers to stay");
}

#[tokio::test]
async fn a_stream_that_fails_leaves_what_was_there_and_no_file() {
    let world = World::new();
    let data = with_bucket(&world).await;
    put(&data, "k", b"old").await;
    let large = Bytes::from(vec![0; 1_000_000]);
    let broken = stream::iter([Ok(large), Err(io::Error::other("gone"))]);
    let error = data.put_object(&app(), "raw", "k", PutObject::default(), broken).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRequest);
    assert!(error.message.contains("gone"), "{error}");
    assert_eq!(get(&data, "k").await.unwrap(), b"old");
    wait_for_files(&world, 1).await;
}

#[tokio::test]
async fn files_without_a_row_are_collected_when_the_folder_is_opened() {
    let world = World::new();
    let data = with_bucket(&world).await;
    put(&data, "k", b"kept").await;
    let upload = data.create_upload(&app(), "raw", "u", PutObject::default()).await.unwrap();
    data.upload_part(&app(), "raw", &upload, 1, pieces(b"part", 4)).await.unwrap();
    drop(data);
    let kept = files_of(world.folder.path());
    let orphan = kept[0].with_file_name("00left-over");
    std::fs::write(&orphan, "x").unwrap();
    let data = world.open();
    wait_for_files(&world, 2).await;
    assert_eq!(files_of(world.folder.path()), kept);
    assert_eq!(get(&data, "k").await.unwrap(), b"kept");
}

#[tokio::test]
async fn dropping_a_bucket_removes_its_files() {
    let world = World::new();
    let data = with_bucket(&world).await;
    put(&data, "k", b"1").await;
    let upload = data.create_upload(&app(), "raw", "u", PutObject::default()).await.unwrap();
    data.upload_part(&app(), "raw", &upload, 1, pieces(b"part", 4)).await.unwrap();
    data.drop_bucket(&app(), "raw").await.unwrap();
    let missing = put_if(&data, "k", b"1", Condition::Always).await;
    assert_eq!(missing, Err(ErrorKind::NotFound));
    wait_for_files(&world, 0).await;
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let put = async |key: &str| put_if(&data, key, b"", Condition::Always).await.map(|info| info.key);
    assert_eq!(put("").await, Err(ErrorKind::BadRequest));
    assert_eq!(put("a\nb").await, Err(ErrorKind::BadRequest));
    assert_eq!(put("a\u{85}").await, Err(ErrorKind::BadRequest));
    assert_eq!(put(&"ü".repeat(513)).await, Err(ErrorKind::TooLarge));
    put(&"ü".repeat(512)).await.unwrap();
    let metadata = BTreeMap::from([("a".into(), "x".repeat(2048))]);
    let options = PutObject { metadata, ..PutObject::default() };
    let error = data.put_object(&app(), "raw", "k", options, pieces(b"", 1)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
}

#[tokio::test]
async fn subscribers_hear_of_the_keys_that_they_want() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let subscription = |name: &str, removed: bool, prefix: &str, suffix: &str| Subscription {
        name: name.into(),
        source: Source::Bucket {
            bucket: "raw".into(),
            removed,
            prefix: prefix.into(),
            suffix: suffix.into(),
        },
        retries: 5,
    };
    let subscriptions = vec![
        subscription("created", false, "", ""),
        subscription("png", false, "in/", ".png"),
        subscription("removed", true, "in/", ""),
    ];
    data.set_subscriptions(&app(), subscriptions).await.unwrap();
    let info = put(&data, "in/1.png", b"x").await;
    put(&data, "in/2.jpg", b"x").await;
    put(&data, "1.png", b"x").await;
    data.delete_object(&app(), "raw", "in/1.png").await.unwrap();
    data.delete_object(&app(), "raw", "in/1.png").await.unwrap();
    data.delete_object(&app(), "raw", "1.png").await.unwrap();
    let messages =
        async |name: &str| data.peek(&app(), &Inbox::Subscription(name.into()), false, 10).await.unwrap();
    assert_eq!(messages("created").await.len(), 3);
    let png = messages("png").await;
    assert_eq!(png.len(), 1);
    assert_eq!((png[0].event.as_str(), png[0].subject.as_deref()), ("sf.bucket.created", Some("in/1.png")));
    let created = json!({
        "bucket": "raw", "key": "in/1.png", "size": 1, "etag": info.etag,
        "contentType": "application/octet-stream",
    });
    assert_eq!(body_json(&png[0].body), created);
    let removed = messages("removed").await;
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].event, "sf.bucket.removed");
    assert_eq!(body_json(&removed[0].body), json!({"bucket": "raw", "key": "in/1.png"}));
}

/// All pages of a listing: keys and prefixes in one list, as they come.
async fn list(data: &Data, prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<String> {
    let delimiter = delimiter.map(Into::into);
    let mut listing = Listing { prefix: prefix.into(), delimiter, after: None, limit };
    let mut all = Vec::new();
    loop {
        let page = data.list_objects(&app(), "raw", listing.clone()).await.unwrap();
        let mut names: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
        names.extend(page.prefixes);
        names.sort();
        assert!(names.len() <= limit && (page.next.is_none() || names.len() == limit));
        all.extend(names);
        listing.after = page.next;
        if listing.after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_listing_folds_behind_the_delimiter() {
    let world = World::new();
    let data = with_bucket(&world).await;
    for key in ["a", "b/1", "b/2", "b/c/3", "b0", "c/", "\u{10ffff}/x", "ü"] {
        put(&data, key, b"").await;
    }
    for limit in [1, 2, 3, 100] {
        assert_eq!(list(&data, "", Some("/"), limit).await, ["a", "b/", "b0", "c/", "ü", "\u{10ffff}/"]);
        assert_eq!(list(&data, "b/", Some("/"), limit).await, ["b/1", "b/2", "b/c/"]);
        assert_eq!(list(&data, "b", None, limit).await, ["b/1", "b/2", "b/c/3", "b0"]);
        assert_eq!(list(&data, "c/", Some("/"), limit).await, ["c/"]);
        assert!(list(&data, "x", Some("/"), limit).await.is_empty());
    }
    let after = |after: &str| Listing {
        delimiter: Some("/".into()),
        after: Some(after.into()),
        limit: 10,
        ..Listing::default()
    };
    let page = data.list_objects(&app(), "raw", after("b/1")).await.unwrap();
    assert_eq!(page.prefixes, ["c/", "\u{10ffff}/"]);
    for limit in [0, 1001] {
        let listing = Listing { limit, ..Listing::default() };
        let error = data.list_objects(&app(), "raw", listing).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest);
    }
}

/// The sentence of the documentation, over all keys.
fn expected(keys: &[String], prefix: &str, delimiter: Option<&str>) -> Vec<String> {
    let fold = |key: &String| match delimiter.and_then(|delimiter| key[prefix.len()..].split_once(delimiter))
    {
        Some((name, _)) => format!("{prefix}{name}{}", delimiter.unwrap()),
        None => key.clone(),
    };
    let mut names: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).map(fold).collect();
    names.sort();
    names.dedup();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_are_what_a_walk_over_all_keys_gives(
        keys in prop::collection::btree_set("[ab/]{1,5}", 1..20),
        prefix in "[ab/]{0,2}",
        delimiter in prop::option::of(prop_oneof![Just("/"), Just("a/"), Just("b")]),
        limit in 1usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let data = with_bucket(&world).await;
            for key in &keys {
                put(&data, key, b"").await;
            }
            let keys: Vec<_> = keys.into_iter().collect();
            assert_eq!(list(&data, &prefix, delimiter, limit).await, expected(&keys, &prefix, delimiter));
        });
    }
}

async fn part(data: &Data, upload: &str, number: u32, bytes: &[u8]) -> Result<UploadedPart, ErrorKind> {
    data.upload_part(&app(), "raw", upload, number, pieces(bytes, 3)).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn an_upload_becomes_an_object_of_its_parts() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let options = PutObject { content_type: Some("image/png".into()), ..PutObject::default() };
    let upload = data.create_upload(&app(), "raw", "big", options).await.unwrap();
    part(&data, &upload, 2, b"world").await.unwrap();
    part(&data, &upload, 1, b"wrong").await.unwrap();
    let one = part(&data, &upload, 1, b"hello ").await.unwrap();
    let three = part(&data, &upload, 3, b"left out").await.unwrap();
    let parts = data.list_parts(&app(), "raw", &upload).await.unwrap();
    assert_eq!(
        parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(),
        [(1, 6), (2, 5), (3, 8)]
    );
    assert_eq!((&parts[0], &parts[2]), (&one, &three));
    let uploads = data.list_uploads(&app(), "raw").await.unwrap();
    let started_ms = world.now_ms();
    assert_eq!(uploads, [MultipartUpload { id: upload.clone(), key: "big".into(), started_ms }]);
    let complete = async |parts: &[(u32, &str)]| {
        let parts = parts.iter().map(|(number, etag)| (*number, (*etag).to_owned())).collect();
        data.complete_upload(&app(), "raw", &upload, parts).await.map_err(|error| error.kind)
    };
    let (one, two) = (parts[0].etag.as_str(), parts[1].etag.as_str());
    for wrong in [&[][..], &[(2, two), (1, one)], &[(1, one), (1, one)], &[(1, two)], &[(4, one)]] {
        assert_eq!(complete(wrong).await, Err(ErrorKind::BadRequest), "{wrong:?}");
    }
    let info = complete(&[(1, one), (2, two)]).await.unwrap();
    // By md5sum: of "hello " f814893777bcc2295fff05f00e508da6, of "world" 7d793037a0760186574b0282f2f435e7.
    assert_eq!(info.etag, MULTIPART_ETAG);
    assert_eq!((info.content_type.as_str(), info.size), ("image/png", 11));
    assert_eq!(get(&data, "big").await.unwrap(), b"hello world");
    assert_eq!(complete(&[(1, one), (2, two)]).await, Err(ErrorKind::NotFound));
    assert_eq!(part(&data, &upload, 1, b"x").await, Err(ErrorKind::NotFound));
    wait_for_files(&world, 1).await;
}

const MULTIPART_ETAG: &str = "e09e4fd6265b36115fe3db32df945d84-2";

#[tokio::test]
async fn an_upload_that_was_given_up_is_removed() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let first = data.create_upload(&app(), "raw", "a", PutObject::default()).await.unwrap();
    part(&data, &first, 1, b"x").await.unwrap();
    data.abort_upload(&app(), "raw", &first).await.unwrap();
    let error = data.abort_upload(&app(), "raw", &first).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let second = data.create_upload(&app(), "raw", "a", PutObject::default()).await.unwrap();
    part(&data, &second, 1, b"x").await.unwrap();
    assert_eq!(part(&data, &second, 0, b"x").await, Err(ErrorKind::BadRequest));
    assert_eq!(part(&data, &second, 10_001, b"x").await, Err(ErrorKind::BadRequest));
    assert_eq!(data.expire().await.unwrap(), 0);
    world.advance(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(data.expire().await.unwrap(), 1);
    assert!(data.list_uploads(&app(), "raw").await.unwrap().is_empty());
    wait_for_files(&world, 0).await;
}

#[tokio::test]
async fn an_uploads_condition_holds_when_it_is_completed() {
    let world = World::new();
    let data = with_bucket(&world).await;
    let options = PutObject { condition: Condition::IfAbsent, ..PutObject::default() };
    let upload = data.create_upload(&app(), "raw", "a", options).await.unwrap();
    let etag = part(&data, &upload, 1, b"x").await.unwrap().etag;
    put(&data, "a", b"first").await;
    let completed = data.complete_upload(&app(), "raw", &upload, vec![(1, etag)]).await;
    assert_eq!(completed.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(get(&data, "a").await.unwrap(), b"first");
    assert_eq!(data.list_parts(&app(), "raw", &upload).await.unwrap().len(), 1);
}
