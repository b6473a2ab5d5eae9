//! A run as an OpenTelemetry trace, sent by OTLP/HTTP if the environment says where to.
//!
//! The variables are those of the specification (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>), not `sf`'s own: `OTEL_EXPORTER_OTLP_ENDPOINT`,
//! `…_HEADERS` and `…_TIMEOUT`, each with its `…_TRACES_…` form; `OTEL_SERVICE_NAME`, `OTEL_SDK_DISABLED`, and `TRACEPARENT`, by which a CI job that is
//! traced itself has the run as its child. The trace is made of the event log when the run is over.

mod span;

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sf_engine::Record;

pub(crate) use span::Parent;

/// How long the collector may take to answer, unless the environment says otherwise: the specification's default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the environment asks for.
struct Exporter {
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
    service: String,
    parent: Option<Parent>,
}

/// Sends a run's trace if somebody wants it; the error is one lower-case sentence. Nothing depends on it.
pub(crate) async fn export(events: &[Record]) -> Result<(), String> {
    let Some(exporter) = Exporter::of(&|name| std::env::var(name).ok())? else { return Ok(()) };
    let body = span::request(events, &exporter.service, exporter.parent.as_ref(), &mut || fastrand::u64(1..));
    exporter
        .send(body.to_string())
        .await
        .map_err(|cause| format!("send it to {}: {cause}", exporter.url.origin().ascii_serialization()))
}

impl Exporter {
    fn of(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let either = |end: &str| {
            env(&format!("OTEL_EXPORTER_OTLP_TRACES_{end}"))
                .or_else(|| env(&format!("OTEL_EXPORTER_OTLP_{end}")))
        };
        if env("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let place = match (env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(whole), _) => whole,
            (None, Some(base)) => format!("{}/v1/traces", base.trim_end_matches('/')),
            (None, None) => return Ok(None),
        };
        if either("PROTOCOL").is_some_and(|protocol| protocol == "grpc") {
            return Err("the protocol is `grpc`, and sf speaks `http/json` only".to_owned());
        }
        let url = Url::parse(&place).map_err(|cause| format!("`{place}` is no URL: {cause}"))?;
        let timeout =
            either("TIMEOUT").and_then(|text| text.parse().ok()).map_or(TIMEOUT, Duration::from_millis);
        Ok(Some(Self {
            url,
            headers: headers(&either("HEADERS").unwrap_or_default()),
            timeout,
            service: env("OTEL_SERVICE_NAME").unwrap_or_else(|| "sf".to_owned()),
            parent: env("TRACEPARENT").and_then(|text| Parent::parse(&text)),
        }))
    }

    async fn send(&self, body: String) -> Result<(), String> {
        let builder = sf_host_api::client_builder(&self.url).map_err(|cause| cause.to_string())?;
        let client = builder.timeout(self.timeout).build().map_err(|cause| deepest(&cause))?;
        let request = client.post(self.url.clone()).headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        let answer = request.send().await.map_err(|cause| deepest(&cause))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the answer was {status}")),
        }
    }
}

/// `key=value,key2=value2`, values percent-encoded. What is no header is left out, as the specification has it.
fn headers(text: &str) -> HeaderMap {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
    };
    text.split(',').filter_map(pair).collect()
}

fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(variables: &[(&str, &str)]) -> Result<Option<Exporter>, String> {
        Exporter::of(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_variables_are_read_as_the_specification_has_them() {
        assert!(exporter(&[]).unwrap().is_none());
        let base = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")];
        assert_eq!(exporter(&base).unwrap().unwrap().url.as_str(), "http://collector:4318/v1/traces");
        let disabled = [base[0], ("OTEL_SDK_DISABLED", "true")];
        assert!(exporter(&disabled).unwrap().is_none());
        assert!(exporter(&[base[0], ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_err());
        assert!(exporter(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")]).is_err());
        let all = [
            base[0],
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://elsewhere/traces"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, nonsense, x=y"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_SERVICE_NAME", "deploys"),
        ];
        let found = exporter(&all).unwrap().unwrap();
        assert_eq!(found.url.as_str(), "https://elsewhere/traces");
        assert_eq!((found.headers["api-key"].to_str().unwrap(), found.headers.len()), ("a b", 2));
        assert_eq!((found.timeout, found.service.as_str()), (Duration::from_millis(2500), "deploys"));
    }
}
