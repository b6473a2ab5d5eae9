//! The commands around a deploy, on AWS.

use serde_json::json;
use sf_e2e::aws::{AT_ONCE, LONG};
use sf_e2e::{Aws, Env, Project, eventually, http, signal};

use crate::support::{SCOPE, answering, changes, manifest, nothing_changes, pair};

const TALKING: &str = "export function talk(event) {
  console.log('said ' + JSON.stringify(event.data ?? null));
  if (event.data?.fail) throw new TypeError('asked to fail');
  return { heard: event.data };
}
export function hello(request, ctx) {
  console.log('hello ' + ctx.params.name);
  return Response.json({ hello: ctx.params.name });
}
";

fn talking(env: &Env) -> Project<'_> {
    let text = "sf = 1\n\n[project]\nname = \"shop\"\nprovider = \"aws\"\n\n[functions.talk]\nhandler = \"talk.mjs#talk\"\n\n\
                [functions.hello]\nhandler = \"talk.mjs#hello\"\nhttp = [\"GET /hello/{name}\"]\n";
    env.project("shop", &[("sf.toml", text), ("talk.mjs", TALKING)])
}

#[test]
fn check_says_who_asks() {
    let Some(aws) = Aws::start("check_says_who_asks", AT_ONCE) else { return };
    let mut env = aws.env();
    let _ = pair(&env)
        .sf(&["check", "--provider", "aws"])
        .ok()
        .says(&[sf_e2e::aws::ACCOUNT, sf_e2e::aws::REGION]);
    assert!(aws.log().iter().all(|entry| !entry.is_mutating()), "{:?}", aws.log());
    // Nobody: said in words that help.
    env.set("AWS_ACCESS_KEY_ID", "");
    env.set("AWS_SECRET_ACCESS_KEY", "");
    let _ = pair(&env).sf(&["check", "--provider", "aws"]).says(&["credentials", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn invoke_gives_the_result_and_what_was_logged() {
    let Some(aws) = Aws::start("invoke_gives_the_result_and_what_was_logged", AT_ONCE) else { return };
    let env = aws.env();
    let project = talking(&env);
    let _ = project.deploy();
    let answer = project.sf(&["invoke", "talk", "--data", "{\"word\": \"x\"}", "--json"]).ok().json();
    assert_eq!(answer["payload"]["heard"]["word"], "x", "{answer}");
    assert_eq!(answer["logs"][0]["message"], "said {\"word\":\"x\"}", "{answer}");
    let failed = ["invoke", "talk", "--data", "{\"fail\": true}"];
    let _ = project.sf(&failed).exits(8).says(&["asked to fail", "TypeError"]);
    let _ = project.sf(&["invoke", "talkk"]).exits(2).says(&["talkk", "talk"]);
}

#[test]
fn logs_show_what_was_printed_and_follow_what_is() {
    let Some(aws) = Aws::start("logs_show_what_was_printed_and_follow_what_is", AT_ONCE) else { return };
    let env = aws.env();
    let project = talking(&env);
    let _ = project.deploy();
    let url = project.url();
    let call = |name: &str| assert_eq!(http::get(&format!("{url}/hello/{name}")).status, 200);
    call("early");
    eventually("the line is in the log", || {
        project.sf(&["logs"]).ok().stdout.contains("hello early").then_some(())
    });
    let mut follow = project.start(&["logs", "-f"]);
    eventually("the follower has begun", || follow.so_far().contains("hello early").then_some(()));
    call("late");
    let _ = project.sf(&["invoke", "talk", "--data", "\"too\""]).ok();
    eventually("the new lines of both come", || {
        let lines = follow.so_far();
        (lines.contains("hello late") && lines.contains("said \"too\"")).then_some(())
    });
    assert!(follow.runs());
    signal("INT", follow.id());
    let end = follow.wait();
    assert!(matches!(end.code, Some(0 | 130)), "{end:?}");
    let other = project.sf(&["logs", "talk"]).ok();
    assert!(!other.stdout.contains("hello"), "{}", other.stdout);
}

#[test]
fn info_says_where_it_answers() {
    let Some(aws) = Aws::start("info_says_where_it_answers", AT_ONCE) else { return };
    let env = aws.env();
    let project = talking(&env);
    let _ = project.sf(&["info"]).says(&["not deployed"]);
    let _ = project.deploy();
    let info = project.sf(&["info", "--json"]).ok().json();
    assert_eq!(info["functions"], json!(["hello", "talk"]), "{info}");
    let _ = project.sf(&["info"]).ok().says(&["GET /hello/{name}", &project.url()]);
    assert_eq!(project.get("/hello/x").json()["hello"], "x");
}

/// A function's own URL: public, by both permissions that AWS wants for it.
#[test]
fn a_function_has_a_url_of_its_own() {
    let Some(aws) = Aws::start("a_function_has_a_url_of_its_own", AT_ONCE) else { return };
    let env = aws.env();
    let text = manifest(&[("one", "http = \"url\"")]);
    let project = env.project("shop", &[("sf.toml", text.as_str()), ("one.mjs", &answering("one", "one"))]);
    let _ = project.deploy();
    let info = project.sf(&["info", "--json"]).ok().json();
    let url = info["endpoints"][0]["url"].as_str().unwrap_or_else(|| panic!("{info}"));
    let answer = aws.get(url);
    assert_eq!((answer.status, answer.text().as_str()), (200, "one"));
    nothing_changes(&aws, &project);
}

#[test]
fn secrets_are_set_and_read_at_run_time() {
    let Some(aws) = Aws::start("secrets_are_set_and_read_at_run_time", AT_ONCE) else { return };
    let env = aws.env();
    let code = "export const one = async (request, ctx) => new Response(await ctx.secret('key'));\n";
    let text =
        format!("{}\n[secrets.key]\n", manifest(&[("one", "http = [\"GET /one\"]\nsecrets = [\"key\"]")]));
    let project = env.project("shop", &[("sf.toml", text.as_str()), ("one.mjs", code)]);
    // AWS has no version of a secret without a value; the counterpart has, so that it cannot show that none is set.
    let _ = project.deploy().says(&["key"]);
    assert_eq!(project.get("/one").status, 500);
    let listed = || project.sf(&["secret", "list", "--json"]).ok().json()["secrets"].clone();
    assert_eq!(listed()[0]["declared"], true, "{}", listed());
    let _ = project.sf_given(&["secret", "set", "key"], "grüße\n").ok();
    assert!(listed()[0]["updated_ms"].is_u64(), "{}", listed());
    eventually("the function reads it", || (project.get("/one").text() == "grüße").then_some(()));
    nothing_changes(&aws, &project);
    let _ = project.sf(&["secret", "rm", "key"]).ok();
    assert_eq!(listed()[0]["declared"], true, "{}", listed());
    let gone = format!(
        "client('secretsmanager').get_secret_value(SecretId='{}').get('SecretString', '')",
        "shop/dev/key"
    );
    assert_eq!(aws.sdk(&gone), "");
}

#[test]
fn dead_letters_are_looked_at_and_delivered_again() {
    let Some(aws) = Aws::start("dead_letters_are_looked_at_and_delivered_again", AT_ONCE) else { return };
    let env = aws.env();
    let text =
        format!("{}\n[queues.jobs]\nretries = 1\n", manifest(&[("work", "on = [{ queue = \"jobs\" }]")]));
    let failing = "export function work(event) { throw new TypeError('not today'); }\n";
    let project = env.project("shop", &[("sf.toml", text.as_str()), ("work.mjs", failing)]);
    let _ = project.deploy();
    let _ = project.sf(&["queue", "send", "jobs", "{\"job\": 7}"]).ok();
    let dead = || project.sf(&["queue", "peek", "jobs", "--dead", "--json"]).ok().json()["messages"].clone();
    let letters =
        eventually("it is a dead letter", || Some(dead()).filter(|list| list.as_array().unwrap().len() == 1));
    assert_eq!(letters[0]["body"], json!({ "job": 7 }), "{letters}");
    // Looking takes nothing away.
    assert_eq!(dead().as_array().unwrap().len(), 1);
    project.write(
        "work.mjs",
        "export function work(event) { console.log('worked on ' + event.data.messages[0].body.job); }\n",
    );
    let _ = project.deploy();
    let _ = project.sf(&["queue", "redrive", "jobs"]).ok();
    eventually("it is worked on", || {
        project.sf(&["logs", "work"]).ok().stdout.contains("worked on 7").then_some(())
    });
    eventually("it is dead no more", || dead().as_array().unwrap().is_empty().then_some(()));
}

#[test]
fn a_rollback_puts_back_what_is_kept() {
    let Some(aws) = Aws::start("a_rollback_puts_back_what_is_kept", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    project.write("one.mjs", &answering("one", "second"));
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "second");
    let asked = changes(&aws, || drop(project.sf(&["rollback", "--yes"]).ok()));
    // What is kept is put back: nothing is built, and nothing uploaded.
    assert_eq!(asked, ["UpdateFunctionCode shop-dev-one", "UpdateAlias shop-dev-one live"]);
    assert_eq!((project.get("/one").text().as_str(), project.get("/two").text().as_str()), ("one", "two"));
    // The files say otherwise, and the next deploy does what they say.
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "second");
}

/// Half of the calls meet the new version, which fails; the rollout sees that and goes back by itself.
#[test]
fn a_canary_that_fails_is_taken_back() {
    let Some(aws) = Aws::start("a_canary_that_fails_is_taken_back", AT_ONCE) else { return };
    let env = aws.env();
    let lines = "http = [\"GET /one\"]\nrollout = { kind = \"canary\", steps = [\"50%\"], every = \"20s\" }";
    let text = manifest(&[("one", lines)]);
    let project = env.project("shop", &[("sf.toml", text.as_str()), ("one.mjs", &answering("one", "good"))]);
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "good");
    project.write("one.mjs", "export function one() {\n  throw new TypeError('bad');\n}\n");
    let url = format!("{}/one", project.url());
    let mut rollout = project.start(&["deploy", "--yes"]);
    let mut seen = std::collections::BTreeSet::new();
    eventually("both versions were met", || {
        seen.insert(http::get(&url).status);
        assert!(
            rollout.runs() || seen.len() == 2,
            "it ended without a canary: {seen:?}: {}",
            rollout.so_far()
        );
        (seen.len() == 2).then_some(())
    });
    while rollout.runs() {
        let _ = http::get(&url);
    }
    let end = rollout.wait_within(LONG);
    assert_ne!(end.code, Some(0), "{end:?}");
    let _ = end.says(&["alias/one", "errors", "go to version 1 again"]);
    let answers: Vec<_> = (0..30).map(|_| http::get(&url).status).collect();
    assert_eq!(answers, [200; 30]);
    let alias = aws.sdk(&format!("client('lambda').get_alias(FunctionName='{SCOPE}-one', Name='live')"));
    assert_eq!(
        alias["RoutingConfig"]["AdditionalVersionWeights"].as_object().map_or(0, serde_json::Map::len),
        0
    );
}

#[test]
fn a_canary_that_works_gets_everything() {
    let Some(aws) = Aws::start("a_canary_that_works_gets_everything", AT_ONCE) else { return };
    let env = aws.env();
    let lines =
        "http = [\"GET /one\"]\nrollout = { kind = \"canary\", steps = [\"10%\", \"50%\"], every = \"1s\" }";
    let text = manifest(&[("one", lines)]);
    let project = env.project("shop", &[("sf.toml", text.as_str()), ("one.mjs", &answering("one", "first"))]);
    let _ = project.deploy();
    project.write("one.mjs", &answering("one", "second"));
    let asked = changes(&aws, || drop(project.sf_within(LONG, &["deploy", "--yes"]).ok()));
    let moved = asked.iter().filter(|call| *call == "UpdateAlias shop-dev-one live").count();
    assert_eq!(moved, 3, "10%, 50%, all: {asked:#?}");
    assert!((0..30).all(|_| project.get("/one").text() == "second"));
    nothing_changes(&aws, &project);
}

/// Somebody changed it in the console.
#[test]
fn a_drift_is_shown_and_repaired() {
    let Some(aws) = Aws::start("a_drift_is_shown_and_repaired", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    let function = format!("FunctionName='{SCOPE}-one'");
    aws.sdk(&format!("client('lambda').update_function_configuration({function}, MemorySize=2048)"));
    aws.sdk(&format!("client('iam').delete_role_policy(RoleName='{SCOPE}-two', PolicyName='uses')"));
    assert_eq!(project.plan(), Vec::<String>::new(), "nobody looks without --refresh");
    let _ = project.sf(&["plan", "--refresh"]).ok().says(&["function/one", "2048", "role/two"]);
    let _ = project.sf(&["deploy", "--refresh", "--yes"]).ok();
    let now = aws.sdk(&format!("client('lambda').get_function_configuration({function})"));
    assert_ne!(now["MemorySize"], 2048, "{now}");
    let policies = aws.sdk(&format!("client('iam').list_role_policies(RoleName='{SCOPE}-two')"));
    assert_eq!(policies["PolicyNames"], json!(["uses"]));
    let asked = changes(&aws, || drop(project.sf(&["deploy", "--refresh", "--yes"]).ok()));
    assert_eq!(asked, Vec::<String>::new());
}

/// Somebody gave a role more than the manifest does: that is shown, taken back, and keeps nothing from being removed.
#[test]
fn policies_of_others_are_shown_and_taken() {
    let Some(aws) = Aws::start("policies_of_others_are_shown_and_taken", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    const MANAGED: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    let role = format!("RoleName='{SCOPE}-two'");
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:q"}]}"#;
    let give = || {
        aws.sdk(&format!("client('iam').attach_role_policy({role}, PolicyArn='{MANAGED}')"));
        aws.sdk(&format!(
            "client('iam').put_role_policy({role}, PolicyName='extra', PolicyDocument='{policy}')"
        ));
    };
    give();
    let _ =
        project.sf(&["drift", "--verbose"]).says(&["role/two", "arn:aws:iam::aws:policy/Amazon", "extra"]);
    let asked = changes(&aws, || drop(project.sf(&["deploy", "--refresh", "--yes"]).ok()));
    let taken = [format!("DetachRolePolicy {SCOPE}-two"), format!("DeleteRolePolicy {SCOPE}-two")];
    assert_eq!(asked, taken);
    let _ = project.sf(&["drift"]).ok();
    give();
    crate::support::leaves_nothing(&aws, &project);
}

/// Somebody deleted it in the console.
#[test]
fn what_was_deleted_is_made_again() {
    let Some(aws) = Aws::start("what_was_deleted_is_made_again", AT_ONCE) else { return };
    let env = aws.env();
    let project = pair(&env);
    let _ = project.deploy();
    let before = aws.state().without_ids();
    aws.sdk(&format!("client('lambda').delete_function(FunctionName='{SCOPE}-one')"));
    let _ = project.sf(&["plan", "--refresh"]).ok().says(&["function/one"]);
    let _ = project.sf(&["deploy", "--refresh", "--yes"]).ok();
    assert_eq!(aws.state().without_ids(), before);
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn a_lost_state_is_found_again_by_tags() {
    let Some(aws) = Aws::start("a_lost_state_is_found_again_by_tags", AT_ONCE) else { return };
    let env = aws.env();
    let project = crate::support::fixture(&env, "events");
    let _ = project.deploy();
    let before = aws.state();
    std::fs::remove_dir_all(project.dir.join(".sf/state")).unwrap();
    let asked = changes(&aws, || drop(project.sf(&["state", "rebuild", "--yes"]).ok()));
    assert_eq!(asked, Vec::<String>::new(), "looking changes nothing");
    assert_eq!(project.plan(), Vec::<String>::new());
    nothing_changes(&aws, &project);
    assert_eq!(aws.state(), before);
    crate::support::leaves_nothing(&aws, &project);
}
