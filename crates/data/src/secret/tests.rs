use super::*;
use crate::ErrorKind;
use crate::testing::{START_MS, World, app};

async fn value(data: &Data, app: &AppId, name: &str) -> Option<Vec<u8>> {
    data.secret(app, name).await.unwrap().map(|value| value.as_bytes().to_vec())
}

#[tokio::test]
async fn a_secret_is_kept_listed_and_removed() {
    let world = World::new();
    let data = world.open();
    assert!(value(&data, &app(), "b").await.is_none());
    data.set_secret(&app(), "b", b"one".to_vec().into()).await.unwrap();
    data.set_secret(&app(), "a", b"".to_vec().into()).await.unwrap();
    data.set_secret(&app(), "b", b"two".to_vec().into()).await.unwrap();
    let entry = |name: &str| SecretEntry { name: name.into(), updated_ms: START_MS };
    assert_eq!(data.secrets(&app()).await.unwrap(), [entry("a"), entry("b")]);
    assert_eq!(value(&data, &app(), "b").await.unwrap(), b"two");
    assert_eq!(value(&data, &app(), "a").await.unwrap(), b"");
    let other = AppId { stage: "live".into(), ..app() };
    assert!(value(&data, &other, "b").await.is_none());
    assert!(data.remove_secret(&app(), "b").await.unwrap());
    assert!(!data.remove_secret(&app(), "b").await.unwrap());
    assert!(value(&data, &app(), "b").await.is_none());
}

#[tokio::test]
async fn nothing_in_the_folder_shows_a_value() {
    let world = World::new();
    let data = world.open();
    let secret = b"correct horse battery staple";
    data.set_secret(&app(), "s", secret.to_vec().into()).await.unwrap();
    drop(data);
    let mut files = 0;
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 2);
    assert_eq!(value(&world.open(), &app(), "s").await.unwrap(), secret);
    assert_eq!(format!("{:?}", SecretValue::from(secret.to_vec())), "SecretValue(..)");
}

#[tokio::test]
async fn a_value_opens_where_it_was_set_and_nowhere_else() {
    let world = World::new();
    let data = world.open();
    data.set_secret(&app(), "a", b"value".to_vec().into()).await.unwrap();
    data.set_secret(&app(), "b", b"other".to_vec().into()).await.unwrap();
    let swap = |tx: &mut Tx<'_>| {
        tx.db.execute("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'a')", [])?;
        Ok(())
    };
    data.write("swap", swap).await.unwrap();
    assert_eq!(value(&data, &app(), "a").await.unwrap(), b"value");
    let error = data.secret(&app(), "b").await.unwrap_err();
    assert!(error.message.contains("`b`") && !error.message.contains("value"), "{error}");
}

#[tokio::test]
async fn without_its_key_a_secret_says_so_and_can_be_set_again() {
    let world = World::new();
    let data = world.open();
    data.set_secret(&app(), "s", b"value".to_vec().into()).await.unwrap();
    drop(data);
    std::fs::remove_file(world.folder.path().join("secrets.key")).unwrap();
    let data = world.open();
    let error = data.secret(&app(), "s").await.unwrap_err();
    assert!(error.message.contains("secrets.key") && error.message.contains("set it again"), "{error}");
    data.set_secret(&app(), "s", b"new".to_vec().into()).await.unwrap();
    assert_eq!(value(&data, &app(), "s").await.unwrap(), b"new");
}

#[tokio::test]
async fn what_is_no_secret_is_refused() {
    let world = World::new();
    let data = world.open();
    let set = async |name: &str, length: usize| {
        data.set_secret(&app(), name, vec![b'x'; length].into()).await.map_err(|error| error.kind)
    };
    assert_eq!(set("s", 64 * 1024).await, Ok(()));
    assert_eq!(set("s", 64 * 1024 + 1).await, Err(ErrorKind::TooLarge));
    assert_eq!(set("", 1).await, Err(ErrorKind::BadRequest));
    assert_eq!(value(&data, &app(), "s").await.unwrap().len(), 64 * 1024);
}
