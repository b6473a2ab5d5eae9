//! The bridge on the counterpart of AWS, behind an HTTP API.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may panic, and says why it is skipped"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The counterpart, where it is installed.
struct Oracle {
    process: Child,
    url: String,
    python: PathBuf,
}

impl Oracle {
    fn start() -> Option<Self> {
        // Spelled as everybody spells it: the counterpart makes its environment anew for another path.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        let oracles =
            std::env::var_os("SF_ORACLES").map_or_else(|| root.join("../shared/oracles"), PathBuf::from);
        let cache = std::env::var_os("SF_ORACLE_CACHE")
            .map_or_else(|| root.join("target/oracles/aws"), PathBuf::from);
        let (start, python) = (oracles.join("aws/start"), cache.join("bin/python"));
        for needed in [&start, &python] {
            if !needed.is_file() {
                eprintln!(
                    "skipped: the counterpart of AWS is not installed ({} is missing)",
                    needed.display()
                );
                return None;
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut process = Command::new(start)
            .args(["--port", &port, "--iam-lag-ms", "0"])
            .env("SF_ORACLE_CACHE", &cache)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("ready ").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Some(Self { process, url, python })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

#[test]
fn a_web_program_answers_behind_an_http_api() {
    let Some(oracle) = Oracle::start() else { return };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let output = Command::new(&oracle.python)
        .arg(tests.join("deploy.py"))
        .args([&oracle.url, env!("CARGO_BIN_EXE_sf-web-bridge")])
        .arg(tests.join("server.py"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output.status);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers = &said["answers"];
    assert_eq!(answers[0]["status"], 200);
    let body: Vec<u8> = serde_json::from_value(answers[0]["body"].clone()).unwrap();
    let echo: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&echo["method"], &echo["path"]), (&json!("PUT"), &json!("/a%20b?x=%C3%A9")));
    assert_eq!((&echo["body"], &echo["headers"]["cookie"]), (&json!([255, 0]), &json!("a=1")));
    assert_eq!(echo["headers"]["x-sf-param-proxy"], "a%20b");
    let bytes = json!({ "status": 200, "cookies": ["one=1; Path=/", "two=2"], "body": [255, 0] });
    assert_eq!(answers[1], bytes);
    assert!(answers[2]["status"].as_u64().unwrap() >= 500, "{said}");
    // It was started again.
    assert_eq!(answers[3], bytes);
    assert_eq!(said["invoked"], "hi");
}
