//! From what libraries trace to lines of the event log: API calls (`sf::api`), engine's retries (`sf::retry`) and saves (`sf::state`), each with the
//! object whose call (`sf::call`, a span) they belong to.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value as Json};
use sf_engine::{ApiCall, Recorder, What};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

const API: &str = "sf::api";
const CALL: &str = "sf::call";
const RETRY: &str = "sf::retry";
const STATE: &str = "sf::state";

/// Where traces go while a run is recorded. Cheap to clone: all are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tap(Arc<RwLock<Option<Recorder>>>);

impl Tap {
    /// What the tap wants to hear of: nothing else is traced because of it.
    pub(crate) fn filter() -> Targets {
        Targets::new().with_targets([API, CALL, RETRY, STATE].map(|target| (target, Level::DEBUG)))
    }

    /// From now on traces go there; with `None` nowhere.
    pub(crate) fn turn_to(&self, recorder: Option<Recorder>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = recorder;
    }

    fn recorder(&self) -> Option<Recorder> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The fields of a span or an event, as JSON.
#[derive(Debug, Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// Whose call it is, kept with the span.
struct Owner(Map<String, Json>);

impl<S> Layer<S> for Tap
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|_| attributes.metadata().target() == CALL) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Owner(fields.0));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(recorder) = self.recorder() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Owner(owner)) = span.extensions().get() {
                for (name, value) in owner {
                    fields.0.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        if let Some(what) = what(event.metadata().target(), fields.0) {
            recorder.record(what);
        }
    }
}

fn what(target: &str, mut fields: Map<String, Json>) -> Option<What> {
    let number = |name: &str| fields.get(name).and_then(Json::as_u64);
    let text = |name: &str| fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    match target {
        STATE => Some(What::StateSaved { serial: number("serial")?, duration_ms: number("duration_ms")? }),
        RETRY => Some(What::Retried {
            step: usize::try_from(number("step")?).ok()?,
            key: text("key"),
            attempt: u32::try_from(number("attempt")?).ok()?,
            cause: text("cause"),
        }),
        API => {
            if let Some(key) = fields.remove("key") {
                fields.insert("object".to_owned(), key);
            }
            serde_json::from_value::<ApiCall>(Json::Object(fields)).ok().map(What::ApiCall)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sf_engine::{Clock, LockInfo, RunId, RunWriter, read_events};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[tokio::test]
    async fn an_api_call_says_for_which_object_it_was_made() {
        let tap = Tap::default();
        let recorder = Recorder::new(Clock::of(|| 7));
        tap.turn_to(Some(recorder.clone()));
        let subscriber = tracing_subscriber::registry().with(tap.clone().with_filter(Tap::filter()));
        tracing::subscriber::with_default(subscriber, || {
            let call = |again: bool, error: Option<&str>, status: Option<u16>| {
                tracing::debug!(
                    target: "sf::api",
                    service = "lambda",
                    operation = "CreateFunction",
                    attempt = 1_u32,
                    status,
                    duration_ms = 12_u64,
                    error,
                    again,
                );
            };
            call(false, None, Some(200));
            let span =
                tracing::debug_span!(target: "sf::call", "call", key = %"function/hello", step = 3_usize);
            span.in_scope(|| {
                call(true, Some("Unreachable: connection reset"), None);
                tracing::debug!(target: "sf::retry", attempt = 1_u32, cause = "busy");
                tracing::debug!("not heard of");
            });
            tracing::debug!(target: "sf::state", serial = 9_u64, duration_ms = 1_u128);
        });
        recorder.record_first(7, What::Stopping { cause: "the first line".into() });
        let dir = tempfile::tempdir().unwrap();
        let store = sf_engine::LocalStore::new(dir.path(), "p", "s");
        let writer = RunWriter::new(recorder, RunId::new(7, &LockInfo::of_this_process("sf")));
        let log = writer.finish(&store, &|error| panic!("{error}")).await;
        let events: Vec<_> = read_events(&log).into_iter().map(|record| record.what).collect();
        let call = ApiCall {
            service: "lambda".into(),
            operation: "CreateFunction".into(),
            attempt: 1,
            duration_ms: 12,
            ..ApiCall::default()
        };
        let expected = [
            What::Stopping { cause: "the first line".into() },
            What::ApiCall(ApiCall { status: Some(200), ..call.clone() }),
            What::ApiCall(ApiCall {
                object: Some("function/hello".into()),
                step: Some(3),
                error: Some("Unreachable: connection reset".into()),
                again: true,
                ..call
            }),
            What::Retried { step: 3, key: "function/hello".into(), attempt: 1, cause: "busy".into() },
            What::StateSaved { serial: 9, duration_ms: 1 },
        ];
        assert_eq!(events, expected);
    }
}
