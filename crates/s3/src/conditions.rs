//! Conditions of reads: RFC 9110, section 13.2.2.

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};
use sf_data::ObjectInfo;

use crate::store::time_of;

/// What must hold of the object that is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) modified_since: Option<Timestamp>,
    pub(crate) unmodified_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    NotModified,
    Fails,
}

impl Conditions {
    /// Ok if the object may be read.
    pub(crate) fn check(&self, object: &ObjectInfo) -> S3Result<()> {
        match self.judge(object) {
            Verdict::Holds => Ok(()),
            Verdict::Fails => Err(failed()),
            Verdict::NotModified => Err(not_modified(object)),
        }
    }

    /// Ok if the object may be copied: there, nobody has a copy of it that could be used instead.
    pub(crate) fn check_source(&self, object: &ObjectInfo) -> S3Result<()> {
        match self.judge(object) {
            Verdict::Holds => Ok(()),
            Verdict::Fails | Verdict::NotModified => Err(failed()),
        }
    }

    /// An etag says more than a time, which counts only where no etag is asked for.
    fn judge(&self, object: &ObjectInfo) -> Verdict {
        let modified = time_of(object.modified_ms / 1000 * 1000);
        let holds = match (&self.if_match, &self.unmodified_since) {
            (Some(wanted), _) => matches(wanted, object),
            (None, Some(time)) => modified <= *time,
            (None, None) => true,
        };
        if !holds {
            return Verdict::Fails;
        }
        let is_newer = match (&self.if_none_match, &self.modified_since) {
            (Some(known), _) => !matches(known, object),
            (None, Some(time)) => modified > *time,
            (None, None) => true,
        };
        if is_newer { Verdict::Holds } else { Verdict::NotModified }
    }
}

fn failed() -> S3Error {
    S3Error::with_message(S3ErrorCode::PreconditionFailed, "a condition on the object does not hold")
}

fn matches(condition: &ETagCondition, object: &ObjectInfo) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

/// A 304 says which object it was that has not changed.
fn not_modified(object: &ObjectInfo) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = HeaderMap::new();
    if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
        headers.insert(ETAG, etag);
    }
    let mut date = Vec::new();
    if time_of(object.modified_ms).format(TimestampFormat::HttpDate, &mut date).is_ok()
        && let Ok(date) = HeaderValue::from_bytes(&date)
    {
        headers.insert(LAST_MODIFIED, date);
    }
    error.set_headers(headers);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> ObjectInfo {
        ObjectInfo {
            key: "k".into(),
            size: 1,
            etag: "abc".into(),
            content_type: "text/plain".into(),
            metadata: Default::default(),
            modified_ms: 1_000_500,
        }
    }

    fn etag(value: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(value.into())))
    }

    fn seconds(seconds: u64) -> Option<Timestamp> {
        Some(time_of(seconds * 1000))
    }

    #[test]
    fn etags_decide_before_times_do() {
        let judge = |conditions: Conditions| conditions.judge(&object());
        let none = Conditions::default;
        assert_eq!(judge(none()), Verdict::Holds);
        assert_eq!(judge(Conditions { if_match: etag("abc"), ..none() }), Verdict::Holds);
        assert_eq!(judge(Conditions { if_match: Some(ETagCondition::Any), ..none() }), Verdict::Holds);
        assert_eq!(judge(Conditions { if_match: etag("x"), ..none() }), Verdict::Fails);
        assert_eq!(judge(Conditions { if_none_match: etag("abc"), ..none() }), Verdict::NotModified);
        assert_eq!(judge(Conditions { if_none_match: etag("x"), ..none() }), Verdict::Holds);
        // What clients are told is in whole seconds.
        assert_eq!(judge(Conditions { modified_since: seconds(1000), ..none() }), Verdict::NotModified);
        assert_eq!(judge(Conditions { modified_since: seconds(999), ..none() }), Verdict::Holds);
        assert_eq!(judge(Conditions { unmodified_since: seconds(1000), ..none() }), Verdict::Holds);
        assert_eq!(judge(Conditions { unmodified_since: seconds(999), ..none() }), Verdict::Fails);
        let both = Conditions { if_match: etag("abc"), unmodified_since: seconds(999), ..none() };
        assert_eq!(judge(both), Verdict::Holds);
        let both = Conditions { if_none_match: etag("abc"), modified_since: seconds(999), ..none() };
        assert_eq!(judge(both), Verdict::NotModified);
    }
}
