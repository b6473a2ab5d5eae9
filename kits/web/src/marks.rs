//! What every request to a `web` program carries, as on the embedded host (`crates/host/src/worker/web.rs`).

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Of one invocation.
pub(crate) struct Marks {
    pub(crate) id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) traceparent: String,
}

impl Marks {
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        insert(headers, "x-sf-invocation", &self.id);
        insert(headers, "x-sf-deadline-ms", &self.deadline_ms.to_string());
        insert(headers, "traceparent", &self.traceparent);
    }
}

/// What a client sends under these names is not ours. CGI and what comes after it (WSGI, Rack) does not tell `_` from `-`.
pub(crate) fn is_ours(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.replace('_', "-").eq_ignore_ascii_case("x-sf-"))
}

/// Sets a header; one that HTTP cannot hold is left out.
pub(crate) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
    {
        headers.insert(name, value);
    }
}

/// Header values cannot hold every byte that a decoded parameter can.
pub(crate) fn percent(value: &str) -> String {
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    utf8_percent_encode(value, ENCODED).to_string()
}

/// A CloudEvent's attribute as a header's value: section 3.1.3.2 of the
/// [binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
pub(crate) fn attribute(text: &str) -> String {
    const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');
    utf8_percent_encode(text, ENCODED).to_string()
}

/// JSON that a header can hold as it is.
pub(crate) fn ascii(json: &serde_json::Value) -> String {
    let mut text = String::new();
    for unit in json.to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() && !byte.is_ascii_control() => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\u{unit:04x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_the_host_does() {
        // The binding's own example.
        assert_eq!(attribute("Euro \u{20ac} \u{1f600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(attribute("a\"b%/{}\u{7f}"), "a%22b%25/{}%7F");
        assert_eq!(percent("a b/\u{e9}~%"), "a%20b/%C3%A9~%25");
        assert_eq!(ascii(&serde_json::json!({ "k": "\u{e9}\u{1f600}" })), r#"{"k":"\u00e9\ud83d\ude00"}"#);
    }

    #[test]
    fn what_a_client_could_forge_is_known() {
        for forged in ["x-sf-auth", "X-SF-Invocation", "x_sf_auth", "X-Sf_param-id"] {
            assert!(is_ours(forged), "{forged}");
        }
        for plain in ["x-sfx", "host", "x-s", "xx-sf-auth"] {
            assert!(!is_ours(plain), "{plain}");
        }
    }
}
