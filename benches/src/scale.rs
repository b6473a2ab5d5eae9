//! One host with a thousand functions.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use sf_e2e::{Env, http};

use crate::Result;
use crate::clock::time;
use crate::report::{Row, Table, show};

const FUNCTIONS: usize = 1000;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let project = env.project("scale", &[("sf.toml", "")]);
    let mut manifest = "sf = 1\n\n[project]\nname = \"scale\"\n".to_owned();
    for number in 0..FUNCTIONS {
        write!(
            manifest,
            "\n[functions.f{number}]\nhandler = \"f{number}.mjs#hello\"\nhttp = [\"GET /f{number}\"]\n"
        )?;
        project.write(
            &format!("f{number}.mjs"),
            &format!("export const hello = () => new Response(\"{number}\");\n"),
        );
    }
    project.write("sf.toml", &manifest);
    let start = Instant::now();
    let _ = project.deploy();
    let first = start.elapsed();
    let idle = resident_mib(env.host().pid);
    let nothing = time(&mut env.command(&project.dir, &["deploy", "--yes"]))?;
    let url = project.url();
    for number in [0, FUNCTIONS / 2, FUNCTIONS - 1] {
        let answer = http::send("GET", &format!("{url}/f{number}"), &[], b"")?;
        if answer.text() != number.to_string() {
            return Err(format!("function {number} answered {}", answer.text()).into());
        }
    }
    project.write("f7.mjs", "export const hello = () => new Response(\"changed\");\n");
    let one = time(&mut env.command(&project.dir, &["deploy", "--yes"]))?;
    let row = |what: &str, took: Duration, beside: String| Row {
        what: format!("{FUNCTIONS} functions on one host, {what}"),
        sf: show(took),
        beside,
        ratio: None,
        bar: "-".into(),
        held: None,
    };
    let host = idle.map_or_else(String::new, |mib| format!("the host then uses {mib} MiB"));
    table.row(row("first deploy", first, host));
    table.row(row("nothing changed", nothing, String::new()));
    table.row(row("one changed", one, String::new()));
    Ok(())
}

/// Resident memory of a process in MiB, where `/proc` tells.
pub(crate) fn resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}
