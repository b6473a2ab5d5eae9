//! The counterpart's record of requests.

use std::fmt;

use serde_json::Value as Json;

/// A request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Ascending from 1.
    pub number: u64,
    /// `lambda`, `apigatewayv2`, …; `http-api` and `function-url` for requests to functions.
    pub service: String,
    /// `CreateFunction`, …
    pub operation: String,
    /// As AWS's model has them, long texts shortened.
    pub params: Json,
    /// The access key.
    pub caller: String,
    /// The HTTP status; `None` if the connection was cut or the answer is still to come.
    pub status: Option<u64>,
    /// AWS's error code.
    pub error: Option<String>,
    /// What AWS would have ignored.
    pub warnings: Vec<String>,
    /// Whether a rule of the test's let it fail.
    pub is_fault: bool,
}

/// What the operations begin with that change nothing. All others count as changes: one that is new here shall be seen.
const READING: [&str; 7] = ["Get", "List", "Describe", "Head", "Query", "Scan", "Simulate"];

/// Parameters that name the object of a request, the most telling first; those of one line stand together.
const NAMES: [&[&str]; 18] = [
    &["FunctionName", "StatementId"],
    &["FunctionName", "Name"],
    &["FunctionName"],
    &["RoleName"],
    &["Bucket", "Key"],
    &["Bucket"],
    &["RouteKey"],
    &["IntegrationUri"],
    &["StageName"],
    &["TableName"],
    &["QueueName"],
    &["QueueUrl"],
    &["TopicArn"],
    &["logGroupName"],
    &["GroupName", "Name"],
    &["SecretId"],
    &["Name"],
    &["DomainName"],
];

impl Entry {
    pub(super) fn of(json: &Json) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let warnings = json["warnings"].as_array().into_iter().flatten();
        Self {
            number: json["seq"].as_u64().unwrap_or_default(),
            service: text("service"),
            operation: text("operation"),
            params: json["params"].clone(),
            caller: text("caller"),
            status: json["status"].as_u64(),
            error: json["error"].as_str().map(str::to_owned),
            warnings: warnings.map(|warning| warning.as_str().unwrap_or_default().to_owned()).collect(),
            is_fault: json.get("fault").is_some_and(|fault| !fault.is_null()),
        }
    }

    /// Whether it was done.
    pub fn is_ok(&self) -> bool {
        self.status.is_some_and(|status| status < 400)
    }

    /// Whether `sf` made it (rather than a function, or a visitor of an API).
    pub fn is_of_sf(&self) -> bool {
        self.caller == "test" && !["http-api", "function-url", "unknown"].contains(&self.service.as_str())
    }

    /// Whether it may change something.
    pub fn is_mutating(&self) -> bool {
        !READING.iter().any(|prefix| self.operation.starts_with(prefix))
    }

    /// What it is about, in the words of its parameters: `shop-dev-hello`, `shop-dev-hello live`, `GET /hello`. Ids that AWS makes up and
    /// digests are `*`.
    pub fn object(&self) -> String {
        self.names().join(" ")
    }

    /// [`Self::object`], part by part: a function and its alias, a bucket and the key in it.
    pub fn names(&self) -> Vec<String> {
        let param = |name: &str| self.params[name].as_str().map(short);
        let named = NAMES.iter().find_map(|names| names.iter().map(|name| param(name)).collect());
        named.unwrap_or_else(|| {
            // Ids and ARNs: whatever there is, in the order of the names.
            let params = self.params.as_object().into_iter().flatten();
            params.filter_map(|(_, value)| value.as_str()).map(short).collect()
        })
    }

    /// With status and parameters.
    pub fn in_full(&self) -> String {
        let status = self.status.map_or("no answer".to_owned(), |status| status.to_string());
        let error = self.error.as_deref().unwrap_or_default();
        let fault = if self.is_fault { " (on purpose)" } else { "" };
        let mut params = self.params.to_string();
        params.truncate(params.floor_char_boundary(400));
        format!("{} {} {}: {status} {error}{fault} {params}", self.number, self.service, self.operation)
    }
}

