//! When a schedule fires.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::diagnostic::Invalid;
use crate::names;

/// `{ schedule = "0 3 * * *", timezone = "Asia/Seoul" }`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Schedule {
    /// When.
    pub expr: ScheduleExpr,
    /// An IANA name; `UTC` if not said.
    pub timezone: String,
}

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScheduleExpr {
    /// Five fields, white space normalised.
    Cron(String),
    /// `rate(5 minutes)`
    Rate(Duration),
}

/// `0 3 * * *` or `rate(5 minutes)`
impl fmt::Display for ScheduleExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(fields) => f.write_str(fields),
            Self::Rate(every) => {
                let seconds = every.as_secs();
                let (count, unit) =
                    match RATE_UNITS.iter().rev().find(|(_, unit)| seconds.is_multiple_of(*unit)) {
                        Some((name, unit)) => (seconds / unit, name),
                        None => (seconds, &"second"),
                    };
                write!(f, "rate({count} {unit}{})", if count == 1 { "" } else { "s" })
            }
        }
    }
}

/// The smallest step of any provider's clock is a minute.
const RATE_UNITS: [(&str, u64); 3] = [("minute", 60), ("hour", 3_600), ("day", 86_400)];

impl FromStr for ScheduleExpr {
    type Err = Invalid;

    /// Five cron fields, or `rate(N minutes|hours|days)` with N from 1.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let expression = match text.trim().strip_prefix("rate(") {
            Some(rest) => Self::Rate(rate(rest).ok_or_else(|| {
                Invalid::new(
                    "bad-rate",
                    format!("`{text}` is not a rate"),
                    "write `rate(1 minute)`, `rate(5 minutes)`, `rate(2 hours)` or `rate(1 day)`",
                )
            })?),
            None => Self::Cron(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        };
        expression.validate()?;
        Ok(expression)
    }
}

/// What follows `rate(`.
fn rate(rest: &str) -> Option<Duration> {
    let mut words = rest.strip_suffix(')')?.split_whitespace();
    let (count, unit) = (words.next()?.parse::<u64>().ok()?, words.next()?);
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let (_, seconds) = RATE_UNITS.iter().find(|(name, _)| *name == unit)?;
    let every = Duration::from_secs(count.checked_mul(*seconds)?);
    (words.next().is_none() && !every.is_zero() && every <= LONGEST_RATE).then_some(every)
}

/// A year: no clock of any provider counts further.
const LONGEST_RATE: Duration = Duration::from_secs(366 * 86_400);

impl ScheduleExpr {
    /// Whether it can ever fire: five fields that croner reads, or a rate of a minute to a year.
    ///
    /// # Errors
    /// `bad-cron` or `bad-rate`, with a good one as the hint.
    pub fn validate(&self) -> Result<(), Invalid> {
        let bad = |cause: String, hint: &str| Err(Invalid::new("bad-cron", cause, hint));
        let fields = match self {
            Self::Cron(fields) => fields,
            Self::Rate(every) if (Duration::from_secs(60)..=LONGEST_RATE).contains(every) => return Ok(()),
            Self::Rate(_) => {
                return Err(Invalid::new(
                    "bad-rate",
                    format!("`{self}` is not between a minute and a year"),
                    "write `rate(5 minutes)`",
                ));
            }
        };
        let count = fields.split_whitespace().count();
        if count != 5 {
            return bad(
                format!("`{fields}` has {count} fields, not five"),
                "minute, hour, day of month, month, day of week: `0 3 * * *` is every day at three; or `rate(5 minutes)`",
            );
        }
        let parser = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Disallowed)
            .year(croner::parser::Year::Disallowed)
            .build();
        match parser.parse(fields) {
            // From a fixed time, for there is no clock here; every date of the calendar is within 28 years of it.
            Ok(cron) => match cron.find_next_occurrence(&chrono::DateTime::UNIX_EPOCH, false) {
                Ok(_) => Ok(()),
                Err(_) => bad(
                    format!("`{fields}` never fires: no year has such a day"),
                    "look at day of month and month: `0 3 28 2 *`",
                ),
            },
            Err(cause) => {
                let cause = cause.to_string();
                let cause = cause.rsplit(": ").next().unwrap_or_default();
                bad(
                    format!("`{fields}` is not a cron expression: {}", first_lower(cause)),
                    "minute 0-59, hour 0-23, day of month 1-31, month 1-12, day of week 0-7: `*/15 9-17 * * 1-5`",
                )
            }
        }
    }
}

fn first_lower(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Checks an IANA name against the time-zone database that is built in.
pub(crate) fn check_timezone(name: &str) -> Result<(), Invalid> {
    if name.parse::<chrono_tz::Tz>().is_ok() {
        return Ok(());
    }
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let hint = match names::nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write an IANA name: `Asia/Seoul`, `Europe/Berlin`, `UTC`".into(),
    };
    Err(Invalid::new("bad-timezone", format!("`{name}` is not a time zone"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones() {
        for (text, canonical) in [
            ("0 3 * * *", "0 3 * * *"),
            ("  */5   *  * * MON-FRI ", "*/5 * * * MON-FRI"),
            ("0 0 29 2 *", "0 0 29 2 *"),
            ("rate(5 minutes)", "rate(5 minutes)"),
            ("rate(1 minute)", "rate(1 minute)"),
            ("rate(120 minutes)", "rate(2 hours)"),
            ("rate(1 day)", "rate(1 day)"),
        ] {
            let expression: ScheduleExpr = text.parse().unwrap();
            assert_eq!(expression.to_string(), canonical);
            assert_eq!(canonical.parse::<ScheduleExpr>().unwrap(), expression);
        }
    }

    #[test]
    fn bad_ones() {
        for (text, code) in [
            ("0 3 * *", "bad-cron"),
            ("0 0 3 * * *", "bad-cron"),
            ("61 * * * *", "bad-cron"),
            ("* * * * XYZ", "bad-cron"),
            ("@daily", "bad-cron"),
            ("0 0 30 2 *", "bad-cron"),
            ("", "bad-cron"),
            ("rate(0 minutes)", "bad-rate"),
            ("rate(5 seconds)", "bad-rate"),
            ("rate(5)", "bad-rate"),
            ("rate(99999999999999999999 days)", "bad-rate"),
        ] {
            assert_eq!(text.parse::<ScheduleExpr>().unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn time_zones() {
        assert!(check_timezone("Asia/Seoul").is_ok() && check_timezone("UTC").is_ok());
        assert!(check_timezone("Asia/Soul").unwrap_err().hint.contains("`Asia/Seoul`"));
    }
}
