//! `cargo xtask demo`: from a fresh clone to an answered request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;

use crate::process::{build, output, root, run};

const EXAMPLE: &str = "examples/hello-node";
const PATH: &str = "/hello/world";

/// Builds `sf`, deploys the example to the embedded host, calls it. `--stop` undoes it.
pub(crate) fn demo(args: &[String]) -> Result<(), String> {
    let sf = build("sf", "dev")?;
    match args {
        [] => start(&sf),
        [flag] if flag == "--stop" => {
            run(&mut command(&sf, &["remove", "-C", EXAMPLE, "--yes"]))?;
            run(&mut command(&sf, &["host", "stop"]))
        }
        _ => Err("it takes `--stop` or nothing".into()),
    }
}

fn start(sf: &Path) -> Result<(), String> {
    run(&mut command(sf, &["deploy", "-C", EXAMPLE]))?;
    let info = output(&mut command(sf, &["info", "-C", EXAMPLE, "--json"]))?;
    let info: Json =
        serde_json::from_str(&info).map_err(|cause| format!("read the output of `sf info`: {cause}"))?;
    let url = info["endpoints"]
        .as_array()
        .and_then(|all| all.iter().find(|endpoint| endpoint["kind"] == "api"))
        .and_then(|endpoint| endpoint["url"].as_str())
        .ok_or("`sf info` names no HTTP API")?;
    let answer = get(url).map_err(|cause| format!("call {url}{PATH}: {cause}"))?;
    let sf = sf.display();
    println!("\nGET {url}{PATH}\n{answer}\n");
    println!(
        "It goes on running. Try:\n  curl {url}{PATH}\n  {sf} logs -C {EXAMPLE}\n  edit {EXAMPLE}/src, then {sf} deploy -C {EXAMPLE}"
    );
    println!("Stop it and remove everything: cargo xtask demo --stop");
    Ok(())
}

fn command(sf: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(sf);
    command.args(args).current_dir(root());
    if std::env::var_os("SF_HOST_PORT").is_none() {
        // Any free port: the demo must not fail because something else uses the default one.
        command.env("SF_HOST_PORT", "0");
    }
    command
}

/// One HTTP request; the answer must be a 200.
fn get(url: &str) -> std::io::Result<String> {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET {PATH} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(answer.trim_end().to_owned())
    } else {
        Err(std::io::Error::other(answer))
    }
}