impl fmt::Display for Entry {
    /// `CreateFunction shop-dev-hello`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.object())
    }
}

/// What `sf` asked for that may change something, in order.
pub fn mutating(log: &[Entry]) -> Vec<&Entry> {
    log.iter().filter(|entry| entry.is_of_sf() && entry.is_mutating()).collect()
}

/// The last part of an ARN or URL, with `*` for what differs from run to run.
fn short(text: &str) -> String {
    // An integration's URI holds the ARN of its function.
    let text = text.find("/functions/arn:").map_or(text, |at| &text[at + "/functions/".len()..]);
    let text = text.trim_end_matches("/invocations");
    let last = match (text.starts_with("arn:"), text.contains("://")) {
        (true, _) => text.splitn(6, ':').last().unwrap_or(text).trim_start_matches("function:"),
        (_, true) => text.rsplit('/').next().unwrap_or(text),
        _ => text,
    };
    if is_uuid(last) {
        return "*".to_owned();
    }
    last.split_inclusive(['/', ' ', ':', '.', '-'])
        .map(|word| {
            let end = word.len() - usize::from(word.ends_with(['/', ' ', ':', '.', '-']));
            if is_made_up(&word[..end]) { format!("*{}", &word[end..]) } else { word.to_owned() }
        })
        .collect()
}

/// `0d4ba5c8-023b-437e-868f-0d4ba5c80d4b`
fn is_uuid(text: &str) -> bool {
    let words =
        text.split('-').map(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(word.len()));
    words.eq([8, 4, 4, 4, 12].map(Some))
}

/// An id, or the digest of something: nothing else is that long, or has digits in such a way.
fn is_made_up(word: &str) -> bool {
    let is_hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word != super::SUFFIX && is_hexadecimal && (word.len() == 8 || word.len() >= 12)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(operation: &str, params: Json) -> Entry {
        Entry::of(
            &json!({ "seq": 1, "operation": operation, "params": params, "caller": "test", "status": 200 }),
        )
    }

    #[test]
    fn a_request_is_named_by_what_it_is_about() {
        let named = |operation: &str, params| entry(operation, params).to_string();
        let alias = json!({ "FunctionName": "shop-dev-hello", "Name": "live", "FunctionVersion": "1" });
        assert_eq!(named("CreateAlias", alias), "CreateAlias shop-dev-hello live");
        let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:shop-dev-hello:live/invocations";
        let integration = json!({ "ApiId": "0d4ba5c8", "IntegrationUri": uri });
        assert_eq!(named("CreateIntegration", integration), "CreateIntegration shop-dev-hello:live");
        let object =
            json!({ "Bucket": "shop-dev-sf-artifacts-09fb161d", "Key": "artifacts/0123456789abcdef.zip" });
        assert_eq!(named("PutObject", object), "PutObject shop-dev-sf-artifacts-09fb161d artifacts/*.zip");
        assert_eq!(named("DeleteApi", json!({ "ApiId": "0d4ba5c8" })), "DeleteApi *");
        let mapping = json!({ "UUID": "0d4ba5c8-023b-437e-868f-0d4ba5c80d4b" });
        assert_eq!(named("DeleteEventSourceMapping", mapping), "DeleteEventSourceMapping *");
        let queue = json!({ "QueueUrl": "http://127.0.0.1:4566/000000000000/shop-dev-mail" });
        assert_eq!(named("SetQueueAttributes", queue), "SetQueueAttributes shop-dev-mail");
    }

    #[test]
    fn what_is_not_known_to_read_counts_as_a_change() {
        let log = ["GetFunction", "Frobnicate", "ListTags"].map(|operation| entry(operation, json!({})));
        assert_eq!(mutating(&log).len(), 1);
    }
}
