//! Functions that try to break out, and functions that take all there is: the host, the other functions and the machine do not notice.
//!
//! What a system lacks cannot be tested on it: `sf host status` says what is missing, and so does the test's output.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};
use sf_e2e::{Env, Project, eventually, http};

const MANIFEST: &str = r#"sf = 1

[project]
name = "walls"
provider = "self-hosted"

[functions.node]
handler = "node/breakout.mjs#breakout"
http = ["POST /node"]

[functions.python]
handler = "python/breakout.py#breakout"
http = ["POST /python"]

[functions.victim]
handler = "victim/victim.mjs#victim"
http = ["GET /victim"]
env = { SECRET = "the-victims-own" }
"#;

/// The layers of this system: those in force, with the others told.
struct Layers(BTreeMap<String, bool>);

impl Layers {
    fn of(env: &Env) -> Self {
        let status = env.run(env.dir(), &["host", "status", "--json"]).ok().json();
        let layers = status["isolation"].as_array().expect("a list of layers").iter();
        let name = |layer: &Json| layer["name"].as_str().unwrap().to_owned();
        Self(layers.map(|layer| (name(layer), layer["active"].as_bool().unwrap())).collect())
    }

    /// Whether one of these is in force; says so if not.
    fn have(&self, any: &[&str], what: &str) -> bool {
        let have = any.iter().any(|name| self.0.get(*name).copied().unwrap_or_default());
        if !have {
            eprintln!("skipped `{what}`: this system has none of {any:?}");
        }
        have
    }
}

/// Something that must be denied, and the layers any of which denies it.
struct Attempt {
    name: String,
    what: Json,
    by: &'static [&'static str],
}

fn attempt(name: &str, by: &'static [&'static str], what: Json) -> Attempt {
    Attempt { name: name.into(), what, by }
}

