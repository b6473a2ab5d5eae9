//! Releases that take over in steps: both versions answer meanwhile, an error takes the new one back, and nobody's death leaves two for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
#[cfg(unix)]
use sf_e2e::signal;
use sf_e2e::{Env, Project, Run, Running, eventually, http, kill_now};

use crate::support::{answering, manifest};

const THROWING: &str = "export function one() {\n  throw new TypeError('bad');\n}\n";

/// One function that changes in steps.
fn lines(steps: &str, every: &str) -> String {
    format!(
        "http = [\"GET /one\"]\nrollout = {{ kind = \"linear\", steps = [{steps}], every = \"{every}\" }}"
    )
}

/// That function, deployed, answering `first`.
fn deployed<'env>(env: &'env Env, steps: &str, every: &str) -> Project<'env> {
    let text = manifest("rolling", &[("one", &lines(steps, every))]);
    let project = env.project("rolling", &[("sf.toml", &text), ("one.mjs", &answering("one", "first"))]);
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "first");
    project
}

/// Calls until both versions have answered, while the deploy goes on.
fn meets_both(deploy: &mut Running, url: &str) {
    let mut seen = BTreeSet::new();
    eventually("both versions answer", || {
        let answer = http::get(url);
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.insert(answer.text());
        assert!(deploy.runs() || seen.len() == 2, "it ended before: {seen:?}: {}", deploy.so_far());
        (seen.len() == 2).then_some(())
    });
}

/// The second version with its deploy, at a time when both answer.
fn half_way<'env>(env: &'env Env, every: &str) -> (Project<'env>, Running, String) {
    let project = deployed(env, "\"50%\"", every);
    project.write("one.mjs", &answering("one", "second"));
    let url = format!("{}/one", project.url());
    let mut deploy = project.start(&["deploy", "--yes"]);
    meets_both(&mut deploy, &url);
    (project, deploy, url)
}

fn only(url: &str, text: &str) {
    let answers: BTreeSet<_> = (0..30).map(|_| http::get(url).text()).collect();
    assert_eq!(answers, BTreeSet::from([text.to_owned()]));
}

fn rollouts(project: &Project<'_>) -> Json {
    project.sf(&["info", "--json"]).ok().json()["rollouts"].clone()
}

/// Calls as long as the deploy goes on: every call has an answer.
fn calling_until_the_end(mut deploy: Running, url: &str) -> (Run, BTreeMap<String, u32>) {
    let mut answers = BTreeMap::new();
    while deploy.runs() {
        let answer = http::get(url);
        assert_eq!(answer.status, 200, "{}", answer.text());
        *answers.entry(answer.text()).or_default() += 1;
    }
    (deploy.wait(), answers)
}

#[test]
fn a_canary_that_works_gets_everything() {
    let env = Env::new();
    let (project, deploy, url) = half_way(&env, "2s");
    let (end, answers) = calling_until_the_end(deploy, &url);
    let _ = end.ok().says(&["50 % of calls go to the new version of `one`, for 2s"]);
    assert!(answers.keys().all(|text| ["first", "second"].contains(&text.as_str())), "{answers:?}");
    only(&url, "second");
    assert_eq!((project.plan(), rollouts(&project)), (Vec::new(), json!([])));
}

#[test]
fn a_linear_rollout_takes_its_steps_one_after_another() {
    let env = Env::new();
    let project = deployed(&env, "\"20%\", \"40%\", \"60%\", \"80%\"", "1s");
    project.write("one.mjs", &answering("one", "second"));
    let url = format!("{}/one", project.url());
    let (end, answers) = calling_until_the_end(project.start(&["deploy", "--yes"]), &url);
    let text = end.ok().text();
    let told = [20, 40, 60, 80].map(|percent| text.find(&format!("{percent} % of calls")));
    assert!(told.iter().all(Option::is_some) && told.is_sorted(), "{told:?}: {text}");
    assert_eq!(answers.len(), 2, "{answers:?}");
    only(&url, "second");
}

