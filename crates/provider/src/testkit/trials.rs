//! The trials of a connected driver.

use sf_model::App;
use sf_plan::{Desired, Intent, IntentAction, ObjectKey};

use super::bench::{Bench, Connection, Crashes, Sample, Violation};
use super::rehearsal::{Manner, Rehearsal};
use crate::Scope;

/// A version of the project; the last one is nothing.
struct Version {
    name: String,
    sample: Option<Sample>,
}

impl Version {
    /// Its objects in a stage: a backend may make names of it.
    fn desired(&self, bench: &dyn Bench, scope: &Scope) -> Vec<Desired> {
        let Some(Sample { app, artifacts, .. }) = &self.sample else { return Vec::new() };
        let app = App { stage: scope.stage.clone(), ..app.clone() };
        bench.backend().compile(&app, artifacts).unwrap_or_default()
    }
}

/// Which calls of each deploy the process dies at: every nth, beginning with another one each time, so that together they are all.
struct Strides {
    every: usize,
    taken: usize,
}

impl Strides {
    fn start(&mut self) -> usize {
        let start = self.taken % self.every;
        self.taken += 1;
        start
    }
}

/// Trials under way: gives each a stage of its own.
struct Trials<'a> {
    bench: &'a dyn Bench,
    connection: Connection,
    sample: Sample,
    versions: Vec<Version>,
    count: usize,
}

pub(super) async fn run(bench: &dyn Bench) -> Result<(), Violation> {
    let samples = bench.samples();
    let Some(sample) = samples.first().cloned() else { return Ok(()) };
    let mut versions = Vec::new();
    for sample in samples {
        versions.push(Version { name: sample.name.clone(), sample: Some(sample) });
    }
    versions.push(Version { name: "nothing".into(), sample: None });
    let mut trials = Trials { bench, connection: bench.connect().await, sample, versions, count: 0 };
    trials.deploy_each(Manner::Once).await?;
    trials.deploy_each(Manner::Twice).await?;
    trials.crash_everywhere().await
}

impl Trials<'_> {
    fn rehearsal(&mut self, during: String) -> Rehearsal<'_> {
        self.count += 1;
        let scope = self.sample.scope(&format!("trial{}", self.count));
        Rehearsal::new(&self.connection, self.bench.backend().schemas(), scope, during)
    }

    /// All versions one after the other, the removal at the end.
    async fn deploy_each(&mut self, manner: Manner) -> Result<(), Violation> {
        let versions = std::mem::take(&mut self.versions);
        let bench = self.bench;
        let mut rehearsal = self.rehearsal(String::new());
        for version in &versions {
            let desired = version.desired(bench, &rehearsal.cx.scope);
            rehearsal.during = format!("deploy {}, each call {manner:?}", version.name).to_lowercase();
            rehearsal.deploy(&desired, manner).await?;
            rehearsal.expect_converged(&desired).await?;
            questions(bench, &rehearsal).await?;
            rehearsal.lose_state().await?;
            rehearsal.expect_converged(&desired).await?;
        }
        self.versions = versions;
        Ok(())
    }

    /// Every step from version to version, the process killed at every call of it.
    async fn crash_everywhere(&mut self) -> Result<(), Violation> {
        let every = match self.bench.crashes() {
            Crashes::AtEach => 1,
            Crashes::AtEvery(every) => every.get(),
            Crashes::Never => return Ok(()),
        };
        let versions = std::mem::take(&mut self.versions);
        let mut strides = Strides { every, taken: 0 };
        for at in 0..versions.len() {
            let (before, rest) = versions.split_at(at);
            let Some(version) = rest.first() else { continue };
            for is_lost in [false, true] {
                for manner in [Manner::DieBefore as fn(usize) -> Manner, Manner::DieAfter] {
                    // Until a number of calls is more than the deploy makes.
                    let mut nth = strides.start();
                    while self.crash(before.last(), version, manner(nth), is_lost).await? {
                        nth += strides.every;
                    }
                }
            }
        }
        self.versions = versions;
        Ok(())
    }

    /// `false` if the deploy had fewer calls than it was to die at.
    async fn crash(
        &mut self,
        before: Option<&Version>,
        version: &Version,
        manner: Manner,
        is_state_lost: bool,
    ) -> Result<bool, Violation> {
        let lost = if is_state_lost { "without its state" } else { "with its state" };
        let from = before.map_or("nothing", |before| before.name.as_str());
        let during = format!("deploy {} over {from}, {manner:?}, and again {lost}", version.name);
        let bench = self.bench;
        let mut rehearsal = self.rehearsal(during);
        if let Some(before) = before {
            let before = before.desired(bench, &rehearsal.cx.scope);
            rehearsal.deploy(&before, Manner::Once).await?;
        }
        let desired = version.desired(bench, &rehearsal.cx.scope);
        let died = !rehearsal.deploy(&desired, manner).await?;
        if is_state_lost {
            rehearsal.lose_state().await?;
        }
        rehearsal.deploy(&desired, Manner::Once).await?;
        rehearsal.expect_converged(&desired).await?;
        rehearsal.deploy(&[], Manner::Once).await?;
        rehearsal.expect_converged(&[]).await?;
        Ok(died)
    }
}

/// What is there is found, and nothing else is.
async fn questions(bench: &dyn Bench, rehearsal: &Rehearsal<'_>) -> Result<(), Violation> {
    let driver = &rehearsal.connection.driver;
    for (key, object) in &rehearsal.state.objects {
        let read = driver.read(&rehearsal.cx, key, object).await;
        match read.map_err(|error| rehearsal.broken(format!("read `{key}`: {error}")))? {
            Some(found) => rehearsal.expect_same(key, "read", &found, object)?,
            None => return Err(rehearsal.broken(format!("`{key}` is recorded, and so can be read"))),
        }
        match find(rehearsal, key, key).await? {
            Some(found) => rehearsal.expect_same(key, "find", &found, object)?,
            None => return Err(rehearsal.broken(format!("`{key}` is recorded, and so is found"))),
        }
        if bench.tells_generations(&key.addr.kind) && find(rehearsal, &key.successor(), key).await?.is_some()
        {
            return Err(rehearsal.broken(format!("`{key}` has no successor, and so none is found")));
        }
    }
    let mut elsewhere = rehearsal.cx.clone();
    elsewhere.scope.stage.push_str("-other");
    let found = driver.discover(&elsewhere).await;
    let found = found.map_err(|error| rehearsal.broken(format!("discover another stage: {error}")))?;
    match found.keys().next() {
        Some(key) => Err(rehearsal.broken(format!("`{key}` does not belong to another stage"))),
        None => Ok(()),
    }
}

/// What is found of a call that makes the object `key` of what `of` is made of.
async fn find(
    rehearsal: &Rehearsal<'_>,
    key: &ObjectKey,
    of: &ObjectKey,
) -> Result<Option<sf_plan::Object>, Violation> {
    let objects = &rehearsal.state.objects;
    let Some(recorded) = objects.get(of) else { return Ok(None) };
    let action = IntentAction::Create { inputs: recorded.inputs.clone() };
    let deps = recorded.deps.clone();
    let intent = Intent { key: key.clone(), action, deps, protect: false, takes: [].into() };
    let found = rehearsal.connection.driver.find(&rehearsal.cx, &intent).await;
    found.map_err(|error| rehearsal.broken(format!("find `{key}`: {error}")))
}
