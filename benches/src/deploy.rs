//! Deploying: nothing, and one changed function until it answers.

use std::process::Command;
use std::time::{Duration, Instant};

use sf_e2e::{Env, Project, http};

use crate::Result;
use crate::clock::{interleaved, median, time, until};
use crate::report::{Row, Table, show};
use crate::serve::{BARE_NODE, bare_cold};
use crate::tree;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    nothing(table)?;
    one_function(table)
}

fn nothing(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let root = env.dir().join("tree");
    tree::write(&root)?;
    let project = Project::new(&env, root);
    let start = Instant::now();
    let _ = project.deploy();
    let first = start.elapsed();
    let [again] = interleaved(21, [&mut || time(&mut env.command(&project.dir, &["deploy", "--yes"]))])?;
    table.time("`sf deploy`, 100 functions, nothing changed", again, Duration::from_millis(100));
    table.note(format!(
        "The first deploy of the 100 functions, host start and build included, took {}.",
        show(first)
    ));
    Ok(())
}

fn one_function(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let project = env.project(
        "redeploy",
        &[(
            "sf.toml",
            "sf = 1\n\n[project]\nname = \"redeploy\"\n\n[functions.version]\nhandler = \"version.mjs#version\"\nhttp = [\"GET /version\"]\n",
        )],
    );
    let write = |version: usize| {
        project.write(
            "version.mjs",
            &format!("export function version() {{ return Response.json({{ version: {version} }}); }}\n"),
        );
    };
    write(0);
    let _ = project.deploy();
    let url = format!("{}/version", project.url());
    let (mut redeploys, mut bares) = (Vec::new(), Vec::new());
    for version in 1..=11 {
        write(version);
        let expected = format!("{{\"version\":{version}}}");
        let mut command: Command = env.command(&project.dir, &["deploy", "--yes"]);
        let start = Instant::now();
        let mut deploy =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?;
        until("the new version answers", || {
            http::send("GET", &url, &[], b"").ok().filter(|answer| answer.text() == expected)
        })?;
        redeploys.push(start.elapsed());
        if !deploy.wait()?.success() {
            return Err("the redeploy failed".into());
        }
        bares.push(bare_cold("node", BARE_NODE, "server.mjs")?);
    }
    let (redeploy, bare) = (median(redeploys), median(bares));
    let bar = bare + Duration::from_millis(50);
    table.row(Row {
        what: "one changed function, from `sf deploy` to its first answer".into(),
        sf: show(redeploy),
        beside: format!("bare Node.js server, start to first answer: {}", show(bare)),
        ratio: Some(redeploy.as_secs_f64() / bare.as_secs_f64()),
        bar: format!("under the bare start + 50 ms = {}", show(bar)),
        held: Some(redeploy < bar),
    });
    Ok(())
}
