//! One state in a bucket, and several machines that deploy from it: two homes, two folders, one S3.

use serde_json::json;
use sf_e2e::aws::AT_ONCE;
use sf_e2e::{Aws, Env, Gate, Project, When, eventually, signal};

use crate::support::{answering, changes, manifest};

/// A machine whose requests to AWS go through a gate; those for the state do not.
struct Machine {
    env: Env,
    gate: Gate,
    aws: String,
}

impl Machine {
    fn new(aws: &Aws) -> Self {
        let gate = Gate::new(&aws.url);
        let mut env = Env::new();
        aws.enter(&mut env, &gate.url);
        // As short as the seconds of S3's `Last-Modified` allow.
        env.set("SF_LOCK_EXPIRY", "4s");
        Self { env, gate, aws: aws.url.clone() }
    }

    /// The project that all of them have, with this answer.
    fn project(&self, answer: &str) -> Project<'_> {
        let mut text = manifest(&[("one", "http = [\"GET /one\"]")]);
        text.push_str(&format!("\n[state]\nstore = \"s3://states/team?endpoint={}\"\n", self.aws));
        self.env.project("shop", &[("sf.toml", text.as_str()), ("one.mjs", &answering("one", answer))])
    }
}

/// The first line of the request for a new function.
const CREATE_FUNCTION: &str = "POST /2015-03-31/functions ";

fn start(test: &str) -> Option<(Aws, Machine, Machine)> {
    let aws = Aws::start(test, AT_ONCE)?;
    let _ = aws.sdk("client('s3').create_bucket(Bucket='states')['ResponseMetadata']");
    let (one, other) = (Machine::new(&aws), Machine::new(&aws));
    Some((aws, one, other))
}

/// The names of the state's objects, without what all have before them; event logs are left out.
fn objects(aws: &Aws) -> Vec<String> {
    let mut names = all_objects(aws);
    names.retain(|name| !name.starts_with("dev.runs/"));
    names
}

fn all_objects(aws: &Aws) -> Vec<String> {
    let names =
        "[found['Key'] for found in client('s3').list_objects_v2(Bucket='states').get('Contents', [])]";
    let names = aws.sdk(names);
    let name = |name: &serde_json::Value| {
        let name = name.as_str().unwrap();
        name.strip_prefix("team/shop/aws/").unwrap_or_else(|| panic!("{name}")).to_owned()
    };
    names.as_array().unwrap().iter().map(name).collect()
}

/// A deploy changes nothing but the lock and the log of itself, and a plan is empty.
#[track_caller]
fn nothing_changes(aws: &Aws, project: &Project<'_>) {
    let mut asked = changes(aws, || {
        let _ = project.deploy().says(&["nothing to change"]);
    });
    asked.retain(|request| !request.contains("Object states ") && request != "DeleteObjects states");
    assert_eq!(asked, Vec::<String>::new());
    assert_eq!(project.plan(), Vec::<String>::new());
}

#[test]
fn what_one_machine_deploys_another_one_knows() {
    let Some((aws, one, other)) = start("what_one_machine_deploys_another_one_knows") else { return };
    let here = one.project("first");
    let _ = here.deploy().says(&["release 1"]);
    assert_eq!(objects(&aws), ["dev.json", "dev.releases/1.json"], "no lock and no parts are left");
    let there = other.project("first");
    nothing_changes(&aws, &there);
    let _ = there.sf(&["releases"]).ok().says(&["sf deploy", "10 created", "live"]);
    there.write("one.mjs", &answering("one", "second"));
    let _ = there.deploy().says(&["release 2"]);
    assert_eq!(here.get("/one").text(), "second");
    let _ = here.sf(&["rollback", "1", "--yes"]).ok().says(&["release 3"]);
    assert_eq!(there.get("/one").text(), "first");
    let _ = there.sf(&["remove", "--yes"]).ok();
    let _ = here.sf(&["state", "list"]).ok().says(&["no objects recorded"]);
}

#[test]
fn of_two_deploys_at_once_one_is_refused_or_waits() {
    let Some((aws, one, other)) = start("of_two_deploys_at_once_one_is_refused_or_waits") else { return };
    let (here, there) = (one.project("here"), other.project("there"));
    one.gate.arm(1, When::Delay);
    let first = here.start(&["deploy"]);
    one.gate.await_closed();
    let refused = there.sf(&["deploy"]).exits(6).says(&["`sf deploy`", "process", "--lock-timeout"]);
    assert!(refused.text().contains(&first.id().to_string()), "{}", refused.text());
    let _ = there.sf(&["plan"]).ok();
    let waiting = there.start(&["deploy", "--lock-timeout", "2m"]);
    eventually("it says whom it waits for", || waiting.so_far().contains("waiting for").then_some(()));
    one.gate.open();
    let _ = first.wait().ok().says(&["release 1"]);
    let _ = waiting.wait().ok().says(&["release 2"]);
    assert_eq!(here.get("/one").text(), "there");
    assert!(!objects(&aws).iter().any(|name| name.contains("lock")), "{:?}", objects(&aws));
    nothing_changes(&aws, &there);
}

