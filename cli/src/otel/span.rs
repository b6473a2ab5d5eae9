//! From an event log to the spans of a trace, as OTLP's JSON has them
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): the run, in it each object's call, in that the API calls.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sf_engine::{ApiCall, Ended, Record, RunOutcome, Started, What};

/// `SPAN_KIND_INTERNAL`, `SPAN_KIND_CLIENT`
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
/// `STATUS_CODE_OK`, `STATUS_CODE_ERROR`
const OK: u8 = 1;
const ERROR: u8 = 2;

/// The span that a run is part of: W3C's `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    trace: String,
    span: String,
}

impl Parent {
    /// `00-<32 hexadecimal digits>-<16>-<flags>`; anything else is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-').skip(1);
        let (trace, span) = (parts.next()?, parts.next()?);
        let is_id = |id: &str, digits: usize| {
            id.len() == digits
                && id.bytes().all(|byte| byte.is_ascii_hexdigit())
                && id.bytes().any(|byte| byte != b'0')
        };
        (is_id(trace, 32) && is_id(span, 16)).then(|| Self { trace: trace.to_owned(), span: span.to_owned() })
    }
}

/// One span, before it is written.
struct Span {
    id: String,
    parent: Option<String>,
    name: String,
    kind: u8,
    start_ms: u64,
    end_ms: u64,
    attributes: Vec<Json>,
    status: Json,
}

/// The body of an export. `random` gives ids.
pub(super) fn request(
    events: &[Record],
    service: &str,
    parent: Option<&Parent>,
    random: &mut dyn FnMut() -> u64,
) -> Json {
    let trace = match parent {
        Some(parent) => parent.trace.clone(),
        None => format!("{:016x}{:016x}", random(), random()),
    };
    let spans: Vec<Json> =
        spans(events, parent, random).into_iter().map(|span| written(span, &trace)).collect();
    let resource = [text("service.name", service), text("service.version", env!("CARGO_PKG_VERSION"))];
    json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": { "name": "sf", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
    }] })
}

fn spans(events: &[Record], parent: Option<&Parent>, random: &mut dyn FnMut() -> u64) -> Vec<Span> {
    let mut id = || format!("{:016x}", random());
    let run = run(events, parent, id());
    // Until its end is read, a call ends with the run.
    let mut calls: BTreeMap<usize, Span> = BTreeMap::new();
    for Record { time_ms, what } in events {
        match what {
            What::Started { step, key } => {
                let span = Span {
                    id: id(),
                    parent: Some(run.id.clone()),
                    name: key.to_string(),
                    kind: INTERNAL,
                    start_ms: *time_ms,
                    end_ms: run.end_ms,
                    attributes: vec![text("sf.object", &key.to_string()), text("sf.kind", &key.addr.kind.0)],
                    status: json!({}),
                };
                calls.insert(*step, span);
            }
            What::Finished { step, .. } | What::Unchanged { step, .. } => {
                end(&mut calls, *step, *time_ms, json!({ "code": OK }));
            }
            What::Failed { step, error, .. } => {
                end(&mut calls, *step, *time_ms, json!({ "code": ERROR, "message": error.message }));
            }
            _ => {}
        }
    }
    // A request may be recorded before the beginning of the call that it was made for.
    let mut requests = Vec::new();
    for Record { time_ms, what } in events {
        if let What::ApiCall(call) = what {
            let of = call.step.and_then(|step| calls.get(&step)).unwrap_or(&run);
            requests.push(of_request(call, *time_ms, id(), of.id.clone()));
        }
    }
    std::iter::once(run).chain(calls.into_values()).chain(requests).collect()
}

fn run(events: &[Record], parent: Option<&Parent>, id: String) -> Span {
    let (first, last) = (events.first(), events.last());
    let mut run = Span {
        id,
        parent: parent.map(|parent| parent.span.clone()),
        name: "sf".into(),
        kind: INTERNAL,
        start_ms: first.map_or(0, |first| first.time_ms),
        end_ms: last.map_or(0, |last| last.time_ms),
        attributes: Vec::new(),
        status: json!({}),
    };
    if let Some(What::RunStarted(started)) = first.map(|first| &first.what) {
        run.name.clone_from(&started.command);
        run.attributes.extend(of_run(started));
    }
    if let Some(What::RunEnded(ended)) = last.map(|last| &last.what) {
        run.status = status(ended);
        run.attributes.extend(ended.release.map(|number| number_of("sf.release", number)));
    }
    run
}