#[test]
fn a_canary_that_fails_is_taken_back_at_its_first_error() {
    let env = Env::new();
    let project = deployed(&env, "\"50%\"", "10m");
    let url = format!("{}/one", project.url());
    project.write("one.mjs", THROWING);
    let mut deploy = project.start(&["deploy", "--yes"]);
    let (mut failed, mut answers) = (0, 0);
    while deploy.runs() {
        match http::get(&url) {
            answer if answer.status == 500 => failed += 1,
            answer => assert_eq!((answer.status, answer.text().as_str()), (200, "first")),
        }
        answers += 1;
    }
    let end = deploy.wait();
    assert_ne!(end.code, Some(0), "{end:?}");
    let _ = end.says(&[
        "release/current",
        "the new version of function `one` had 1 error in",
        "while 50 % of calls went to it; all calls go to the old version again",
        "sf logs one",
    ]);
    assert_eq!(failed, 1, "of {answers} calls");
    only(&url, "first");
    let _ = project.sf(&["info"]).ok().says(&["the last one was taken back", "`one` had 1 error"]);
    let _ = project.sf(&["logs", "one"]).ok().says(&["TypeError: bad"]);
    // It is not as wanted, and the next deploy tries again with what is there then.
    assert_eq!(project.plan(), ["update release/current"]);
    project.edit("sf.toml", "10m", "1s");
    project.write("one.mjs", &answering("one", "fixed"));
    let _ = project.deploy();
    only(&url, "fixed");
    assert_eq!((project.plan(), rollouts(&project)), (Vec::new(), json!([])));
}

#[cfg(unix)]
#[test]
fn ctrl_c_takes_a_rollout_back() {
    let env = Env::new();
    let (project, deploy, url) = half_way(&env, "10m");
    signal("INT", deploy.id());
    let _ = deploy.wait().exits(130).says(&["interrupted", "all calls go to the old versions again"]);
    only(&url, "first");
    project.edit("sf.toml", "10m", "1s");
    let _ = project.deploy();
    only(&url, "second");
}

#[test]
fn a_rollout_outlives_the_deploy_that_was_killed() {
    let env = Env::new();
    let (project, deploy, url) = half_way(&env, "3s");
    let _ = deploy.kill();
    eventually("the host ends the rollout by itself", || (rollouts(&project) == json!([])).then_some(()));
    only(&url, "second");
    let _ = project.deploy();
    only(&url, "second");
    assert_eq!(project.plan(), Vec::<String>::new());
}

#[test]
fn the_next_deploy_goes_on_with_a_rollout_or_puts_it_aside() {
    let env = Env::new();
    let (project, deploy, url) = half_way(&env, "10m");
    let _ = deploy.kill();
    let _ = project.sf(&["info"]).ok().says(&["50 % of calls go to the new version of one"]);
    // The same: it is joined, and both go on answering.
    let mut joined = project.start(&["deploy", "--yes"]);
    eventually("the deploy has joined", || joined.so_far().contains("50 % of calls").then_some(()));
    meets_both(&mut joined, &url);
    let _ = joined.kill();
    // Another one: what answered before the rollout is what is wanted.
    project.write("one.mjs", &answering("one", "first"));
    let _ = project.deploy();
    only(&url, "first");
    assert_eq!((project.plan(), rollouts(&project)), (Vec::new(), json!([])));
}

#[test]
fn a_host_that_was_killed_goes_on_with_the_rollout() {
    let env = Env::new();
    let (project, deploy, url) = half_way(&env, "10m");
    let _ = deploy.kill();
    kill_now(env.host().pid);
    let _ = env.run(env.dir(), &["host", "start"]).ok();
    let _ = project.sf(&["info"]).ok().says(&["50 % of calls go to the new version of one"]);
    let mut deploy = project.start(&["deploy", "--yes"]);
    meets_both(&mut deploy, &url);
    // Now it dies under a deploy, which fails; the one after that has other steps.
    kill_now(env.host().pid);
    assert_ne!(deploy.wait().code, Some(0));
    project.edit("sf.toml", "10m", "1s");
    let _ = project.deploy();
    only(&url, "second");
    assert_eq!((project.plan(), rollouts(&project)), (Vec::new(), json!([])));
}

