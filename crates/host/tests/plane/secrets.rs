//! Secrets: set before they are needed, read by those who may, shown to nobody.

use serde_json::json;
use sf_host_api::http::Method;
use sf_host_api::{AppClient, ClientError};

use crate::support::{World, headers, refusal};

async fn read(app: &AppClient, name: &str) -> Result<Vec<u8>, ClientError> {
    let response = app.data(Method::GET, &format!("/secrets/{name}"), headers(&[]), "").await?;
    Ok(response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_secret_is_set_before_the_app_is_there_and_read_by_who_may() {
    let value = "correct horse battery staple";
    let mut world = World::new().await;
    world.app.set_secret("STRIPE_KEY", value).await.unwrap();
    world.put("secret", "STRIPE_KEY", json!({})).await;
    world.put("secret", "UNSET", json!({})).await;
    world.put_function("pay", json!({ "secrets": ["STRIPE_KEY", "UNSET"] })).await;
    world.release().await;
    let pay = world.as_function("pay").await;
    assert_eq!(read(&pay, "STRIPE_KEY").await.unwrap(), value.as_bytes());
    match read(&pay, "UNSET").await {
        Err(ClientError::Api { status: 404, error, .. }) => {
            assert_eq!(error.hint.as_deref(), Some("sf secret set UNSET"));
        }
        other => panic!("{other:?}"),
    }
    let environment = world.environment("pay").await;
    assert!(!environment.to_string().contains(value));

    let listed = world.app.secrets().await.unwrap();
    let named: Vec<_> =
        listed.iter().map(|info| (info.name.as_str(), info.declared, info.updated_ms.is_some())).collect();
    assert_eq!(named, [("STRIPE_KEY", true, true), ("UNSET", true, false)]);
    world.app.set_secret("STRIPE_KEY", "another").await.unwrap();
    assert_eq!(read(&pay, "STRIPE_KEY").await.unwrap(), b"another");

    // Nothing of it is in the record of calls, which names the secret only; and data calls are not in it at all.
    let requests = std::fs::read_to_string(world.folder.path().join("host/requests.log")).unwrap();
    assert!(requests.contains("/secrets/STRIPE_KEY") && !requests.contains("horse"), "{requests}");
    assert!(!requests.contains("/data/"), "{requests}");
}

#[tokio::test]
async fn a_deleted_secret_loses_its_value_and_an_undeclared_one_outlives_the_app() {
    let mut world = World::new().await;
    world.app.set_secret("DECLARED", "a").await.unwrap();
    world.app.set_secret("OTHER", "b").await.unwrap();
    world.put("secret", "DECLARED", json!({})).await;
    assert!(world.app.delete_resource("secret", "DECLARED").await.unwrap());
    assert_eq!(world.app.status().await.unwrap(), None);
    let left = world.app.secrets().await.unwrap();
    assert_eq!(left.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["OTHER"]);
    world.restart().await;
    assert_eq!(read(&world.app, "OTHER").await.unwrap(), b"b");
    assert!(world.app.remove_secret("OTHER").await.unwrap());
    assert!(!world.app.remove_secret("OTHER").await.unwrap());
    assert_eq!(world.app.secrets().await.unwrap(), []);
}

#[tokio::test]
async fn a_secret_that_cannot_be_is_refused() {
    let world = World::new().await;
    assert_eq!(refusal(world.app.set_secret("KEY", "").await), (400, "bad-request".into()));
    assert_eq!(refusal(world.app.set_secret("a/b", "v").await), (400, "bad-name".into()));
    let large = vec![b'x'; (64 << 10) + 1];
    assert_eq!(refusal(world.app.set_secret("KEY", large).await), (413, "too-large".into()));
}