fn end(calls: &mut BTreeMap<usize, Span>, step: usize, time_ms: u64, status: Json) {
    if let Some(call) = calls.get_mut(&step) {
        call.end_ms = time_ms;
        call.status = status;
    }
}

fn of_run(started: &Started) -> Vec<Json> {
    let Started { project, stage, provider, who, host, git_commit, run, .. } = started;
    let known = [
        ("sf.project", project),
        ("sf.stage", stage),
        ("sf.provider", provider),
        ("sf.run", run),
        ("user.name", who),
        ("host.name", host),
    ];
    let known = known.into_iter().map(|(name, value)| text(name, value));
    known.chain(git_commit.iter().map(|commit| text("vcs.ref.head.revision", commit))).collect()
}

fn status(ended: &Ended) -> Json {
    match (ended.outcome, &ended.error) {
        (RunOutcome::Done, _) => json!({ "code": OK }),
        (_, Some(error)) => json!({ "code": ERROR, "message": error }),
        (_, None) => json!({ "code": ERROR }),
    }
}

fn of_request(call: &ApiCall, time_ms: u64, id: String, parent: String) -> Span {
    let ApiCall { service, operation, attempt, status, duration_ms, request_id, error, .. } = call;
    let mut attributes = vec![text("rpc.service", service), text("rpc.method", operation)];
    attributes.extend(status.map(|status| number_of("http.response.status_code", status.into())));
    attributes
        .extend(request_id.as_deref().map(|id| text("aws.request_id", id)).filter(|_| service != "host"));
    attributes.extend(error.as_deref().map(|error| text("error.type", error)));
    if *attempt > 1 {
        attributes.push(number_of("http.request.resend_count", u64::from(*attempt) - 1));
    }
    Span {
        id,
        parent: Some(parent),
        name: format!("{service} {operation}"),
        kind: CLIENT,
        start_ms: time_ms.saturating_sub(*duration_ms),
        end_ms: time_ms,
        attributes,
        status: error
            .as_deref()
            .map_or_else(|| json!({}), |error| json!({ "code": ERROR, "message": error })),
    }
}

fn written(span: Span, trace: &str) -> Json {
    // Numbers of 64 bits are texts in OTLP's JSON.
    let nanos = |ms: u64| ms.saturating_mul(1_000_000).to_string();
    let mut json = json!({
        "traceId": trace,
        "spanId": span.id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": nanos(span.start_ms),
        "endTimeUnixNano": nanos(span.end_ms),
        "attributes": span.attributes,
        "status": span.status,
    });
    if let Some(parent) = span.parent {
        json["parentSpanId"] = parent.into();
    }
    json
}

fn text(key: &str, value: &str) -> Json {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number_of(key: &str, value: u64) -> Json {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_or_is_none() {
        let parent = Parent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(parent.span, "b7ad6b7169203331");
        for other in ["", "00", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert_eq!(Parent::parse(other), None, "{other}");
        }
    }

    #[test]
    fn requests_are_children_of_their_objects_calls_and_those_of_the_run() {
        let lines = [
            json!({ "event": "run-started", "time_ms": 1000, "version": 1, "sf": "0.1.0", "run": "r", "command": "sf deploy", "who": "ada",
                "host": "lovelace", "pid": 7, "project": "shop", "stage": "dev", "provider": "aws", "state": "s", "lineage": "l", "base_serial": 1 }),
            json!({ "event": "api-call", "time_ms": 1005, "service": "sts", "operation": "GetCallerIdentity", "attempt": 1, "status": 200, "duration_ms": 3 }),
            json!({ "event": "started", "time_ms": 1010, "step": 4, "key": "function/hello" }),
            json!({ "event": "api-call", "time_ms": 1030, "service": "lambda", "operation": "CreateFunction", "object": "function/hello", "step": 4,
                "attempt": 2, "status": 429, "duration_ms": 12, "error": "TooManyRequestsException", "request_id": "r-1" }),
            json!({ "event": "failed", "time_ms": 1040, "step": 4, "key": "function/hello", "error": { "message": "busy" } }),
            json!({ "event": "run-ended", "time_ms": 1050, "outcome": "failed", "error": "it failed", "done": 0, "unchanged": 0, "failed": 1, "skipped": 0 }),
        ];
        let events: Vec<Record> =
            lines.into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
        let mut next = 0;
        let body = request(&events, "sf", None, &mut || {
            next += 1;
            next
        });
        insta::assert_json_snapshot!(body);
    }
}
