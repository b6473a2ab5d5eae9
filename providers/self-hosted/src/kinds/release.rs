//! `release`: [`sf_host_api::ReleaseSpec`]. Output: `revision`. Putting it makes the named revisions answer, all at once, or in the steps that the
//! functions ask for: those the host goes through by itself, while this watches and tells (`docs/host.md`, "Rollouts").

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sf_host_api::{AppClient, Resource, ResourcePut, RollingFunction, RolloutState, RolloutStatus};
use sf_plan::{Addr, Failure, Json};
use sf_provider::Cx;

use super::RemoteKind;
use crate::failure;
use crate::names;

/// Between two looks at a rollout: the host is near, and its answer is small.
const LOOKS: Duration = Duration::from_millis(250);

pub(crate) struct Release;

#[async_trait]
impl RemoteKind for Release {
    fn stable(&self, _output: &str) -> bool {
        false
    }

    async fn put(
        &self,
        cx: &Cx,
        app: &AppClient,
        addr: &Addr,
        put: &ResourcePut,
    ) -> Result<Resource, Failure> {
        let asks_for_steps = |rollouts: &Json| rollouts.as_object().is_some_and(|steps| !steps.is_empty());
        if !put.spec.get("rollouts").is_some_and(asks_for_steps) {
            return super::put(app, addr, put).await;
        }
        let begun = app.roll_out(put).await.map_err(|error| failure::from_client(&error))?;
        let revision = begun.revision.clone();
        watch(cx, app, begun).await?;
        let stored = app.resource(&addr.kind.0, &addr.name).await;
        let stored = stored.map_err(|error| failure::from_client(&error))?;
        stored.filter(|stored| stored.revision == revision).ok_or_else(replaced)
    }
}

/// Waits for a rollout's end, and tells of its steps.
async fn watch(cx: &Cx, app: &AppClient, mut status: RolloutStatus) -> Result<(), Failure> {
    let revision = status.revision.clone();
    let mut told = BTreeMap::new();
    loop {
        match status.state {
            _ if status.revision != revision => return Err(replaced()),
            RolloutState::Done => return Ok(()),
            RolloutState::Back => return Err(taken_back(&status)),
            RolloutState::UnderWay => tell(cx, &status.functions, &mut told),
        }
        let next = tokio::select! {
            () = cx.stopped() => app.take_back().await,
            () = tokio::time::sleep(LOOKS) => app.rollout().await,
        };
        status = next.map_err(|error| failure::from_client(&error))?.ok_or_else(replaced)?;
    }
}

/// Says which shares have changed.
fn tell(cx: &Cx, functions: &[RollingFunction], told: &mut BTreeMap<String, u8>) {
    for RollingFunction { name, percent, every_ms, .. } in functions {
        if told.insert(name.clone(), *percent) != Some(*percent) {
            let every = written(Duration::from_millis(*every_ms));
            cx.progress.say(format!("{percent} % of calls go to the new version of `{name}`, for {every}"));
        }
    }
}

/// In the host's words.
fn taken_back(status: &RolloutStatus) -> Failure {
    let cause = status.cause.clone();
    Failure {
        message: match &cause {
            Some(cause) => format!("roll out {}: {}", names::release(), cause.message),
            None => format!("roll out {}: it was taken back", names::release()),
        },
        code: Some(cause.as_ref().map_or("rollout-failed", |cause| cause.code.as_str()).to_owned()),
        request_id: None,
        hint: cause.and_then(|cause| cause.hint),
        transient: false,
    }
}

fn replaced() -> Failure {
    failure::new(
        "rollout-replaced",
        format!("roll out {}: another release took its place meanwhile", names::release()),
        "did somebody else deploy? `sf info` shows what answers; run the command again",
    )
}

/// `5m`
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let written: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if written.is_empty() { format!("{}ms", duration.as_millis()) } else { written }
}

#[cfg(test)]
mod tests {
    use sf_host_api::ApiError;

    use super::*;

    #[test]
    fn why_it_was_taken_back_is_told_in_the_hosts_words() {
        let status = RolloutStatus {
            revision: "r2".into(),
            state: RolloutState::Back,
            functions: Vec::new(),
            cause: Some(ApiError {
                code: "rollout-failed".into(),
                message: "the new version of function `f` had 1 error in 2 calls".into(),
                hint: Some("correct it".into()),
                names: Default::default(),
            }),
        };
        let failure = taken_back(&status);
        let expected = "roll out release/current: the new version of function `f` had 1 error in 2 calls";
        assert_eq!((failure.message.as_str(), failure.code.as_deref()), (expected, Some("rollout-failed")));
        assert!(failure.hint.as_deref() == Some("correct it") && !failure.transient);
    }

    #[test]
    fn durations_are_written_as_in_the_manifest() {
        let written = [300_000, 90_000, 3_600_000, 5].map(|ms| written(Duration::from_millis(ms)));
        assert_eq!(written, ["5m", "1m30s", "1h", "5ms"]);
    }
}
