//! The driver against a real host, with everything that can go wrong in between.

use std::collections::BTreeMap;

use sf_host_api::ResourcePut;
use sf_plan::{Addr, Call, CallAction, ObjectKey, Op, Outcome, StepId, Token};
use sf_provider::{Driver, LogQuery, Operate};

use crate::proxy::Fault;
use crate::stand::Stand;

const TWO_FUNCTIONS: &str = r#"
sf = 1
[project]
name = "able"
[functions.hello]
handler = "hello.mjs#hello"
http = ["GET /hello/{name}"]
env = { API = "${api.url}/v1" }
[functions.tick]
handler = "tick.py:tick"
runtime = "python"
on = [{ schedule = "0 3 * * *", timezone = "Asia/Seoul" }]
"#;

const ONE_FUNCTION: &str = r#"
sf = 1
[project]
name = "able"
[functions.hello]
handler = "hello.mjs#hello"
http = ["GET /hello/{name}"]
env = { API = "${api.url}/v1" }
"#;

#[tokio::test]
async fn a_deploy_makes_the_calls_of_its_plan_and_a_second_one_none() {
    let mut stand = Stand::new().await;
    let plan = stand.plan(TWO_FUNCTIONS);
    let report = stand.deploy(TWO_FUNCTIONS).await;
    assert!(report.is_success(), "{report:#?}");

    let made = stand.proxy.mutating();
    let puts = made.iter().filter(|request| request.contains("/resources/")).count();
    assert_eq!(puts, plan.steps.len(), "{made:#?}");
    assert_eq!(made.len() - puts, 2, "one upload a function: {made:#?}");
    assert!(made.last().unwrap().ends_with("/resources/release/current"), "{made:#?}");

    let again = stand.plan(TWO_FUNCTIONS);
    assert_eq!(Stand::changes(&again), BTreeMap::new());
    assert!(stand.deploy(TWO_FUNCTIONS).await.is_success());
    assert_eq!(stand.proxy.mutating(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_state_is_found_again_exactly() {
    let mut stand = Stand::new().await;
    stand.deploy(TWO_FUNCTIONS).await;
    let recorded = stand.state.objects.clone();
    stand.lose_state().await;
    assert_eq!(stand.state.objects, recorded);
    assert_eq!(Stand::changes(&stand.plan(TWO_FUNCTIONS)), BTreeMap::new());
    for (key, object) in &recorded {
        let read = stand.driver.read(&stand.cx, key, object).await.unwrap();
        assert_eq!(read.as_ref(), Some(object), "{key}");
    }
}

#[tokio::test]
async fn what_is_no_longer_wanted_goes_after_the_new_release() {
    let mut stand = Stand::new().await;
    stand.deploy(TWO_FUNCTIONS).await;
    stand.proxy.mutating();
    assert!(stand.deploy(ONE_FUNCTION).await.is_success());
    let made = stand.proxy.mutating();
    assert!(made[0].starts_with("PUT") && made[0].ends_with("release/current"), "{made:#?}");
    assert_eq!(made.len(), 3, "the function and its schedule go: {made:#?}");
    assert!(made[1..].iter().all(|request| request.starts_with("DELETE")), "{made:#?}");

    assert!(stand.deploy("").await.is_success());
    let made = stand.proxy.mutating();
    assert!(made[0].starts_with("DELETE") && made[0].ends_with("release/current"), "{made:#?}");
    assert_eq!(stand.driver.discover(&stand.cx).await.unwrap(), BTreeMap::new());
    assert_eq!(stand.operate.info(&stand.cx).await.unwrap(), None);
}

#[tokio::test]
async fn any_request_may_fail_and_the_next_deploy_converges() {
    for fault in [Fault::LoseAnswer, Fault::Refuse(503), Fault::Refuse(429)] {
        for nth in 0..9 {
            let mut stand = Stand::new().await;
            stand.proxy.spoil(nth, fault);
            let report = stand.deploy(TWO_FUNCTIONS).await;
            let spoilt = !report.is_success();
            assert!(
                report.failed.iter().all(|(_, failure)| failure.transient),
                "{fault:?} of request {nth}: {report:#?}"
            );
            // Half of a deploy is invisible until its release.
            let info = stand.operate.info(&stand.cx).await.unwrap();
            let lost_at_the_end = report.failed.iter().any(|(key, _)| key.addr.kind.0 == "release");
            assert!(!spoilt || lost_at_the_end || info.is_none(), "{fault:?} of request {nth}: {info:?}");

            assert!(stand.deploy(TWO_FUNCTIONS).await.is_success(), "{fault:?} of request {nth}");
            assert_eq!(Stand::changes(&stand.plan(TWO_FUNCTIONS)), BTreeMap::new());
            let recorded = stand.state.objects.clone();
            stand.lose_state().await;
            assert_eq!(stand.state.objects, recorded, "{fault:?} of request {nth}");
            if !spoilt {
                assert!(nth >= 8, "request {nth} was not spoilt");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_delete_may_be_made_twice() {
    let mut stand = Stand::new().await;
    stand.deploy(TWO_FUNCTIONS).await;
    stand.deploy(ONE_FUNCTION).await;
    let (key, prior) = stand.state.objects.iter().next().map(|(k, o)| (k.clone(), o.clone())).unwrap();
    let gone = ObjectKey { addr: Addr::new("function", "tick"), generation: 0 };
    let superseded = ObjectKey { generation: key.generation + 1, ..key.clone() };
    for key in [gone, superseded] {
        let call = Call {
            step: StepId(0),
            token: Token("t".into()),
            key,
            deps: Default::default(),
            action: CallAction::Delete { prior: prior.clone() },
        };
        assert_eq!(stand.driver.call(&stand.cx, &call).await, Outcome::Deleted);
    }
    // The one that has another generation is still there.
    assert_eq!(stand.driver.read(&stand.cx, &key, &prior).await.unwrap(), Some(prior));
}

#[tokio::test]
async fn a_new_port_reaches_everyone_who_knows_the_address() {
    let port = free_port().await;
    let mut stand = Stand::new().await;
    stand.deploy(ONE_FUNCTION).await;
    let moved = format!("{ONE_FUNCTION}\n[providers.self-hosted]\nport = {port}\n");
    let plan = stand.plan(&moved);
    let expected = [("api/api", "replace"), ("function/hello", "update"), ("release/current", "update")];
    assert_eq!(
        Stand::changes(&plan),
        expected.map(|(key, action)| (key.to_owned(), action.to_owned())).into()
    );
    assert!(stand.deploy(&moved).await.is_success());
    assert_eq!(Stand::changes(&stand.plan(&moved)), BTreeMap::new());

    let url = format!("http://127.0.0.1:{port}");
    let info = stand.operate.info(&stand.cx).await.unwrap().unwrap();
    assert_eq!(info.endpoints[0].url.trim_end_matches('/'), url);
    let app = stand.client.app("able", "dev").unwrap();
    let function = app.resource("function", "hello").await.unwrap().unwrap();
    assert_eq!(function.spec["env"]["API"], format!("{url}/v1"));
}

#[tokio::test]
async fn what_others_put_is_left_alone() {
    let mut stand = Stand::new().await;
    stand.deploy(ONE_FUNCTION).await;
    let foreign = ResourcePut {
        spec: serde_json::json!({"method": "GET", "path": "/theirs", "function": "hello"}),
        annotations: BTreeMap::new(),
    };
    let app = stand.client.app("able", "dev").unwrap();
    app.put_resource("route", "GET /theirs", &foreign).await.unwrap();
    stand.lose_state().await;
    assert!(stand.state.objects.keys().all(|key| key.addr.name != "GET /theirs"));
    assert_eq!(Stand::changes(&stand.plan(ONE_FUNCTION)), BTreeMap::new());
}

#[tokio::test]
async fn what_is_deployed_can_be_looked_at() {
    let mut stand = Stand::new().await;
    assert_eq!(stand.operate.info(&stand.cx).await.unwrap(), None);
    stand.deploy(TWO_FUNCTIONS).await;
    let info = stand.operate.info(&stand.cx).await.unwrap().unwrap();
    assert_eq!(info.functions, ["hello", "tick"]);
    assert_eq!(info.routes, ["GET /hello/{name} -> hello"]);
    assert_eq!(info.schedules, ["0 3 * * * (Asia/Seoul) -> tick"]);
    assert!(info.release.is_some());
    assert!(info.endpoints[0].url.starts_with("http://127.0.0.1:"));

    let query = LogQuery { tail: Some(10), ..LogQuery::default() };
    let mut lines = stand.operate.logs(&stand.cx, &query).await.unwrap();
    while let Some(line) = lines.recv().await {
        line.unwrap();
    }
}

#[tokio::test]
async fn the_release_is_the_last_put() {
    let stand = Stand::new().await;
    let plan = stand.plan(TWO_FUNCTIONS);
    let release = plan.steps.iter().find(|step| step.key.addr.kind.0 == "release").unwrap();
    let puts = plan.steps.iter().filter(|step| matches!(step.op, Op::Put { .. })).count();
    assert_eq!(release.needs.len(), puts - 1);
}

async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
