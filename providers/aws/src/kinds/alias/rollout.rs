//! A rollout: the alias gives the new version a growing share of the calls, and takes it back at the first error.
//!
//! Nothing of it is recorded: a run that is killed leaves the alias with its shares, the next one sees that and begins anew.

mod watch;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sf_plan::Failure;
use tokio::time::Instant;

use super::Spec;
use crate::api::lambda::alias::{self, Wanted};
use crate::kinds::At;
use crate::kinds::function::with_patience;
use watch::{Watch, Witnessed};

/// Seconds between two looks at what the new version does: at most, and at least.
const LOOKS: (u64, u64) = (1, 10);

/// How calls go from one version to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Rollout {
    /// `canary` or `linear`: the manifest's word.
    kind: String,
    /// Percentages of the calls that go to the new version, ascending; all follows by itself.
    steps: Vec<u8>,
    /// How long each step lasts.
    every_seconds: u64,
}

/// A rollout under way.
struct Underway<'a> {
    at: &'a At<'a>,
    spec: &'a Spec,
    rollout: &'a Rollout,
    /// The version that is called until the end.
    old: &'a str,
    watch: Watch<'a>,
}

/// Why a rollout does not come to its end.
enum Trouble {
    Errors(Witnessed),
    Interrupted,
    /// It cannot be gone on with, or seen how it goes.
    Failed(Failure),
}

impl Rollout {
    /// As an alias's description.
    pub(super) fn description(rollout: Option<&Self>) -> String {
        rollout.and_then(|rollout| serde_json::to_string(rollout).ok()).unwrap_or_default()
    }

    /// Of an alias's description.
    pub(super) fn described(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }

    /// Goes through the steps, so that all calls can go to the new version. Where that fails, they all go to the old one again.
    pub(super) async fn run(&self, at: &At<'_>, spec: &Spec) -> Result<(), Failure> {
        let alias = alias::get_alias(at.api, &spec.function_name, &spec.name).await;
        let alias = alias.map_err(|error| at.failed("read", &error))?;
        // The rest of the update says what is wrong if there is none.
        let Some(old) = alias.map(|alias| alias.function_version) else { return Ok(()) };
        if old == spec.function_version {
            return Ok(());
        }
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let watch = Watch {
            api: at.api,
            function: &spec.function_name,
            alias: &spec.name,
            version: &spec.function_version,
            begun,
        };
        let underway = Underway { at, spec, rollout: self, old: &old, watch };
        for step in self.steps.iter().copied().filter(|step| (1..100).contains(step)) {
            if let Err(trouble) = underway.step(step).await {
                return Err(underway.back(step, trouble).await);
            }
        }
        Ok(())
    }
}

impl Underway<'_> {
    async fn step(&self, percent: u8) -> Result<(), Trouble> {
        let every = Duration::from_secs(self.rollout.every_seconds);
        let failed = |error| Trouble::Failed(self.at.failed("roll out", &error));
        self.share(Some(percent)).await.map_err(Trouble::Failed)?;
        let new = &self.spec.function_version;
        self.at.cx.progress.say(format!("{percent} % of calls go to version {new}, for {}", written(every)));
        let end = Instant::now() + every;
        let pause = Duration::from_secs((self.rollout.every_seconds / 3).clamp(LOOKS.0, LOOKS.1));
        loop {
            tokio::select! {
                () = self.at.cx.stopped() => return Err(Trouble::Interrupted),
                () = tokio::time::sleep_until(end.min(Instant::now() + pause)) => {}
            }
            let witnessed = self.watch.look().await.map_err(failed)?;
            if witnessed.errors > 0 {
                return Err(Trouble::Errors(witnessed));
            }
            if Instant::now() >= end {
                return Ok(());
            }
        }
    }

    /// Gives the new version that share of the calls; `None`: nothing.
    async fn share(&self, percent: Option<u8>) -> Result<(), Failure> {
        let share = percent.map(|percent| (self.spec.function_version.as_str(), f64::from(percent) / 100.0));
        let wanted = Wanted { other: share, ..self.spec.wanted(self.old, None) };
        let updated = with_patience(|| alias::update_alias(self.at.api, &wanted)).await;
        updated.map(drop).map_err(|error| self.at.failed("roll out", &error))
    }

    /// Gives all calls to the old version again; what to tell.
    async fn back(&self, percent: u8, trouble: Trouble) -> Failure {
        let (old, new) = (self.old, &self.spec.function_version);
        let back = match self.share(None).await {
            Ok(()) => format!("all calls go to version {old} again"),
            Err(failure) => {
                format!("and {percent} % of calls still go to version {new}: {}", failure.message)
            }
        };
        let (code, cause, hint) = match trouble {
            Trouble::Errors(witnessed) => (
                "rollout-failed",
                format!("version {new} had {witnessed} while {percent} % of calls went to it"),
                "look at the function's logs, correct it and deploy again",
            ),
            Trouble::Interrupted => (
                "interrupted",
                format!("interrupted while {percent} % of calls went to version {new}"),
                "run the command again: the rollout begins anew",
            ),
            Trouble::Failed(failure) => {
                return Failure { message: format!("{}; {back}", failure.message), ..failure };
            }
        };
        self.at.failure(code, "roll out", &format!("{cause}; {back}"), hint)
    }
}

/// `5m`
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let written: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if written.is_empty() { "0s".to_owned() } else { written }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_survives_being_a_description() {
        let rollout = Rollout { kind: "canary".into(), steps: vec![10, 50], every_seconds: 300 };
        let description = Rollout::description(Some(&rollout));
        assert_eq!(Rollout::described(&description), Some(rollout));
        assert_eq!(Rollout::description(None), "");
        assert_eq!(Rollout::described(""), None);
        assert_eq!(Rollout::described("somebody's words"), None);
    }

    #[test]
    fn durations_are_written_as_in_the_manifest() {
        let written = [300, 90, 3600, 5].map(|seconds| written(Duration::from_secs(seconds)));
        assert_eq!(written, ["5m", "1m30s", "1h", "5s"]);
    }
}
