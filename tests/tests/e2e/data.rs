//! What people do with data: secrets, queues, topics, tables, buckets.

use serde_json::json;
use sf_e2e::{Env, Project, Run, eventually, holding, http};

const MANIFEST: &str = r#"sf = 1

[project]
name = "data"
provider = "self-hosted"

[functions.work]
handler = "work.mjs#work"
on = [{ queue = "jobs" }]
secrets = ["key"]
http = ["GET /key"]

[functions.hear]
handler = "hear.mjs#hear"
on = [{ topic = "news", filter = { city = ["Seoul"] } }, { table = "people" }]
uses = { heard = "write" }

[secrets.key]
[queues.jobs]
retries = 1
[topics.news]
[tables.people]
key = { partition = "id:string", sort = "year:number" }
[tables.heard]
key = { partition = "what:string" }
"#;

const BUCKET: &str = r#"
[functions.see]
handler = "hear.mjs#see"
on = [{ bucket = "files", prefix = "raw/" }]
uses = { heard = "write" }

[buckets.files]
"#;

const WORK: &str = "export async function work(given, ctx) {
  if (given instanceof Request) return new Response(await ctx.secret('key'));
  for (const { body } of given.data.messages) if (body.fail) throw new TypeError('asked to fail');
}
";

const HEAR: &str = "export async function hear(event, ctx) {
  const what = event.type === 'sf.topic' ? `news of ${event.data.of}` : `${event.data.change} of ${event.data.key.id}`;
  await ctx.table('heard').put({ what });
}
export async function see(event, ctx) {
  await ctx.table('heard').put({ what: event.data.key });
}
";

fn project(env: &Env) -> Project<'_> {
    env.project("data", &[("sf.toml", MANIFEST), ("work.mjs", WORK), ("hear.mjs", HEAR)])
}

/// What `hear` and `see` were told of.
fn heard(project: &Project<'_>) -> Vec<String> {
    let scan = project.sf(&["table", "scan", "heard", "--json"]).ok().json();
    let mut heard: Vec<_> = scan["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["item"]["what"].as_str().unwrap().to_owned())
        .collect();
    heard.sort();
    heard
}

#[test]
fn a_secret_is_set_before_the_first_deploy_and_stands_nowhere() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.sf(&["secret", "set", "key", "in-an-argument"]).exits(2);
    let _ = project.sf(&["secret", "set", "kye"]).exits(2).says(&["`kye`", "`key`"]);
    let _ = project.sf(&["secret", "set", "key"]).exits(2).says(&["empty"]);
    assert!(env.find_host().is_none(), "a host was started for nothing");

    let _ = project.sf_given(&["secret", "set", "key"], "open-sesame\n").ok();
    let listed = project.sf(&["secret", "list", "--json"]).ok().json();
    assert_eq!(listed["secrets"][0]["name"], "key");
    assert!(listed["secrets"][0]["updated_ms"].is_u64(), "{listed}");

    let deployed = project.deploy();
    assert!(!deployed.text().contains("no value"), "{}", deployed.text());
    assert_eq!(project.get("/key").text(), "open-sesame");
    std::fs::remove_file(env.dir().join("input")).unwrap();
    assert_eq!(holding(env.dir(), "open-sesame"), Vec::<std::path::PathBuf>::new());

    let _ = project.sf(&["secret", "rm", "key"]).ok();
    let _ = project.sf(&["secret", "list"]).ok().says(&["no value"]);
    // A deploy that has nothing to do asks the provider nothing; one that has warns.
    let manifest = project.read("sf.toml");
    project.write("sf.toml", &format!("{manifest}\n[queues.news]\n"));
    let _ = project.deploy().says(&["secret `key` has no value", "sf secret set key"]);
}

