//! `{ schedule = "0 3 * * *", timezone = "Asia/Seoul" }`

use crate::app::EventKind;
use crate::decode::section;
use crate::manifest::scalar::TimeZone;
use crate::schedule::{Schedule, ScheduleExpr};

section! {
    /// Calls the function by the clock.
    ScheduleEvent {
        /// Five cron fields (`0 3 * * *`: every day at three), or `rate(5 minutes)`.
        schedule: ScheduleExpr = required,
        /// The IANA time zone of the cron fields: `Asia/Seoul`. Default: `UTC`.
        timezone: TimeZone,
    }
}

impl ScheduleEvent {
    pub(crate) fn lower(self) -> Option<EventKind> {
        Some(EventKind::Schedule(Schedule {
            expr: self.schedule?.value,
            timezone: self.timezone.map_or_else(|| "UTC".into(), |zone| zone.value.0),
        }))
    }
}
