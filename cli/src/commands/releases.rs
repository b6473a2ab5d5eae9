//! `sf releases`, and what is recorded of the runs behind them

use serde::Serialize;
use serde_json::Value as Json;
use sf_engine::{About, Record, Release, RunId, RunOutcome, Store, What, read_events};

use crate::args::{Releases, ReleasesShow, ReleasesWhat};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::releases::numbered;
use crate::settings::Settings;
use crate::stores;
use crate::ui::{Counts, columns, replay, time};

/// The JSON of `sf releases`, newest first.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    releases: Vec<Entry<'a>>,
    /// Newest first; with `--all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Vec<RunEntry>>,
}

/// A recorded run.
#[derive(Serialize)]
struct RunEntry {
    run: RunId,
    time_ms: u64,
    who: String,
    host: String,
    by: String,
    /// Null if nobody wrote the end of its log: it was killed, or goes on.
    outcome: Option<RunOutcome>,
    error: Option<String>,
    release: Option<u64>,
    done: usize,
    failed: usize,
    skipped: usize,
}

/// The JSON of `sf releases show`.
#[derive(Serialize)]
struct Replayed<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    run: RunId,
    release: Option<u64>,
    /// The lines of its log as they are.
    events: Vec<Json>,
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
    if let Some(ReleasesWhat::Show(show)) = &args.what {
        return self::show(settings, show).await;
    }
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    let releases = sf_engine::releases(store.as_ref()).await?;
    let runs = if args.all { Some(runs(store.as_ref()).await?) } else { None };
    // What is left of a removed project is nothing, and nothing is live.
    let live = releases.last().filter(|newest| !newest.is_empty()).map(|newest| newest.about.number);
    let entries: Vec<_> = releases.iter().rev().map(|release| entry(&release.about, live)).collect();
    if let Some(runs) = &runs {
        let none = "no runs yet".to_owned();
        let rows: Vec<_> = runs.iter().map(run_row).collect();
        settings.ui.result(if rows.is_empty() { none } else { columns(&rows) });
    } else if entries.is_empty() {
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
        runs,
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

/// Every run whose log is kept, newest first.
async fn runs(store: &dyn Store) -> Result<Vec<RunEntry>, Error> {
    let mut entries = Vec::new();
    for run in store.runs().await?.into_iter().rev() {
        if let Some(log) = store.run(&run).await? {
            entries.push(run_entry(run, &read_events(&log)));
        }
    }
    Ok(entries)
}

fn run_entry(run: RunId, events: &[Record]) -> RunEntry {
    let started = events.iter().find_map(|record| match &record.what {
        What::RunStarted(started) => Some(started.clone()),
        _ => None,
    });
    let ended = events.iter().rev().find_map(|record| match &record.what {
        What::RunEnded(ended) => Some(ended.clone()),
        _ => None,
    });
    let (who, host, by) =
        started.map(|started| (started.who, started.host, started.command)).unwrap_or_default();
    let time_ms = run.time_ms();
    let entry = RunEntry {
        run,
        time_ms,
        who,
        host,
        by,
        outcome: None,
        error: None,
        release: None,
        done: 0,
        failed: 0,
        skipped: 0,
    };
    match ended {
        None => entry,
        Some(ended) => RunEntry {
            outcome: Some(ended.outcome),
            error: ended.error,
            release: ended.release,
            done: ended.done,
            failed: ended.failed,
            skipped: ended.skipped,
            ..entry
        },
    }
}

/// `1a2b3c4d  2026-01-01T00:00:00Z  ada@lovelace  sf deploy  failed  3 done, 1 failed`
fn run_row(run: &RunEntry) -> Vec<String> {
    let id = run.run.to_string();
    let short = id.split_once('-').map_or(id.clone(), |(_, end)| end.to_owned());
    let outcome = match run.outcome {
        Some(RunOutcome::Done) => "done",
        Some(RunOutcome::Failed) => "failed",
        Some(RunOutcome::Refused) => "refused",
        Some(RunOutcome::Interrupted) => "interrupted",
        Some(RunOutcome::TimedOut) => "timed out",
        None => "no end: killed, or goes on",
    };
    let counts = [(run.done, "done"), (run.failed, "failed"), (run.skipped, "skipped")];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let release = run.release.map_or_else(String::new, |number| format!("release {number}"));
    let who = format!("{}@{}", run.who, run.host);
    let counts = counts.collect::<Vec<_>>().join(", ");
    vec![short, time(run.time_ms), who, run.by.clone(), outcome.to_owned(), counts, release]
}

async fn show(settings: &Settings, args: &ReleasesShow) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let store = stores::open(&project).await?;
    let (run, release) = find(&project, store.as_ref(), &args.which).await?;
    let Some(log) = store.run(&run).await? else {
        let message = format!("show run {run}: its event log is not kept any more");
        return Err(Error::new(Exit::Failed, "no-event-log", message));
    };
    settings.ui.result(replay(&read_events(&log), settings.ui.verbose()));
    let lines = log.split(|byte| *byte == b'\n');
    settings.ui.json_result(&Replayed {
        command: "releases show",
        project: &project.app.project,
        stage: &project.app.stage,
        provider: &project.app.provider,
        run,
        release,
        events: lines.filter_map(|line| serde_json::from_slice(line).ok()).collect(),
    })?;
    Ok(Exit::Ok)
}

/// The run that is meant, and the release that it made.
async fn find(project: &Project, store: &dyn Store, which: &str) -> Result<(RunId, Option<u64>), Error> {
    let runs = store.runs().await?;
    if let Some(run) = runs.into_iter().find(|run| run.is_meant_by(which)) {
        let log = store.run(&run).await?.unwrap_or_default();
        let release = run_entry(run.clone(), &read_events(&log)).release;
        return Ok((run, release));
    }
    let Ok(number) = which.parse() else {
        let message = format!("show run `{which}`: there is none");
        return Err(Error::usage("unknown-run", message).hint("`sf releases --all` lists the runs"));
    };
    let release = numbered(project, store, number, "show").await?;
    let run = release.about.run.ok_or_else(|| {
        let message = format!("show release {number}: there is no event log of its run");
        Error::new(Exit::Failed, "no-event-log", message).hint("an earlier sf made it, which wrote none")
    })?;
    Ok((run, Some(number)))
}
