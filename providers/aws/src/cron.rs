//! Five cron fields -> an expression of EventBridge Scheduler.
//!
//! AWS counts weekdays from 1 (Sunday), wants a sixth field for the year, and `?` in one of the two fields for days. The values are read by
//! the parser that every other part of `sf` uses, so that a schedule means the same here as on the host.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use croner::parser::{CronParser, Seconds, Year};
use sf_model::ScheduleExpr;

/// Why a schedule cannot be had on AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untranslatable {
    /// Cron means "either", AWS has no word for it.
    #[error("days of the month and days of the week in one schedule")]
    BothDays,
    /// Two `#` or `L` in one field, or one beside plain values.
    #[error("`#`, `L` or `W` beside other days")]
    Combined,
    /// `+MON`: both of the two fields.
    #[error("days of the week that must be days of the month as well (`+`)")]
    Intersection,
    /// The model has checked it, so this is a defect.
    #[error("what this cron expression says")]
    Unreadable,
}

impl Untranslatable {
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::BothDays => {
                "write two schedules: one with the days of the month, one with those of the week"
            }
            Self::Combined => "write one schedule for each of them",
            Self::Intersection => "schedule it on the days of the week and look at the date in the function",
            Self::Unreadable => "this is a defect of the AWS provider: please report it",
        }
    }
}

/// What ScheduleExpression says.
///
/// # Errors
/// AWS has no such schedules.
pub(crate) fn translate(expr: &ScheduleExpr) -> Result<String, Untranslatable> {
    let fields = match expr {
        ScheduleExpr::Rate(_) => return Ok(expr.to_string()),
        ScheduleExpr::Cron(fields) => fields,
    };
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let pattern = parser.parse(fields).map_err(|_| Untranslatable::Unreadable)?.pattern;
    let mut texts = fields.split_whitespace().skip(2);
    let (Some(of_month), Some(_), Some(of_week)) = (texts.next(), texts.next(), texts.next()) else {
        return Err(Untranslatable::Unreadable);
    };
    if of_week.starts_with('+') {
        return Err(Untranslatable::Intersection);
    }
    let minutes = rendered(&pattern.minutes.values(), 0, 59);
    let hours = rendered(&pattern.hours.values(), 0, 23);
    let months = rendered(&pattern.months.values(), 1, 12);
    let days = days(of_month, pattern.days.has_modifiers(), &pattern.days.values())?;
    let weekdays = weekdays(of_week, pattern.days_of_week.has_modifiers(), &pattern.days_of_week.values())?;
    let (days, weekdays) = match (days.as_str(), weekdays.as_str()) {
        (_, "*") => (days, "?".to_owned()),
        ("*", _) => ("?".to_owned(), weekdays),
        _ => return Err(Untranslatable::BothDays),
    };
    Ok(format!("cron({minutes} {hours} {days} {months} {weekdays} *)"))
}

/// `modified`: the field holds `L` or `W`, which `values` do not show.
fn days(text: &str, modified: bool, values: &[u16]) -> Result<String, Untranslatable> {
    if !modified {
        return Ok(rendered(values, 1, 31));
    }
    if text.contains(',') { Err(Untranslatable::Combined) } else { Ok(text.to_uppercase()) }
}

/// The same of weekdays, from 0 for Sunday, with `L` and `#`.
fn weekdays(text: &str, modified: bool, values: &[u16]) -> Result<String, Untranslatable> {
    if !modified {
        let from_one: Vec<u16> = values.iter().map(|day| day + 1).collect();
        return Ok(rendered(&from_one, 1, 7));
    }
    // `5#2` or `5L`, a number or a name before it.
    let end = text.find(['#', 'L']).ok_or(Untranslatable::Combined)?;
    let (day, nth) = text.split_at(end);
    if text.contains([',', '-', '/']) {
        return Err(Untranslatable::Combined);
    }
    let day = WEEKDAYS.iter().position(|name| day.eq_ignore_ascii_case(name)).or_else(|| day.parse().ok());
    match day {
        Some(day) => Ok(format!("{}{}", day % WEEKDAYS.len() + 1, nth.replace("#L", "L"))),
        None => Err(Untranslatable::Combined),
    }
}

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The values as AWS writes them: `*`, `0/15`, `1,3,9-17`.
fn rendered(values: &[u16], least: u16, most: u16) -> String {
    let Some(last) = values.last() else { return "*".into() };
    if values.len() == usize::from(most - least) + 1 {
        return "*".into();
    }
    if let [first, second, _, ..] = values {
        let step = second - first;
        if step > 1
            && values.windows(2).all(|pair| matches!(pair, [a, b] if b - a == step))
            && last + step > most
        {
            return format!("{first}/{step}");
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for run in values.chunk_by(|a, b| a + 1 == *b) {
        match run {
            [first, _, .., last] => parts.push(format!("{first}-{last}")),
            few => parts.extend(few.iter().map(u16::to_string)),
        }
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(fields: &str) -> Result<String, Untranslatable> {
        translate(&fields.parse().unwrap())
    }

    #[test]
    fn what_aws_says_in_its_own_words() {
        for (fields, expected) in [
            ("0 3 * * *", "cron(0 3 * * ? *)"),
            ("* * * * *", "cron(* * * * ? *)"),
            ("*/15 9-17 * * 1-5", "cron(0/15 9-17 ? * 2-6 *)"),
            ("*/7 * * * *", "cron(0/7 * * * ? *)"),
            ("5-40/10 * * * *", "cron(5,15,25,35 * * * ? *)"),
            ("0 0 1 */3 *", "cron(0 0 1 1/3 ? *)"),
            ("0 0 1,15 JAN,JUL *", "cron(0 0 1,15 1,7 ? *)"),
            ("0 0 * * 0", "cron(0 0 ? * 1 *)"),
            ("0 0 * * 7", "cron(0 0 ? * 1 *)"),
            ("0 0 * * SUN,SAT", "cron(0 0 ? * 1,7 *)"),
            ("0 0 * * MON-FRI", "cron(0 0 ? * 2-6 *)"),
            ("0 0 * * 5-7", "cron(0 0 ? * 1,6,7 *)"),
            ("0 0 13 * 0-6", "cron(0 0 13 * ? *)"),
            ("0 0 * * 5#2", "cron(0 0 ? * 6#2 *)"),
            ("0 0 * * FRI#L", "cron(0 0 ? * 6L *)"),
            ("0 0 * * 0L", "cron(0 0 ? * 1L *)"),
            ("0 0 L * *", "cron(0 0 L * ? *)"),
            ("0 0 15W * *", "cron(0 0 15W * ? *)"),
            ("rate(1 minute)", "rate(1 minute)"),
            ("rate(300 minutes)", "rate(5 hours)"),
        ] {
            assert_eq!(cron(fields).as_deref(), Ok(expected), "{fields}");
        }
    }

    #[test]
    fn what_aws_has_no_words_for() {
        for (fields, expected) in [
            ("0 0 13 * 5", Untranslatable::BothDays),
            ("0 0 1 * FRI#1", Untranslatable::BothDays),
            ("0 0 * * 1#1,3#2", Untranslatable::Combined),
            ("0 0 * * 1,5L", Untranslatable::Combined),
            ("0 0 1,L * *", Untranslatable::Combined),
            ("0 0 1-7 * +MON", Untranslatable::Intersection),
        ] {
            assert_eq!(cron(fields), Err(expected), "{fields}");
        }
    }
}