fn deny_all(project: &Project<'_>, layers: &Layers, function: &str, attempts: &[Attempt]) {
    let asked: Vec<Json> = attempts
        .iter()
        .filter(|attempt| layers.have(attempt.by, &attempt.name))
        .map(|attempt| {
            let mut what = attempt.what.clone();
            what["name"] = attempt.name.clone().into();
            what
        })
        .collect();
    let answer = http::post(&format!("{}/{function}", project.url()), &Json::from(asked.clone()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answers = answer.json();
    let came = |what: &&Json| answers[what["name"].as_str().unwrap()].as_str().unwrap_or("no word of it");
    let done: Vec<_> = asked.iter().filter(|what| !came(what).starts_with("denied: ")).collect();
    assert!(done.is_empty(), "{function} could: {done:#?}");
}

/// What both languages try: `victim` is what the other function says of itself.
fn attempts(env: &Env, victim: &Json) -> Vec<Attempt> {
    let host = env.host_dir();
    let pid = victim["pid"].as_u64().unwrap();
    let code = Path::new(victim["folder"].as_str().unwrap()).join("victim/victim.mjs");
    let mut attempts = vec![
        attempt("list the host's folder", &["files"], json!({"act": "list", "path": host})),
        attempt("read the victim's code", &["files"], json!({"act": "read", "path": code})),
        attempt("write the victim's code", &["files", "mounts"], json!({"act": "write", "path": code})),
        attempt("read the victim's file", &["files"], json!({"act": "read", "path": victim["file"]})),
        attempt(
            "remove the victim's file",
            &["files", "mounts"],
            json!({"act": "remove", "path": victim["file"]}),
        ),
        attempt("write its own code", &["files", "mounts"], json!({"act": "write", "path": "sf-was-here"})),
        attempt("change its own code's mode", &["mounts"], json!({"act": "mode", "path": "."})),
        attempt("change the host's folder's mode", &["mounts"], json!({"act": "mode", "path": host})),
        attempt(
            "write beside its folder",
            &["files", "mounts"],
            json!({"act": "write", "path": "/tmp/sf-was-here"}),
        ),
        attempt("list processes", &["files"], json!({"act": "list", "path": "/proc"})),
        attempt(
            "read through a child",
            &["files"],
            json!({"act": "run", "words": ["cat", host.join("token")]}),
        ),
    ];
    for file in ["token", "host.json", "id", "lock", "requests.log", "apps.db", "data/data.db"] {
        let path = host.join(file);
        assert!(path.exists(), "{}", path.display());
        attempts.push(attempt(&format!("read {file}"), &["files"], json!({"act": "read", "path": path})));
    }
    for file in ["environ", "mem", "maps", "cmdline", "root/etc/passwd"] {
        for (whose, pid) in [("victim", pid), ("host", env.host().pid.into())] {
            let what = json!({"act": "open", "path": format!("/proc/{pid}/{file}")});
            attempts.push(attempt(&format!("open the {whose}'s {file}"), &["files"], what));
        }
    }
    attempts
}

#[test]
fn a_function_that_tries_to_break_out_is_denied() {
    let env = Env::new();
    let files = [
        ("sf.toml", MANIFEST),
        ("node/breakout.mjs", include_str!("../../fixtures/isolation/breakout.mjs")),
        ("python/breakout.py", include_str!("../../fixtures/isolation/breakout.py")),
        ("victim/victim.mjs", include_str!("../../fixtures/isolation/victim.mjs")),
    ];
    let project = env.project("walls", &files);
    let _ = project.deploy();
    let layers = Layers::of(&env);
    let victim = project.get("/victim").json();
    assert_eq!(victim["secret"], "the-victims-own");
    let environment = victim["environment"].as_object().unwrap();
    assert!(!environment.contains_key("SF_HOME"), "the host's own variables: {environment:?}");
    let listener = std::os::unix::net::UnixListener::bind(env.dir().join("door")).unwrap();
    let mut all = attempts(&env, &victim);
    all.push(attempt(
        "connect to a service",
        &["system-calls"],
        json!({"act": "connect", "path": env.dir().join("door")}),
    ));
    deny_all(&project, &layers, "node", &all);
    let pid = victim["pid"].as_u64().unwrap();
    all.extend(only_in_python(pid));
    deny_all(&project, &layers, "python", &all);
    for function in ["node", "python"] {
        deny_all(&project, &layers, function, &killing(&env, pid));
    }
    drop(listener);
    // The victim never noticed.
    assert_eq!(project.get("/victim").json()["pid"], victim["pid"]);
    assert!(!Path::new("/tmp/sf-was-here").exists());
}

/// Tried last: had they worked, nobody could tell of the others.
fn killing(env: &Env, victim: u64) -> [Attempt; 2] {
    let kill = |whose: &str, pid: u64| {
        attempt(&format!("kill the {whose}"), &["files"], json!({"act": "kill", "pid": pid}))
    };
    [kill("victim", victim), kill("host", env.host().pid.into())]
}

/// System calls by number, where the numbers are known.
fn only_in_python(victim: u64) -> Vec<Attempt> {
    let mut attempts = vec![
        attempt("attach to the victim", &["system-calls", "files"], json!({"act": "attach", "pid": victim})),
        attempt("limit the victim", &["system-calls"], json!({"act": "limit", "pid": victim})),
        attempt("become another user", &["privileges"], json!({"act": "setuid"})),
    ];
    let calls: &[(&str, u64)] = match std::env::consts::ARCH {
        "x86_64" => &[
            ("mount", 165),
            ("unshare", 272),
            ("bpf", 321),
            ("process_vm_readv", 310),
            ("keyctl", 250),
            ("io_uring_setup", 425),
            ("shmget", 29),
            ("x32 ptrace", 0x4000_0209),
        ],
        "aarch64" => &[
            ("mount", 40),
            ("unshare", 97),
            ("bpf", 280),
            ("process_vm_readv", 270),
            ("keyctl", 219),
            ("io_uring_setup", 425),
            ("shmget", 194),
        ],
        _ => &[],
    };
    for (name, number) in calls {
        attempts.push(attempt(name, &["system-calls"], json!({"act": "call", "number": number})));
    }
    attempts
}

const BOMBS: &str = r#"sf = 1

[project]
name = "bombs"
provider = "self-hosted"

[functions.bomb]
handler = "bombs.py#BOMB"
http = ["GET /bomb"]
memory = "MEMORY"
timeout = "2m"
"#;

fn bomb<'env>(env: &'env Env, name: &str, memory: &str) -> Project<'env> {
    let manifest = BOMBS.replace("BOMB", name).replace("MEMORY", memory);
    let code = include_str!("../../fixtures/isolation/bombs.py");
    let project = env.project("bombs", &[("sf.toml", &manifest), ("bombs.py", code)]);
    let _ = project.deploy();
    project
}

