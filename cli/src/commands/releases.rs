//! `sf releases`

use serde::Serialize;
use sf_engine::{About, Release};

use crate::args::Releases;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;
use crate::stores;
use crate::ui::{Counts, columns, time};

/// The JSON of `sf releases`, newest first.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    releases: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    number: u64,
    live: bool,
    time_ms: u64,
    who: &'a str,
    host: &'a str,
    by: &'a str,
    git_sha: Option<&'a str>,
    rollback_to: Option<u64>,
    summary: Counts,
    artifacts: &'a std::collections::BTreeMap<String, sf_plan::Digest>,
}

pub(crate) async fn run(settings: &Settings, args: &Releases) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let releases = sf_engine::releases(stores::open(&project).await?.as_ref()).await?;
    // What is left of a removed project is nothing, and nothing is live.
    let live = releases.last().filter(|newest| !newest.is_empty()).map(|newest| newest.about.number);
    let entries: Vec<_> = releases.iter().rev().map(|release| entry(&release.about, live)).collect();
    if entries.is_empty() {
        settings.ui.result("no releases yet");
    } else {
        let rows = releases.iter().rev().map(|release| row(release, live));
        settings.ui.result(columns(&rows.collect::<Vec<_>>()));
    }
    settings.ui.json_result(&Shown {
        command: "releases",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        releases: entries,
    })?;
    Ok(Exit::Ok)
}

fn entry(about: &About, live: Option<u64>) -> Entry<'_> {
    Entry {
        number: about.number,
        live: live == Some(about.number),
        time_ms: about.time_ms,
        who: &about.by.who,
        host: &about.by.host,
        by: &about.by.command,
        git_sha: about.git_sha.as_deref(),
        rollback_to: about.rollback_to,
        summary: Counts::of(&about.changes),
        artifacts: &about.artifacts,
    }
}

/// `3  2026-01-01T00:00:00Z  ada@lovelace  sf rollback 1  1 updated  c0ffee123456  live`
fn row(release: &Release, live: Option<u64>) -> Vec<String> {
    let About { number, time_ms, by, git_sha, rollback_to, changes, .. } = &release.about;
    let counts = Counts::of(changes);
    let changed = if counts.changes() == 0 { "no change".to_owned() } else { counts.changed() };
    let what = rollback_to.map_or_else(|| by.command.clone(), |to| format!("rollback to {to}"));
    let commit = git_sha.as_deref().unwrap_or_default().chars().take(12).collect();
    let note = if live == Some(*number) { "live" } else { "" };
    let who = format!("{}@{}", by.who, by.host);
    vec![number.to_string(), time(*time_ms), who, what, changed, commit, note.to_owned()]
}
