//! A project of 10,000 resources through the whole program: 2,500 functions with three routes each on the embedded host.

use std::fmt::Write as _;
use std::time::Duration;

use sf_e2e::{Env, Project};

use crate::Result;
use crate::process::{Took, watched};
use crate::report::{Row, Table};

const FUNCTIONS: usize = 2_500;
const ROUTES: usize = 3;
/// Plans whose median is shown.
const PLANS: usize = 5;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let project = env.project("large", &[("sf.toml", &manifest()?)]);
    for number in 0..FUNCTIONS {
        project.write(&file(number), &source("first"));
    }
    let first = watched(&mut env.command(&project.dir, &["deploy", "--yes"]))?;
    let resources = resources(&project)?;
    if resources < FUNCTIONS * (1 + ROUTES) {
        return Err(format!("the state has {resources} resources only").into());
    }
    let plan = median(|| watched(&mut env.command(&project.dir, &["plan"])))?;
    project.write(&file(7), &source("changed"));
    let one = watched(&mut env.command(&project.dir, &["deploy", "--yes"]))?;
    for (what, took) in [("first deploy", first), ("plan, nothing changed", plan), ("one changed", one)] {
        table.row(Row {
            what: format!("a project of {resources} resources, {what}"),
            sf: took.to_string(),
            beside: String::new(),
            ratio: None,
            bar: "-".into(),
            held: None,
        });
    }
    table.note(
        "A project of 10,000 resources is measured from the start of `sf` to its end, with the peak of the resident memory: reading \
         the manifest and 2,500 sources, and asking the host, are in it. What the planner and the state take of that is in rows of their own.",
    );
    Ok(())
}

fn manifest() -> Result<String> {
    let mut manifest = "sf = 1\n\n[project]\nname = \"large\"\n".to_owned();
    for number in 0..FUNCTIONS {
        let routes: Vec<_> = (0..ROUTES).map(|route| format!("\"GET /f{number}/{route}\"")).collect();
        let routes = routes.join(", ");
        write!(
            manifest,
            "\n[functions.f{number}]\nhandler = \"{}#hello\"\nhttp = [{routes}]\n",
            file(number)
        )?;
    }
    Ok(manifest)
}

fn file(number: usize) -> String {
    format!("f{number}.mjs")
}

fn source(text: &str) -> String {
    format!("export const hello = () => new Response(\"{text}\");\n")
}

fn resources(project: &Project<'_>) -> Result<usize> {
    let listed = project.sf(&["state", "list", "--json"]).json();
    Ok(listed["objects"].as_array().ok_or("`sf state list` names no objects")?.len())
}

/// The run whose time is the median, with the highest peak of all.
fn median(mut run: impl FnMut() -> Result<Took>) -> Result<Took> {
    let runs = (0..PLANS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    let time = crate::clock::median(runs.iter().map(|run| run.time).collect::<Vec<Duration>>());
    Ok(Took { time, memory: runs.iter().filter_map(|run| run.memory).max() })
}
