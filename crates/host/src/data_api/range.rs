//! Which bytes a request asks for: RFC 9110, section 14.

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use sf_data::ObjectInfo;

/// Which bytes are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that there are not.
    Nothing,
}

impl Wanted {
    /// What is asked for of an object. A header that is not understood, or asks for several ranges, is as good as none, as the RFC allows.
    pub(super) fn of(headers: &HeaderMap, info: &ObjectInfo) -> Self {
        let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Self::All };
        let wanted = headers.get(IF_RANGE);
        if wanted.is_some_and(|tag| tag.as_bytes() != format!("\"{}\"", info.etag).as_bytes()) {
            return Self::All;
        }
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
        else {
            return Self::All;
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a number holds are more bytes than any object has.
        let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
        let size = info.size;
        let (start, end) = match (is_number(first), is_number(last)) {
            (true, true) if number(first) > number(last) => return Self::All,
            (true, true) => (number(first), number(last).saturating_add(1).min(size)),
            (true, false) if last.is_empty() => (number(first), size),
            (false, true) if first.is_empty() => (size.saturating_sub(number(last)), size),
            _ => return Self::All,
        };
        if start < end { Self::Part(start..end) } else { Self::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ten(pairs: &[(&'static str, &str)]) -> Wanted {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let info = ObjectInfo {
            key: "k".into(),
            size: 10,
            etag: "abc".into(),
            content_type: String::new(),
            metadata: Default::default(),
            modified_ms: 0,
        };
        Wanted::of(&headers.collect(), &info)
    }

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        let range = |text: &str| of_ten(&[("range", text)]);
        assert_eq!(range("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(range("bytes=2-5"), Wanted::Part(2..6));
        assert_eq!(range("bytes=8-99999999999999999999999"), Wanted::Part(8..10));
        assert_eq!(range("bytes=7-"), Wanted::Part(7..10));
        assert_eq!(range("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(range("bytes=-30"), Wanted::Part(0..10));
        for nothing in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(range(nothing), Wanted::Nothing, "{nothing}");
        }
        for all in ["bytes=5-2", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes=", "bytes=-", "bytes=+1-2"]
        {
            assert_eq!(range(all), Wanted::All, "{all}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_no_range() {
        assert_eq!(of_ten(&[("range", "bytes=1-2"), ("if-range", "\"abc\"")]), Wanted::Part(1..3));
        assert_eq!(of_ten(&[("range", "bytes=1-2"), ("if-range", "\"old\"")]), Wanted::All);
    }
}