#[test]
fn a_secret_from_a_file_is_taken_as_it_is() {
    let env = Env::new();
    let project = project(&env);
    project.write("key.pem", "line\nline\n");
    let _ = project.sf(&["secret", "set", "key", "--from-file", "key.pem"]).ok();
    let _ = project.deploy();
    assert_eq!(project.get("/key").text(), "line\nline\n");
}

#[test]
fn dead_letters_are_looked_at_and_delivered_again() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.sf(&["queue", "peek", "jobs"]).exits(5).says(&["sf deploy"]);
    let _ = project.deploy();
    let _ = project.sf(&["queue", "send", "jobs", "{\"fail\": true}"]).ok();
    let dead = || project.sf(&["queue", "peek", "jobs", "--dead", "--json"]).ok().json();
    let letter = eventually("the message is given up", || dead()["messages"].get(0).cloned());
    assert_eq!(letter["body"], json!({ "fail": true }));
    assert!(letter["last_error"].as_str().unwrap().contains("asked to fail"), "{letter}");
    let _ = project.sf(&["queue", "list"]).ok().says(&["jobs", "1 dead", "topic news", "-> hear"]);

    project.edit("work.mjs", "body.fail", "body.never");
    let _ = project.deploy();
    let _ = project.sf(&["queue", "redrive", "jobs"]).ok().says(&["1 dead letter"]);
    eventually("it is handled", || {
        let listed = project.sf(&["queue", "list", "--json"]).ok().json();
        let jobs = listed["inboxes"].as_array()?.iter().find(|inbox| inbox["name"] == "jobs")?.clone();
        let left =
            ["ready", "delayed", "in_flight", "dead"].iter().map(|state| jobs[state].as_u64().unwrap());
        (left.sum::<u64>() == 0).then_some(())
    });
    let _ = project.sf(&["queue", "peek", "jobs", "--dead"]).ok().says(&["no dead letters"]);
}

#[test]
fn messages_are_deleted_only_with_consent() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.deploy();
    let _ = project.sf(&["queue", "send", "jobs", "@sf.toml"]).exits(2).says(&["--raw"]);
    let _ = project.sf(&["queue", "send", "jobs", "[1]", "--delay", "10m"]).ok();
    let _ = project.sf(&["queue", "purge", "jobs"]).exits(7).says(&["--yes"]);
    let _ = project.sf(&["queue", "purge", "jobs", "--yes"]).ok().says(&["1 message"]);
    let _ = project.sf(&["queue", "peek", "jbos"]).exits(2).says(&["`jobs`"]);
}

#[test]
fn who_listens_to_a_topic_hears_what_passes_its_filter() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.deploy();
    let publish = |of: &str, city: &str| {
        let attribute = format!("city={city}");
        let body = json!({ "of": of }).to_string();
        project.sf(&["topic", "publish", "news", &body, "--attribute", &attribute]).ok()
    };
    let _ = publish("Busan", "Busan");
    let _ = publish("Seoul", "Seoul");
    eventually("the one from Seoul is heard", || {
        heard(&project).contains(&"news of Seoul".to_owned()).then_some(())
    });
    assert!(!heard(&project).contains(&"news of Busan".to_owned()));
    let _ = project.sf(&["topic", "list"]).ok().says(&["news", "hear"]);
    let _ = project.sf(&["topic", "publish", "new", "1"]).exits(2).says(&["`news`"]);
}

