//! Functions that misbehave: the caller gets an answer, the log says why, and nobody else notices.

use std::time::{Duration, Instant};

use sf_e2e::{Env, Project, eventually, http};

use crate::support::manifest;

/// The misbehaving function `bad` beside a good one.
fn beside<'env>(env: &'env Env, lines: &str, code: &str) -> Project<'env> {
    let lines = format!("http = [\"GET /bad\"]\n{lines}");
    let text = manifest("beside", &[("bad", &lines), ("good", "http = [\"GET /good\"]")]);
    let good = "export function good() {\n  return new Response('good');\n}\n";
    let project = env.project("beside", &[("sf.toml", &text), ("bad.mjs", code), ("good.mjs", good)]);
    let _ = project.deploy();
    project
}

fn log_says(project: &Project<'_>, words: &[&str]) {
    eventually(&format!("the log says {words:?}"), || {
        let logs = project.sf(&["logs", "bad"]).ok().stdout;
        words.iter().all(|word| logs.contains(word)).then_some(())
    });
}

#[test]
fn a_function_that_crashes_at_its_start() {
    let env = Env::new();
    let project = beside(&env, "", "console.error('no way');\nprocess.exit(3);\nexport function bad() {}\n");
    let answer = project.get("/bad");
    assert_eq!(answer.status, 502, "{}", answer.text());
    log_says(&project, &["no way", "3"]);
    assert_eq!(project.get("/good").text(), "good");
    project.write("bad.mjs", "export function bad() {\n  return new Response('well again');\n}\n");
    let _ = project.deploy();
    assert_eq!(project.get("/bad").text(), "well again");
}

#[test]
fn a_function_that_throws() {
    let env = Env::new();
    let project =
        beside(&env, "", "export async function bad() {\n  throw new RangeError('out of words');\n}\n");
    let answer = project.get("/bad");
    assert!(answer.status == 500 || answer.status == 502, "{}", answer.text());
    assert!(
        !answer.text().contains("out of words"),
        "an error's text is not the public's: {}",
        answer.text()
    );
    log_says(&project, &["RangeError", "out of words"]);
}

#[test]
fn a_function_that_loops_is_killed_at_its_timeout() {
    let env = Env::new();
    let code = "export function bad(request) {\n  if (new URL(request.url).search) return new Response('fine');\n  for (;;);\n}\n";
    let project = beside(&env, "timeout = \"1s\"", code);
    let url = project.url();
    let start = Instant::now();
    let answer = http::get(&format!("{url}/bad"));
    assert_eq!(answer.status, 504, "{}", answer.text());
    assert!(start.elapsed() >= Duration::from_millis(900), "killed after {:?}", start.elapsed());
    log_says(&project, &["1s"]);
    assert_eq!(http::get(&format!("{url}/good")).text(), "good");
    assert_eq!(http::get(&format!("{url}/bad?well")).text(), "fine");
}

#[test]
fn a_function_that_prints_without_end_fills_neither_disk_nor_memory() {
    let env = Env::new();
    let code = "const line = 'x'.repeat(1023) + '\\n';\n\
                export async function bad() {\n  for (let i = 0; i < 100 * 1024; i++) {\n    \
                if (!process.stdout.write(line)) await new Promise((go) => process.stdout.once('drain', go));\n  }\n  \
                return new Response('said');\n}\n";
    let project = beside(&env, "timeout = \"1m\"", code);
    let url = project.url();
    assert_eq!(http::get(&format!("{url}/bad")).text(), "said");
    assert_eq!(http::get(&format!("{url}/good")).text(), "good");
    let kept = size(&env.host_dir().join("logs"));
    assert!(kept < 50 << 20, "{kept} bytes of logs");
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", env.host().pid)) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
        assert!(kib < 256 << 10, "the host needed {kib} KiB");
    }
}

fn size(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(
            |entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().unwrap().len() },
        )
        .sum()
}

/// Whatever a function starts ends with it.
#[cfg(target_os = "linux")]
#[test]
fn a_child_that_a_function_leaves_behind_is_killed_with_it() {
    let env = Env::new();
    let code = "import { spawn } from 'node:child_process';\nexport function bad() {\n  \
                const child = spawn('sleep', ['1000'], { stdio: 'ignore' });\n  return new Response(String(child.pid));\n}\n";
    let project = beside(&env, "", code);
    let child = project.get("/bad").text();
    assert!(std::path::Path::new(&format!("/proc/{child}")).exists());
    let _ = project.sf(&["remove", "--yes"]).ok();
    eventually("the child is gone", || {
        (!std::path::Path::new(&format!("/proc/{child}")).exists()).then_some(())
    });
}

#[test]
fn a_function_that_dies_during_a_call() {
    let env = Env::new();
    let code = "export function bad(request) {\n  if (new URL(request.url).search) return new Response('fine');\n  process.exit(9);\n}\n";
    let project = beside(&env, "", code);
    let url = project.url();
    assert_eq!(http::get(&format!("{url}/bad")).status, 502);
    assert_eq!(http::get(&format!("{url}/bad?well")).text(), "fine");
    log_says(&project, &["9"]);
}
