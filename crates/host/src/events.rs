//! CloudEvents 1.0, as functions are called with them: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// What JSON data says of itself.
pub(crate) const JSON: &str = "application/json";
/// What bytes say of themselves.
pub(crate) const BYTES: &str = "application/octet-stream";

/// An event whose data is JSON.
pub(crate) fn event(kind: &str, source: &str, id: &str, time: DateTime<Utc>) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "type": kind,
        "source": source,
        "time": rfc3339(time),
        "datacontenttype": JSON,
    })
}

/// `2026-01-01T00:00:00Z`, with milliseconds where there are any.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    let format = match time.timestamp_subsec_millis() {
        0 => SecondsFormat::Secs,
        _ => SecondsFormat::Millis,
    };
    time.to_rfc3339_opts(format, true)
}

/// A moment from milliseconds since the Unix epoch.
pub(crate) fn moment(ms: u64) -> DateTime<Utc> {
    let ms = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis);
    ms.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_where_there_are_any() {
        assert_eq!(rfc3339(moment(1_767_225_600_000)), "2026-01-01T00:00:00Z");
        assert_eq!(rfc3339(moment(1_767_225_600_040)), "2026-01-01T00:00:00.040Z");
    }
}