#[test]
fn items_are_put_read_and_deleted() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.deploy();
    let table = |args: &[&str]| -> Run { project.sf(&[&["table"], args].concat()) };
    for year in ["1815", "1843", "1852"] {
        let item = format!("{{\"id\": \"ada\", \"year\": {year}, \"n\": {year}}}");
        let _ = table(&["put", "people", &item]).ok();
    }
    let again = "{\"id\": \"ada\", \"year\": 1815}";
    let _ = table(&["put", "people", again, "--if-absent"]).exits(1);
    assert_eq!(table(&["get", "people", "ada", "1843", "--json"]).ok().json()["item"]["n"], 1843);
    let _ = table(&["get", "people", "ada"]).exits(2).says(&["`year`"]);
    let _ = table(&["get", "people", "ada", "soon"]).exits(2).says(&["number"]);
    let _ = table(&["get", "people", "ada", "1"]).exits(1).says(&["no such item"]);

    let years = |args: &[&str]| -> Vec<i64> {
        let page = table(&[&["query", "people", "ada", "--json"], args].concat()).ok().json();
        page["items"].as_array().unwrap().iter().map(|item| item["item"]["year"].as_i64().unwrap()).collect()
    };
    assert_eq!(years(&[]), [1815, 1843, 1852]);
    assert_eq!(years(&["--from", "1840", "--reverse"]), [1852, 1843]);
    assert_eq!(years(&["--to", "1850", "--limit", "1"]), [1815]);
    let _ = table(&["rm", "people", "ada", "1852"]).ok().says(&["deleted"]);
    assert_eq!(years(&["--from", "1840", "--to", "1900"]), [1843]);
    eventually("the changes are heard", || {
        let heard = heard(&project);
        ["insert of ada", "remove of ada"]
            .iter()
            .all(|change| heard.contains(&(*change).to_owned()))
            .then_some(())
    });
}

#[test]
fn objects_are_put_listed_read_and_deleted() {
    let env = Env::new();
    let project = project(&env);
    project.write("sf.toml", &format!("{MANIFEST}{BUCKET}"));
    let _ = project.deploy();
    project.write("a.txt", "some text");
    let bucket = |args: &[&str]| -> Run { project.sf(&[&["bucket"], args].concat()) };
    let _ = bucket(&["put", "files", "a.txt", "raw/dir/a.txt", "--content-type", "text/plain"]).ok();
    let _ = bucket(&["put", "files", "a.txt"]).ok();
    let _ = bucket(&["ls", "files"]).ok().says(&["raw/", "a.txt", "9 B"]);
    let all = bucket(&["ls", "files", "--all", "--json"]).ok().json();
    let keys: Vec<_> = all["objects"].as_array().unwrap().iter().map(|object| &object["key"]).collect();
    assert_eq!(keys, ["a.txt", "raw/dir/a.txt"]);

    assert_eq!(bucket(&["get", "files", "a.txt"]).ok().stdout, "some text");
    let _ = bucket(&["get", "files", "a.txt", "b.txt"]).ok();
    assert_eq!(project.read("b.txt"), "some text");
    let _ = bucket(&["get", "files", "b.txt"]).exits(1).says(&["no such object"]);
    let _ = bucket(&["ls", "filse"]).exits(2).says(&["`files`"]);
    eventually("the upload is seen", || heard(&project).contains(&"raw/dir/a.txt".to_owned()).then_some(()));
    assert!(!heard(&project).contains(&"a.txt".to_owned()));

    let url = bucket(&["url", "files", "a.txt", "--json"]).ok().json()["url"].as_str().unwrap().to_owned();
    assert_eq!(http::get(&url).text(), "some text");
    let _ = bucket(&["rm", "files", "a.txt"]).ok();
    assert_eq!(bucket(&["ls", "files", "--json"]).ok().json()["prefixes"], json!(["raw/"]));
}

#[test]
fn what_holds_data_goes_only_with_consent_to_that() {
    let env = Env::new();
    let project = project(&env);
    let _ = project.deploy();
    let _ = project.sf(&["table", "put", "heard", "{\"what\": \"x\"}"]).ok();
    project.edit("sf.toml", "what:string", "whatever:string");
    let _ = project.sf(&["deploy", "--yes"]).exits(7).says(&["table/heard", "--data"]);
    assert_eq!(heard(&project), ["x"]);
    let _ = project.sf(&["deploy", "--yes", "--data"]).ok();
    assert_eq!(project.sf(&["table", "scan", "heard", "--json"]).ok().json()["items"], json!([]));
}
