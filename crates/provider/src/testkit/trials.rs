//! The trials of a connected driver.

use sf_plan::{Desired, Intent, IntentAction, ObjectKey};

use super::bench::{Bench, Connection, Sample, Violation};
use super::rehearsal::{Manner, Rehearsal};

/// A version of the project, ready to be deployed; the last one is nothing.
struct Version {
    name: String,
    desired: Vec<Desired>,
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
    for Sample { name, app, artifacts } in samples {
        let desired = bench.backend().compile(&app, &artifacts).unwrap_or_default();
        versions.push(Version { name, desired });
    }
    versions.push(Version { name: "nothing".into(), desired: Vec::new() });
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
        let mut rehearsal = self.rehearsal(String::new());
        for Version { name, desired } in &versions {
            rehearsal.during = format!("deploy {name}, each call {manner:?}").to_lowercase();
            rehearsal.deploy(desired, manner).await?;
            rehearsal.expect_converged(desired).await?;
            questions(&rehearsal).await?;
            rehearsal.lose_state().await?;
            rehearsal.expect_converged(desired).await?;
        }
        self.versions = versions;
        Ok(())
    }

    /// Every step from version to version, the process killed at every call of it.
    async fn crash_everywhere(&mut self) -> Result<(), Violation> {
        let versions = std::mem::take(&mut self.versions);
        for at in 0..versions.len() {
            let (before, rest) = versions.split_at(at);
            let Some(version) = rest.first() else { continue };
            for is_lost in [false, true] {
                for manner in [Manner::DieBefore as fn(usize) -> Manner, Manner::DieAfter] {
                    // Until a number of calls is more than the deploy makes.
                    let mut nth = 0;
                    while self.crash(before.last(), version, manner(nth), is_lost).await? {
                        nth += 1;
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
        let mut rehearsal = self.rehearsal(during);
        if let Some(before) = before {
            rehearsal.deploy(&before.desired, Manner::Once).await?;
        }
        let died = !rehearsal.deploy(&version.desired, manner).await?;
        if is_state_lost {
            rehearsal.lose_state().await?;
        }
        rehearsal.deploy(&version.desired, Manner::Once).await?;
        rehearsal.expect_converged(&version.desired).await?;
        rehearsal.deploy(&[], Manner::Once).await?;
        rehearsal.expect_converged(&[]).await?;
        Ok(died)
    }
}

/// What is there is found, and nothing else is.
async fn questions(rehearsal: &Rehearsal<'_>) -> Result<(), Violation> {
    let driver = &rehearsal.connection.driver;
    for (key, object) in &rehearsal.state.objects {
        let read = driver.read(&rehearsal.cx, key, object).await;
        match read.map_err(|error| rehearsal.broken(format!("read `{key}`: {error}")))? {
            Some(found) => rehearsal.expect_same(key, "read", &found, object)?,
            None => return Err(rehearsal.broken(format!("`{key}` is recorded, and so can be read"))),
        }
        match find(rehearsal, key).await? {
            Some(found) => rehearsal.expect_same(key, "find", &found, object)?,
            None => return Err(rehearsal.broken(format!("`{key}` is recorded, and so is found"))),
        }
        if find(rehearsal, &key.successor()).await?.is_some() {
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

async fn find(rehearsal: &Rehearsal<'_>, key: &ObjectKey) -> Result<Option<sf_plan::Object>, Violation> {
    let inputs = rehearsal.state.objects.get(key).map(|object| object.inputs.clone());
    let action = IntentAction::Create { inputs: inputs.unwrap_or(sf_plan::Value::Map([].into())) };
    let intent = Intent { key: key.clone(), action, deps: [].into(), protect: false };
    let found = rehearsal.connection.driver.find(&rehearsal.cx, &intent).await;
    found.map_err(|error| rehearsal.broken(format!("find `{key}`: {error}")))
}
