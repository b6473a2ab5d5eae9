//! Schedules fire: cron expressions in their time zones, and rates.
//!
//! Occurrences that passed while the host was down are not made up for; those that passed because the clock was moved fire once.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use sf_host_api::ScheduleSpec;

use crate::apps::Shared;
use crate::worker::Invocation;

/// How often idle workers and closed gateways are looked for, and the longest wait between two looks at the clock.
const TICK: Duration = Duration::from_secs(2);

/// Whether a schedule can be kept.
pub(crate) fn check(spec: &ScheduleSpec) -> Result<(), String> {
    next(spec, DateTime::<Utc>::UNIX_EPOCH).map(drop)
}

/// When it fires next after a moment.
fn next(spec: &ScheduleSpec, after: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let text = spec.expression.trim();
    if let Some(seconds) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix("seconds)")) {
        let seconds: i64 =
            seconds.trim().parse().map_err(|_| format!("`{text}` is not `rate(N seconds)`"))?;
        let period = TimeDelta::try_seconds(seconds).filter(|period| *period > TimeDelta::zero());
        let next = period.and_then(|period| after.checked_add_signed(period));
        return next.ok_or_else(|| format!("`{text}` is out of range"));
    }
    let zone = chrono_tz::Tz::from_str(&spec.timezone)
        .map_err(|_| format!("`{}` is no time zone", spec.timezone))?;
    let cron = Cron::from_str(text).map_err(|error| format!("`{text}` is no cron expression: {error}"))?;
    let found = cron.find_next_occurrence(&after.with_timezone(&zone), false);
    found.map(|time| time.with_timezone(&Utc)).map_err(|error| format!("`{text}` never fires: {error}"))
}

/// An app's schedule.
type Key = (String, String, ScheduleSpec);

/// Fires schedules until aborted.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut due: BTreeMap<Key, DateTime<Utc>> = BTreeMap::new();
    loop {
        let changed = shared.schedules_changed.notified();
        tokio::pin!(changed);
        // From here on no change is missed.
        changed.as_mut().enable();
        let now = shared.clock.now();
        refresh(&shared, &mut due, now);
        for (key, time) in &mut due {
            if *time > now {
                continue;
            }
            fire(&shared, key, *time);
            match next(&key.2, now) {
                Ok(following) => *time = following,
                Err(error) => tracing::warn!(%error, "schedule"),
            }
        }
        shared.stop_idle();
        if let Err(error) = shared.data.expire().await {
            tracing::warn!(%error, "remove what has expired");
        }
        shared.reopen_gateways().await;
        let wait = due.values().min().and_then(|time| (*time - shared.clock.now()).to_std().ok());
        let wait = wait.map_or(TICK, |wait| wait.min(TICK));
        tokio::select! {
            () = &mut changed => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Forgets schedules that no release has any more, and plans new ones from now on.
fn refresh(shared: &Shared, due: &mut BTreeMap<Key, DateTime<Utc>>, now: DateTime<Utc>) {
    let mut kept = BTreeMap::new();
    for app in shared.apps() {
        let Some(release) = app.release() else { continue };
        let record = app.record();
        for spec in &release.schedules {
            let key = (record.project.clone(), record.stage.clone(), spec.clone());
            let time = due.get(&key).copied().or_else(|| next(spec, now).ok());
            kept.extend(time.map(|time| (key, time)));
        }
    }
    *due = kept;
}

fn fire(shared: &Shared, (project, stage, spec): &Key, time: DateTime<Utc>) {
    let Some(release) = shared.app(project, stage).and_then(|app| app.release()) else { return };
    let Some(pool) = release.pools.get(&spec.function).cloned() else { return };
    let id = crate::store::invocation_id();
    let source = format!("/schedules/{}", pool.spec.names.called("function", &spec.function));
    let event = crate::events::event("sf.schedule", &source, &id, time);
    let data =
        serde_json::json!({ "expression": spec.expression, "timezone": spec.timezone }).to_string().into();
    let trace = crate::gateway::new_trace(&id);
    tokio::spawn(async move {
        let sink = pool.sink().clone();
        if let Err(error) = pool.call(Invocation::Event { event, data, id, trace }).await {
            sink.line("system", format!("schedule failed: {error}")).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(expression: &str, timezone: &str, from: &str) -> String {
        let spec =
            ScheduleSpec { expression: expression.into(), timezone: timezone.into(), function: "f".into() };
        next(&spec, from.parse().unwrap()).unwrap().to_rfc3339()
    }

    #[test]
    fn follows_the_time_zone_over_its_changes() {
        assert_eq!(after("0 3 * * *", "Asia/Seoul", "2026-01-01T00:00:00Z"), "2026-01-01T18:00:00+00:00");
        // Summer time begins in Berlin on 2026-03-29: three o'clock comes an hour earlier in UTC.
        assert_eq!(after("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00+00:00");
        assert_eq!(after("0 3 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z"), "2026-03-28T02:00:00+00:00");
        assert_eq!(after("rate(300 seconds)", "UTC", "2026-01-01T00:00:00Z"), "2026-01-01T00:05:00+00:00");
    }

    #[test]
    fn refuses_what_cannot_be_kept() {
        for (expression, timezone) in
            [("61 * * * *", "UTC"), ("0 3 * * *", "Mars/Olympus"), ("rate(0 seconds)", "UTC")]
        {
            let spec = ScheduleSpec {
                expression: expression.into(),
                timezone: timezone.into(),
                function: "f".into(),
            };
            assert!(check(&spec).is_err(), "{expression}");
        }
    }
}
