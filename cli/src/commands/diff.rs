//! `sf diff`: what differs between two releases.

use std::collections::BTreeSet;

use serde::Serialize;
use sf_engine::Release;
use sf_plan::{Change, Digest};

use crate::args::Diff;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::releases;
use crate::settings::Settings;
use crate::stores;
use crate::ui::{Counts, changes_text, columns};

/// The JSON of `sf diff`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    from: u64,
    to: u64,
    changes: &'a [Change],
    summary: Counts,
    artifacts: &'a [Code<'a>],
}

/// A function whose code is not the same in both.
#[derive(Serialize)]
struct Code<'a> {
    function: &'a str,
    from: Option<&'a Digest>,
    to: Option<&'a Digest>,
}

pub(crate) async fn run(settings: &Settings, args: &Diff) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    let from = releases::numbered(&project, store.as_ref(), args.from, "compare").await?;
    let to = match args.to {
        Some(number) => number,
        None => store.releases().await?.last().copied().unwrap_or(args.from),
    };
    let to = releases::numbered(&project, store.as_ref(), to, "compare").await?;
    let changes = sf_plan::compare(&from.desired, &to.desired, project.backend.schemas());
    let artifacts = code(&from, &to);
    let is_same = changes.is_empty() && artifacts.is_empty();
    show(settings, (&from, &to), &changes, &artifacts);
    settings.ui.json_result(&Shown {
        command: "diff",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        from: from.about.number,
        to: to.about.number,
        changes: &changes,
        summary: Counts::of(&changes),
        artifacts: &artifacts,
    })?;
    Ok(if args.exit_code && !is_same { Exit::Drift } else { Exit::Ok })
}

fn show(settings: &Settings, (from, to): (&Release, &Release), changes: &[Change], artifacts: &[Code<'_>]) {
    let ui = &settings.ui;
    let (from, to) = (from.about.number, to.about.number);
    if changes.is_empty() && artifacts.is_empty() {
        ui.result(format_args!("release {from} and release {to} are the same"));
        return;
    }
    if !changes.is_empty() {
        ui.result(changes_text(changes.iter(), ui.verbose()));
    }
    if !artifacts.is_empty() {
        let rows: Vec<_> = artifacts.iter().map(row).collect();
        ui.result(format_args!("code:\n{}", columns(&rows)));
    }
    ui.result(format_args!("from release {from} to release {to}: {}", Counts::of(changes).changed()));
}

fn code<'a>(from: &'a Release, to: &'a Release) -> Vec<Code<'a>> {
    let (from, to) = (&from.about.artifacts, &to.about.artifacts);
    let functions: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let code = |function: &'a String| Code { function, from: from.get(function), to: to.get(function) };
    functions.into_iter().map(code).filter(|code| code.from != code.to).collect()
}

/// `hello  3f2a… -> 9b01…`
fn row(code: &Code<'_>) -> Vec<String> {
    let short = |digest: Option<&Digest>| {
        digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string().chars().take(12).collect())
    };
    let change = format!("{} -> {}", short(code.from), short(code.to));
    vec![String::new(), code.function.to_owned(), change]
}
