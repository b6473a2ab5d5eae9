//! Deploying to AWS: beside osls (Serverless Framework, which lets CloudFormation do it), against the same counterpart; and how near a
//! deploy comes to the time that its plan needs at least.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use sf_e2e::{Aws, Env, Project};

use crate::Result;
use crate::build::install_osls;
use crate::makespan;
use crate::process::{Took, watched};
use crate::report::{Row, Table};

/// How many functions both sides deploy.
const FUNCTIONS: usize = 50;
/// How many `sf` alone deploys.
const MANY: usize = 200;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    if Aws::find().is_none() {
        table.note("Deploys to AWS were not measured: `../shared/oracles/aws` is not there.");
        return Ok(());
    }
    beside_osls(table)?;
    many(table)?;
    makespan::measure(table)
}

/// The same functions, described for both; a second deploy, and one changed function.
fn beside_osls(table: &mut Table) -> Result<()> {
    let ours = deploys(FUNCTIONS, |env, _, root| Ok(env.command(root, &["deploy", "--yes"])))?;
    let rival = deploys(FUNCTIONS, |env, aws, root| {
        let mut command = Command::new(install_osls(env)?);
        command.arg("deploy").current_dir(root).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", env.dir());
        Ok({
            command.envs(aws.variables()).env("SLS_TELEMETRY_DISABLED", "1");
            command
        })
    });
    let rival = rival.inspect_err(|cause| table.note(format!("osls was not measured on AWS: {cause}"))).ok();
    for (index, what) in ["first deploy", "nothing changed", "one changed"].into_iter().enumerate() {
        let beside = rival.as_ref().map(|rival| rival[index]);
        table.row(Row {
            what: format!("AWS: {FUNCTIONS} functions with a route each, {what}"),
            sf: ours[index].to_string(),
            beside: beside.map_or_else(String::new, |run| format!("`osls deploy`: {run}")),
            ratio: beside.map(|run| ours[index].time.as_secs_f64() / run.time.as_secs_f64()),
            bar: "-".into(),
            held: None,
        });
    }
    table.note(
        "Deploys to AWS are single runs, from a built tree to the end of the command, with the peak of the resident memory, against \
         `shared/oracles/aws` with its usual rates and waits. It lets CloudFormation make everything at once and without AWS's rates, which \
         is kind to osls; `sf` keeps to the rates. osls looks for news of CloudFormation every five seconds.",
    );
    Ok(())
}

fn many(table: &mut Table) -> Result<()> {
    let ours = deploys(MANY, |env, _, root| Ok(env.command(root, &["deploy", "--yes"])))?;
    for (run, what) in ours.iter().zip(["first deploy", "nothing changed", "one changed"]) {
        table.row(Row {
            what: format!("AWS: {MANY} functions with a route each, {what}"),
            sf: run.to_string(),
            beside: String::new(),
            ratio: None,
            bar: "-".into(),
            held: None,
        });
    }
    table.note(format!(
        "{MANY} functions with a route each are more than the 500 resources that a CloudFormation stack may have, so osls has no part in it."
    ));
    Ok(())
}

/// Deploys so many functions to a counterpart of its own: for the first time, again, and with one changed.
fn deploys(functions: usize, command: impl Fn(&Env, &Aws, &Path) -> Result<Command>) -> Result<[Took; 3]> {
    let aws = Aws::start("benchmark", &[]).ok_or("no counterpart of AWS")?;
    let env = aws.env();
    let root = env.dir().join("tree");
    write(&root, functions)?;
    let first = watched(&mut command(&env, &aws, &root)?)?;
    let made = aws.state().of_kind("functions").len();
    if made != functions {
        return Err(format!("{made} of {functions} functions were made").into());
    }
    let again = watched(&mut command(&env, &aws, &root)?)?;
    fs::write(root.join("f0/index.mjs"), source("changed"))?;
    let changed = watched(&mut command(&env, &aws, &root)?)?;
    Ok([first, again, changed])
}

/// The tree, described for `sf` and for osls.
pub(crate) fn write(root: &Path, functions: usize) -> Result<()> {
    let mut manifest = "sf = 1\n\n[project]\nname = \"bench\"\nprovider = \"aws\"\n".to_owned();
    let mut serverless =
        "service: bench\nprovider:\n  name: aws\n  runtime: nodejs20.x\n  region: us-east-1\npackage:\n  \
                          individually: true\n  patterns:\n    - '!**'\nfunctions:\n"
            .to_owned();
    for name in (0..functions).map(|number| format!("f{number}")) {
        fs::create_dir_all(root.join(&name))?;
        fs::write(root.join(&name).join("index.mjs"), source(&name))?;
        write!(
            manifest,
            "\n[functions.{name}]\nhandler = \"{name}/index.mjs#hello\"\nruntime = \"node\"\nhttp = [\"GET /{name}\"]\n"
        )?;
        write!(
            serverless,
            "  {name}:\n    handler: {name}/index.handler\n    events:\n      - httpApi: 'GET /{name}'\n    package:\n      \
             patterns:\n        - '{name}/**'\n"
        )?;
    }
    fs::write(root.join("sf.toml"), manifest)?;
    fs::write(root.join("serverless.yml"), serverless)?;
    Ok(())
}

/// A handler in both ways.
fn source(text: &str) -> String {
    format!(
        "export const hello = () => new Response(\"{text}\");\nexport const handler = async () => ({{ statusCode: 200, body: \"{text}\" }});\n"
    )
}

/// The tree as a project.
pub(crate) fn project<'env>(env: &'env Env, functions: usize) -> Result<Project<'env>> {
    let root = env.dir().join(format!("tree-{functions}"));
    write(&root, functions)?;
    Ok(Project::new(env, root))
}