const QUEUED: &str = r#"sf = 1
[project]
name = "queued"
provider = "self-hosted"
[functions.work]
handler = "work.mjs#work"
on = [{ queue = "jobs", batch = 1 }]
uses = { done = "write" }
rollout = { kind = "canary", steps = ["50%"], every = "10m" }
[queues.jobs]
retries = 5
[tables.done]
key = { partition = "message:string", sort = "version:string" }
"#;

const DATA: &str = "/v1/apps/queued/dev/data";

/// Notes each message with the version that handled it.
fn working(version: &str, before: &str) -> String {
    format!(
        "export async function work(event, ctx) {{\n  {before}\n  for (const {{ body }} of event.data.messages) \
         await ctx.table(\"done\").put({{ message: body, version: {version:?} }});\n}}\n"
    )
}

/// Sends messages until the condition holds; how many.
fn send_until(env: &Env, first: u32, mut ends: impl FnMut() -> bool) -> u32 {
    let host = env.host();
    let mut number = first;
    eventually("enough was sent", || {
        let body = json!(number.to_string()).to_string();
        assert_eq!(host.call("POST", &format!("{DATA}/queues/jobs/messages"), &body).status, 200);
        number += 1;
        ends().then_some(())
    });
    number
}

/// Which versions have handled each message.
fn handled(env: &Env) -> BTreeMap<u32, BTreeSet<String>> {
    let body = json!({ "limit": 1000 }).to_string();
    let page = env.host().call("POST", &format!("{DATA}/tables/done/scan"), &body).json();
    assert!(page["cursor"].is_null(), "one page is enough");
    let mut handled = BTreeMap::<u32, BTreeSet<String>>::new();
    for found in page["items"].as_array().unwrap() {
        let text = |name: &str| found["item"][name].as_str().unwrap().to_owned();
        handled.entry(text("message").parse().unwrap()).or_default().insert(text("version"));
    }
    handled
}

fn all_are_handled(env: &Env, sent: u32) -> BTreeSet<String> {
    eventually("every message is handled", || (handled(env).into_keys().eq(0..sent)).then_some(()));
    handled(env).into_values().flatten().collect()
}

#[test]
fn a_queues_messages_go_to_both_versions_and_none_is_lost() {
    let env = Env::new();
    let project = env.project("queued", &[("sf.toml", QUEUED), ("work.mjs", &working("first", ""))]);
    let _ = project.deploy();
    let sent = send_until(&env, 0, || true);
    project.write("work.mjs", &working("second", ""));
    let mut deploy = project.start(&["deploy", "--yes"]);
    let sent = send_until(&env, sent, || {
        assert!(deploy.runs(), "{}", deploy.so_far());
        let versions: BTreeSet<_> = handled(&env).into_values().flatten().collect();
        versions.len() == 2
    });
    // The same steps, but short: what is under way is put aside, and messages go on coming.
    let _ = deploy.kill();
    project.edit("sf.toml", "10m", "1s");
    let mut deploy = project.start(&["deploy", "--yes"]);
    let sent = send_until(&env, sent, || !deploy.runs());
    let _ = deploy.wait().ok();
    assert_eq!(all_are_handled(&env, sent).len(), 2);
    let after = send_until(&env, sent, || true);
    let _ = all_are_handled(&env, after);
    assert_eq!(handled(&env)[&sent], BTreeSet::from(["second".to_owned()]));
}

#[test]
fn messages_that_a_bad_version_failed_are_handled_by_the_old_one() {
    let env = Env::new();
    let project = env.project("queued", &[("sf.toml", QUEUED), ("work.mjs", &working("first", ""))]);
    let _ = project.deploy();
    project.write("work.mjs", &working("second", "throw new TypeError('bad');"));
    let mut deploy = project.start(&["deploy", "--yes"]);
    let sent = send_until(&env, 0, || !deploy.runs());
    let end = deploy.wait();
    assert_ne!(end.code, Some(0), "{end:?}");
    let _ = end.says(&["the new version of function `work` had", "all calls go to the old version again"]);
    assert_eq!(all_are_handled(&env, sent), BTreeSet::from(["first".to_owned()]));
    let inbox = env.host().call("GET", "/v1/apps/queued/dev/inboxes/queue/jobs", "").json();
    assert_eq!(inbox["dead"], 0, "{inbox}");
}
