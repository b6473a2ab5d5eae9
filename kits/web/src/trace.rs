//! The W3C `traceparent` of an invocation: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt::Write as _;

/// The client's, if it is one; of a calling function, its trace with a span of our own; else X-Ray's, or a new one.
pub(crate) fn traceparent(client: Option<&str>, caller: Option<&str>, xray: Option<&str>) -> String {
    if let Some(given) = client.filter(|text| parts(text).is_some()) {
        return given.to_owned();
    }
    if let Some((trace, flags)) = caller.and_then(parts) {
        return format!("00-{trace}-{}-{flags}", random(8));
    }
    xray.and_then(from_xray).unwrap_or_else(|| format!("00-{}-{}-01", random(16), random(8)))
}

/// Trace and flags.
fn parts(traceparent: &str) -> Option<(&str, &str)> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2);
    (fits && parts.next().is_none()).then_some((trace, flags))
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`:
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
fn from_xray(header: &str) -> Option<String> {
    let field = |wanted: &str| {
        header.split(';').filter_map(|field| field.trim().split_once('=')).find(|(name, _)| *name == wanted)
    };
    let (time, rest) = field("Root")?.1.strip_prefix("1-")?.split_once('-')?;
    if !is_hex(time, 8) || !is_hex(rest, 24) {
        return None;
    }
    let parent = field("Parent").map(|(_, span)| span).filter(|span| is_hex(span, 16));
    let parent = parent.map_or_else(|| random(8), str::to_owned);
    let is_sampled = u8::from(field("Sampled").is_some_and(|(_, text)| text == "1"));
    Some(format!("00-{time}{rest}-{parent}-0{is_sampled}"))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// So many bytes in hexadecimal. No secret hangs on them.
fn random(bytes: usize) -> String {
    (0..bytes).fold(String::with_capacity(bytes * 2), |mut text, _| {
        let _ = write!(text, "{:02x}", fastrand::u8(..));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const XRAY: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0";

    #[test]
    fn the_nearest_trace_goes_on() {
        assert_eq!(traceparent(Some(GIVEN), None, Some(XRAY)), GIVEN);
        assert_eq!(
            traceparent(Some("nonsense"), None, Some(XRAY)),
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
        );
        let of_caller = traceparent(None, Some(GIVEN), Some(XRAY));
        assert_eq!((&of_caller[..36], &of_caller[52..]), (&GIVEN[..36], &GIVEN[52..]));
        assert_ne!(of_caller, GIVEN);
    }

    #[test]
    fn without_any_there_is_a_new_one() {
        for xray in [None, Some("Root=1-xx"), Some("Self=1-5759e988-bd862e3fe1be46a994272793")] {
            let made = traceparent(None, None, xray);
            assert!(parts(&made).is_some(), "{made}");
            assert_ne!(made, traceparent(None, None, xray));
        }
        let root_only = traceparent(None, None, Some("Root=1-5759e988-bd862e3fe1be46a994272793"));
        assert!(root_only.starts_with("00-5759e988bd862e3fe1be46a994272793-"), "{root_only}");
        assert!(root_only.ends_with("-00") && parts(&root_only).is_some(), "{root_only}");
    }
}
