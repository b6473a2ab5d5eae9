//! A redeploy loses no request.

use std::process::Command;

use sf_e2e::{Env, Load, Project};

use crate::support::{answering, pair};

/// Redeploys so many times, each time with another answer, while the load goes on.
fn redeploy(project: &Project<'_>, times: usize, between: impl Fn()) {
    for version in 0..times {
        between();
        project.write("one.mjs", &answering("one", &format!("version {version}")));
        let _ = project.deploy();
    }
    between();
}

#[test]
fn no_request_fails_while_a_new_version_comes() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let load = Load::start(&format!("{}/one", project.url()), 8);
    redeploy(&project, 5, || load.answers(200));
    let report = load.stop();
    assert!(
        report.failures.is_empty(),
        "{} of {}: {:?}",
        report.failures.len(),
        report.times.len(),
        &report.failures[0]
    );
    let mut bodies = report.bodies;
    bodies.sort();
    assert_eq!(bodies, ["one", "version 0", "version 1", "version 2", "version 3", "version 4"]);
    assert_eq!(project.get("/one").text(), "version 4");
}

/// The same with a client that nobody here wrote, where it is installed.
#[test]
fn wrk_sees_no_request_fail() {
    if Command::new("wrk").arg("--version").output().is_err() {
        eprintln!("skipped: wrk is not installed");
        return;
    }
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let url = format!("{}/one", project.url());
    let wrk = Command::new("wrk")
        .args(["-t1", "-c16", "-d4s", &url])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    redeploy(&project, 3, || {});
    let output = wrk.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Requests/sec"), "{text}");
    assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "{text}");
}
