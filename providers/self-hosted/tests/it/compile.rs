use sf_plan::{Addr, Desired, Path};
use sf_provider::{Artifacts, Backend};
use sf_provider_self_hosted::SelfHosted;

use crate::support::{compile, load};

/// As JSON, in the order in which `compile` gives them.
fn printed(objects: &[Desired]) -> serde_json::Value {
    let object = |object: &Desired| {
        serde_json::json!({
            "addr": object.addr,
            "inputs": object.inputs,
            "after": object.after,
            "protect": object.protect,
        })
    };
    objects.iter().map(object).collect()
}

#[test]
fn a_project_becomes_objects_and_a_release_of_them() {
    let objects = compile(include_str!("fixtures/able.toml"));
    insta::assert_json_snapshot!("able", printed(&objects));
}

/// `tests/fixtures/manifests/talent-market`, the manifest that the design page shows, without its workflow.
#[test]
fn the_whole_example_becomes_objects() {
    let text = include_str!("../../../../tests/fixtures/manifests/talent-market/sf.toml");
    let (before, after) = text.split_once("[workflows.payment]").unwrap();
    let (_, after) = after.split_once("[sockets.chat]").unwrap();
    let objects = compile(&format!("{before}[sockets.chat]{after}"));
    insta::assert_json_snapshot!("market", printed(&objects));
}

#[test]
fn without_routes_there_is_no_api() {
    let objects = compile(
        r#"
sf = 1
[project]
name = "clock"
[api]
cors = { origins = ["*"] }
[functions.tick]
handler = "tick.py:tick"
runtime = "python"
on = [{ schedule = "rate(5 minutes)" }]
"#,
    );
    let addrs: Vec<String> = objects.iter().map(|object| object.addr.to_string()).collect();
    assert_eq!(addrs[0], "function/tick");
    assert_eq!(addrs[2], "release/current");
    assert_eq!(addrs.len(), 3);
    assert!(addrs[1].starts_with("schedule/tick-"), "{addrs:?}");
}

#[test]
fn the_order_of_the_manifest_changes_nothing() {
    let one = compile(
        r#"
sf = 1
[project]
name = "shop"
[functions.a]
handler = "a.mjs#a"
http = ["GET /a", "POST /a"]
on = [{ schedule = "0 1 * * *" }, { schedule = "0 2 * * *" }]
env = { X = "1", Y = "${api.url}" }
[functions.b]
handler = "b.mjs#b"
"#,
    );
    let other = compile(
        r#"
sf = 1
[functions.b]
handler = "b.mjs#b"
[functions.a]
env = { Y = "${api.url}", X = "1" }
on = [{ schedule = "0 2 * * *" }, { schedule = "0 1 * * *" }]
http = ["POST /a", "GET /a"]
handler = "a.mjs#a"
[project]
name = "shop"
"#,
    );
    assert_eq!(one, other);
}

#[test]
fn a_function_that_was_not_built_is_an_error() {
    let app = load(include_str!("fixtures/able.toml"));
    let problems = SelfHosted.compile(&app, &Artifacts::new()).unwrap_err();
    assert_eq!(problems.len(), app.functions.len());
    assert!(problems.iter().all(|problem| problem.code == "not-built"));
}

#[test]
fn a_change_of_code_does_not_ripple_through_the_api() {
    let schemas = SelfHosted.schemas();
    let stable = |addr: &Addr, output: &str| schemas.stable(&addr.kind, output);
    let api = sf_provider_self_hosted::names::api();
    assert!(stable(&api, "url") && stable(&api, "port"));
    assert!(!stable(&api, "revision"));
    assert!(!stable(&sf_provider_self_hosted::names::function("a"), "revision"));

    let effect = |field: &str| schemas.effect(&api.kind, &Path(vec![field.to_owned()]));
    assert_eq!(effect("cors"), sf_plan::Effect::InPlace);
    assert_eq!(effect("port"), sf_plan::Effect::NewObject);
}

