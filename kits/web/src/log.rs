//! The bridge's own lines in the function's log, beside the program's.

use std::fmt::Display;
use std::io::Write as _;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::failure::Failure;

/// A failure of the bridge itself.
pub(crate) fn say(what: &impl Display) {
    let _ = writeln!(std::io::stderr(), "sf: {what}");
}

/// The program has failed. A rollout looks for this line, which is the same in all kits (docs/providers/aws.md).
pub(crate) fn failed(function: &str, invocation: &str, failure: &Failure) {
    let _ = writeln!(std::io::stderr(), "{}", line(function, invocation, failure));
}

/// As `ctx.log` has it.
fn line(function: &str, invocation: &str, failure: &Failure) -> Value {
    let mut fields = json!({ "code": failure.code(), "error": failure.to_string() });
    if let Some(status) = failure.status() {
        fields["status"] = status.into();
    }
    json!({
        "time": Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        "level": "error",
        "message": "the handler failed",
        "function": function,
        "invocation": invocation,
        "fields": fields,
    })
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn a_failure_is_said_in_the_words_of_all_kits() {
        let refused = line("page", "i1", &Failure::Refused(StatusCode::BAD_GATEWAY));
        assert!(refused.to_string().contains("\"the handler failed\""));
        assert_eq!((&refused["function"], &refused["invocation"]), (&json!("page"), &json!("i1")));
        assert_eq!(refused["fields"]["status"], 502);
        let late = line("page", "i1", &Failure::TimedOut);
        assert_eq!(late["fields"]["code"], "function-timed-out");
        assert_eq!(late["fields"].get("status"), None);
    }
}
