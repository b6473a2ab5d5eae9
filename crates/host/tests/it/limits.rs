//! Throttling.

use serde_json::json;

use crate::stand::Stand;

const CODE: &str = "export const ok = () => new Response('ok');\n";

/// Limits that do not fill while a test runs.
fn never(burst: u32) -> serde_json::Value {
    json!({ "rate": 0, "burst": burst })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_has_its_own_limit_which_outlives_a_release() {
    let mut stand = Stand::new(json!({}), CODE, "").await;
    stand.function("ok").await;
    stand.route("GET /tight", "ok", json!({ "throttle": never(2) })).await;
    stand.route("GET /free", "ok", json!({})).await;
    stand.release().await;
    for _ in 0..2 {
        assert_eq!(stand.get("/tight").await.status, 200);
    }
    let refused = stand.get("/tight").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("3600")));
    assert_eq!(refused.json()["error"], "throttled");
    assert_eq!(stand.get("/free").await.status, 200);

    stand.route("GET /more", "ok", json!({})).await;
    stand.release().await;
    assert_eq!(stand.get("/more").await.status, 200);
    assert_eq!(stand.get("/tight").await.status, 429);

    stand.route("GET /tight", "ok", json!({ "throttle": never(3) })).await;
    stand.release().await;
    assert_eq!(stand.get("/tight").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_a_limit_over_all_routes() {
    let cors = json!({ "origins": ["https://a.example"] });
    let mut stand = Stand::new(json!({ "throttle": never(2), "cors": cors }), CODE, "").await;
    stand.function("ok").await;
    stand.route("GET /one", "ok", json!({})).await;
    stand.route("GET /two", "ok", json!({})).await;
    stand.release().await;
    assert_eq!(stand.get("/one").await.status, 200);
    assert_eq!(stand.get("/two").await.status, 200);
    let refused = stand.send("GET /one", &["origin: https://a.example"], "").await;
    assert_eq!(refused.status, 429);
    // A browser's script sees the refusal, not a broken connection.
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://a.example"));
}
