//! Every example deploys and answers (`market.rs` has that of the talent market); every template makes a project that does.

use sf_e2e::{Env, Project, eventually, http};

fn hello(project: &Project<'_>) {
    let _ = project.deploy();
    let answer = project.get("/hello/world");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["message"], "Hello, world!");
    // What runs is what the artifact's cache knows: nothing changes on the way back.
    let _ = project.deploy().says(&["nothing to change"]);
}

#[test]
fn hello_node() {
    let env = Env::new();
    let project = env.example("hello-node");
    hello(&project);
    let echo = http::send("POST", &format!("{}/echo", project.url()), &[], b"said").unwrap();
    assert_eq!(echo.text(), "said");
}

#[test]
fn hello_python() {
    let env = Env::new();
    let project = env.example("hello-python");
    hello(&project);
    let _ = env.run(env.dir(), &["host", "clock", "--advance", "61m"]).ok();
    eventually("the schedule fires", || {
        project.sf(&["logs", "tick"]).ok().stdout.contains("\"tick\"").then_some(())
    });
}

#[test]
fn hello_web() {
    let env = Env::new();
    let project = env.example("hello-web");
    hello(&project);
    let echo = http::send("POST", &format!("{}/echo", project.url()), &[], b"said").unwrap();
    assert_eq!(echo.text(), "said");
}

/// As a new user would: `sf new`, then `sf deploy`. TypeScript needs its esbuild first.
#[test]
fn every_template() {
    let env = Env::new();
    let folder = env.dir().join("projects");
    std::fs::create_dir_all(&folder).unwrap();
    let listed = env.run(&folder, &["new", "--list", "--json"]).ok().json();
    let names: Vec<_> =
        listed["templates"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["node-http", "node-ts", "python-http", "web-rust", "market"]);
    for template in names {
        let _ = env.run(&folder, &["new", template, "--template", template, "--yes"]).ok();
        let project = Project::new(&env, folder.join(template));
        let types = |path: &str| project.dir.join(".sf/types").join(path).is_file();
        let (node, python) = (types("node.d.ts"), types("sf_kit/__init__.pyi"));
        let (has_node, has_python) = match template {
            "web-rust" => (false, false),
            "market" => (true, true),
            _ => (template.starts_with("node"), template.starts_with("python")),
        };
        assert_eq!((node, python), (has_node, has_python), "{template}");
        match template {
            "market" => {
                let _ = project.deploy();
                assert_eq!(project.get("/orders/1").json()["state"], "paid");
            }
            "node-ts" => {
                let _ = project.sf(&["deploy", "--yes"]).exits(4).says(&["esbuild", "npm install"]);
                npm_install(&project);
                hello(&project);
            }
            _ => hello(&project),
        }
    }
}

fn npm_install(project: &Project<'_>) {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let done = std::process::Command::new(npm)
        .args(["install", "--no-audit", "--no-fund", "--no-update-notifier"])
        .current_dir(&project.dir)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