fn log_says(project: &Project<'_>, words: &str) {
    eventually(&format!("the log says {words:?}"), || {
        project.sf(&["logs", "bomb"]).ok().stdout.contains(words).then_some(())
    });
}

#[test]
fn a_function_that_forks_without_end_is_bounded_and_ends_with_its_worker() {
    let env = Env::new();
    let project = bomb(&env, "processes", "1GiB");
    if !Layers::of(&env).have(&["processes"], "fork bomb") {
        return;
    }
    let answer = project.get("/bomb");
    // Its processes are counted by the kernel (then a fork fails), or by the host (then it is killed).
    if answer.status == 200 {
        let children = answer.json()["children"].as_u64().unwrap();
        assert!((1..=1024).contains(&children), "{}", answer.text());
    } else {
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    assert_eq!(project.get("/bomb?well").json()["well"], true);
    let _ = project.sf(&["remove", "--yes"]).ok();
    eventually("all of its processes are gone", || {
        let left = env.leftovers().iter().filter(|process| process.contains("main.py")).count();
        (left == 0).then_some(())
    });
}

#[test]
fn a_function_that_takes_too_much_memory_is_killed_and_told_why() {
    let env = Env::new();
    let project = bomb(&env, "memory", "256MiB");
    if !Layers::of(&env).have(&["memory"], "memory bomb") {
        return;
    }
    assert_eq!(project.get("/bomb").status, 502);
    log_says(&project, "killed: it used more than 256MiB (its `memory`)");
    assert_eq!(project.get("/bomb?well").json()["well"], true);
}

#[test]
fn a_function_that_fills_the_disk_is_killed_and_what_it_wrote_is_gone() {
    let env = Env::new();
    let project = bomb(&env, "disk", "256MiB");
    if !Layers::of(&env).have(&["disk"], "fill the disk") {
        return;
    }
    for how in ["", "?unnamed"] {
        assert_eq!(project.get(&format!("/bomb{how}")).status, 502);
        log_says(&project, "killed: it had more than 512 MiB in its temp folder");
        assert_eq!(project.get("/bomb?well").json()["left"], json!([]));
    }
}

#[test]
fn a_file_that_is_too_large_cannot_be_written() {
    let env = Env::new();
    let project = bomb(&env, "one_file", "256MiB");
    if Layers::of(&env).have(&["limits"], "a large file") {
        assert_eq!(project.get("/bomb").status, 500);
        log_says(&project, "File too large");
    }
}

#[test]
fn pythons_code_is_compiled_once_though_a_worker_cannot_write_it() {
    let env = Env::new();
    let project = bomb(&env, "disk", "256MiB");
    assert_eq!(project.get("/bomb?well").status, 200);
    eventually("the code and the kit are compiled", || {
        let mut folders = vec![env.host_dir().join("unpacked")];
        let mut compiled = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if let Some((module, _)) =
                    name.split_once(".cpython-").filter(|_| name.ends_with(".pyc"))
                {
                    compiled.push(module.to_owned());
                }
            }
        }
        ["bombs", "main", "worker"]
            .iter()
            .all(|module| compiled.iter().any(|name| name == module))
            .then_some(())
    });
}

#[test]
fn the_status_says_what_is_in_force_and_what_is_not() {
    let env = Env::new();
    let _ = env.run(env.dir(), &["host", "start"]).ok();
    let names: Vec<String> = Layers::of(&env).0.into_keys().collect();
    let all = [
        "disk",
        "environment",
        "files",
        "limits",
        "memory",
        "mounts",
        "privileges",
        "processes",
        "system-calls",
    ];
    assert_eq!(names, all);
    let _ =
        env.run(env.dir(), &["host", "status"]).ok().says(&["isolation of files: ", "isolation of memory: "]);
}