const DATA: &str = r#"
sf = 1
[project]
name = "data"
[functions.one]
handler = "a.mjs#one"
on = [{ topic = "news", filter = { city = ["Seoul"] } }, { topic = "news", filter = { city = ["Busan"] } }]
uses = { news = "write", people = "read", files = "read", mail = "write" }
secrets = ["key"]
[buckets.files]
[tables.people]
key = { partition = "id:string" }
[queues.mail]
[topics.news]
[secrets.key]
[sockets.chat]
message = "one"
"#;

#[test]
fn what_holds_data_is_protected() {
    let protected: Vec<String> =
        compile(DATA).iter().filter(|object| object.protect).map(|object| object.addr.to_string()).collect();
    assert_eq!(protected, ["bucket/files", "secret/key", "table/people"]);
}

#[test]
fn what_the_manifest_protects_says_so_in_its_inputs() {
    let guarded = |text: &str| -> Vec<String> {
        let schemas = SelfHosted.schemas();
        let all =
            compile(text).into_iter().filter(|object| schemas.guards(&object.addr.kind, &object.inputs));
        all.map(|object| object.addr.to_string()).collect()
    };
    assert_eq!(guarded(DATA), Vec::<String>::new());
    assert_eq!(
        guarded(&DATA.replace("[tables.people]", "[tables.people]\nprotect = true")),
        ["table/people"]
    );
    let prod = DATA.replace("[project]", "[project]\nstage = \"prod\"");
    assert_eq!(guarded(&prod), ["bucket/files", "secret/key", "table/people"]);
}

#[test]
fn another_key_is_another_table_and_another_expiry_is_not() {
    let effect = |field: &str| {
        let path = Path(vec![field.to_owned(), "name".to_owned()]);
        SelfHosted.schemas().effect(&sf_plan::Kind("table".to_owned()), &path)
    };
    assert_eq!(effect("partition"), sf_plan::Effect::NewObject);
    assert_eq!(effect("sort"), sf_plan::Effect::NewObject);
    assert_eq!(effect("ttl"), sf_plan::Effect::InPlace);
}

/// What waits for a subscription belongs to its name.
#[test]
fn another_filter_is_the_same_subscription() {
    let names = |text: &str| -> Vec<String> {
        let objects = compile(text).into_iter().map(|object| object.addr);
        objects.filter(|addr| addr.kind.0 == "subscription").map(|addr| addr.name).collect()
    };
    let before = names(DATA);
    assert_eq!(before.len(), 2);
    assert_eq!(names(&DATA.replace("Seoul", "Daegu")), before);
    let one = DATA.replace(", { topic = \"news\", filter = { city = [\"Busan\"] } }", "");
    assert_eq!(names(&one).len(), 1);
    assert!(before.contains(&names(&one)[0]));
}

#[test]
fn the_manifest_in_the_readme_can_be_deployed() {
    let readme = include_str!("../../../../README.md");
    let (_, after) = readme.split_once("```toml\n").unwrap();
    let (manifest, _) = after.split_once("```").unwrap();
    let addrs: Vec<String> = compile(manifest).iter().map(|object| object.addr.to_string()).collect();
    assert!(addrs.contains(&"route/GET /hello/{name}".to_owned()), "{addrs:?}");
}

#[test]
fn a_function_is_called_by_the_name_that_code_has_for_it() {
    let text = r#"
sf = 1
[project]
name = "shop"
[functions.orders]
handler = "one.mjs#orders"
uses = { post = "call" }
env = { POST = "${function.post.name}" }
[functions.post]
was = "mail"
handler = "one.mjs#post"
"#;
    let app = load(text).by_first_names();
    let artifacts: Artifacts = crate::support::artifacts(&app);
    let objects = SelfHosted.compile(&app, &artifacts).unwrap();
    let orders = objects.iter().find(|object| object.addr == Addr::new("function", "orders")).unwrap();
    let inputs = orders.inputs.to_json();
    assert_eq!(inputs["env"]["POST"], "post");
    assert_eq!(inputs["grants"]["uses"]["function"]["post"], "call");
    assert_eq!(inputs["names"]["function"]["post"], "mail");
}