#[test]
fn the_lock_of_a_killed_machine_expires() {
    let Some((aws, one, other)) = start("the_lock_of_a_killed_machine_expires") else { return };
    let (here, there) = (one.project("here"), other.project("there"));
    one.gate.kill_on(CREATE_FUNCTION, When::After, &here, &["deploy"]);
    assert!(objects(&aws).contains(&"dev.lock".to_owned()), "{:?}", objects(&aws));
    let _ = there.sf(&["deploy", "--lock-timeout", "1m"]).ok().says(&["waiting for", "cut short"]);
    assert_eq!(there.get("/one").text(), "there");
    nothing_changes(&aws, &there);
    let left = objects(&aws);
    assert_eq!(
        left,
        ["dev.json", "dev.json.backup", "dev.releases/1.json"],
        "a run that ends leaves it whole"
    );
    let _ = there.sf(&["remove", "--yes"]).ok();
    assert_eq!(format!("{:?}", aws.state()), "\n  buckets: states");
}

#[test]
fn whoever_is_interrupted_or_fails_leaves_no_lock() {
    let Some((aws, one, other)) = start("whoever_is_interrupted_or_fails_leaves_no_lock") else { return };
    let (here, there) = (one.project("here"), other.project("there"));
    let is_unlocked = || assert!(!objects(&aws).contains(&"dev.lock".to_owned()), "{:?}", objects(&aws));
    // While it looks what is there.
    one.gate.arm(0, When::Delay);
    let first = here.start(&["deploy"]);
    one.gate.await_closed();
    assert!(objects(&aws).contains(&"dev.lock".to_owned()), "{:?}", objects(&aws));
    signal("INT", first.id());
    assert_eq!(first.wait().code, Some(130));
    one.gate.open();
    is_unlocked();
    // In the middle of a call; twice: at once.
    one.gate.arm_on(CREATE_FUNCTION, When::Delay);
    let second = here.start(&["deploy"]);
    one.gate.await_closed();
    signal("INT", second.id());
    eventually("it stops", || second.so_far().contains("stopping").then_some(()));
    signal("INT", second.id());
    let end = second.wait();
    assert_eq!(end.code, Some(130), "{end:?}");
    one.gate.open();
    is_unlocked();
    let _ = there.deploy();
    nothing_changes(&aws, &there);
    // Deleting wants consent, and nobody can be asked.
    let _ = there.sf(&["remove"]).exits(7);
    is_unlocked();
}

/// S3 itself: answers that are lost, requests that are, one of three that is refused for a moment, and a bucket that is not there.
#[test]
fn faults_of_the_store_cost_nothing() {
    let Some((aws, one, _)) = start("faults_of_the_store_cost_nothing") else { return };
    let project = one.project("first");
    let slow_down = json!({ "type": "error", "code": "SlowDown", "status": 503, "message": "Please reduce your request rate." });
    for (name, action) in [("lost", json!("lost")), ("cut", json!("drop")), ("throttled", slow_down)] {
        let rule = json!({
            "service": "s3", "operation": "*", "match": { "Bucket": "states" }, "probability": 0.3, "action": action,
        });
        aws.fault(&rule);
        project.write("one.mjs", &answering("one", name));
        let _ = project.deploy();
        assert!(aws.faults()[0]["fired"].as_u64() > Some(2), "{:?}", aws.faults());
        aws.clear_faults();
        assert_eq!(project.get("/one").text(), name);
        nothing_changes(&aws, &project);
    }
    project.edit("sf.toml", "s3://states/", "s3://nowhere/");
    let _ = project.sf(&["plan"]).exits(1).says(&["s3://nowhere", "bucket"]);
}

#[test]
fn what_cannot_be_saved_is_rescued_and_pushed() {
    let Some((aws, one, _)) = start("what_cannot_be_saved_is_rescued_and_pushed") else { return };
    let project = one.project("first");
    one.gate.arm_on(CREATE_FUNCTION, When::Delay);
    let run = project.start(&["deploy"]);
    one.gate.await_closed();
    aws.fault(&json!({
        "service": "s3", "operation": "PutObject", "match": { "Bucket": "states", "Key": "*.journal/*" },
        "action": { "type": "error", "code": "AccessDenied", "status": 403, "message": "Access Denied" },
    }));
    one.gate.open();
    let _ = run.wait().exits(1).says(&["AccessDenied", "`sf state push ", "sf-state.rescue.json"]);
    aws.clear_faults();
    let _ = project.sf(&["state", "push", "sf-state.rescue.json"]).ok();
    let created = changes(&aws, || drop(project.deploy()));
    let functions = created.iter().filter(|request| request.starts_with("CreateFunction"));
    assert_eq!(functions.count(), 0, "what was made is known: {created:?}");
    assert_eq!(project.get("/one").text(), "first");
    nothing_changes(&aws, &project);
}

#[test]
fn a_state_moves_between_a_folder_and_a_bucket() {
    let Some((aws, one, _)) = start("a_state_moves_between_a_folder_and_a_bucket") else { return };
    let project = one.project("first");
    let with_store = project.read("sf.toml");
    let store = with_store[with_store.find("\n[state]").unwrap()..].to_owned();
    project.edit("sf.toml", &store, "");
    let _ = project.deploy();
    let pulled = project.sf(&["state", "pull", "state.json", "--json"]).ok().json();
    project.write("sf.toml", &with_store);
    let pushed = project.sf(&["state", "push", "state.json", "--json"]).ok().json();
    assert_eq!(pushed["serial"], pulled["serial"], "{pushed}");
    let _ = project.sf(&["state", "push", "state.json"]).ok().says(&["nothing to push"]);
    nothing_changes(&aws, &project);
    let in_bucket = project.sf(&["state", "pull"]).ok().stdout;
    assert_eq!(in_bucket, project.read("state.json"));
}
