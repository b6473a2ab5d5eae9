//! One invocation: to the program, and what the service behind it must hear of the answer (`docs/data-api.md`, "Delivery").

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::event::Event;
use crate::failure::Failure;
use crate::http_event::HttpAnswer;
use crate::kit::Kit;
use crate::log;
use crate::marks::Marks;
use crate::program::Program;
use crate::recognise::{Payload, payload};
use crate::records::{self, BucketRecord, QueueRecord, ScheduleInput, SocketEvent, TableRecord, TopicRecord};
use crate::runtime_api::Invocation;
use crate::trace::traceparent;

/// So long before Lambda ends the function, the program is ended: later, nobody could hear of it.
const MARGIN: Duration = Duration::from_millis(50);

/// Delivers an invocation; gives what Lambda is to answer.
pub(crate) async fn deliver(
    invocation: &Invocation,
    kit: &Kit,
    program: &mut Program,
) -> Result<Vec<u8>, Failure> {
    program.ensure(time_left(invocation)).await?;
    let payload = payload(invocation)?;
    let client = match &payload {
        Payload::Http(event) => event.traceparent(),
        _ => None,
    };
    let caller = &invocation.caller;
    let marks = Marks {
        id: invocation.id.clone(),
        deadline_ms: invocation.deadline_ms,
        traceparent: traceparent(client, caller.traceparent.as_deref(), invocation.xray.as_deref()),
    };
    let mut delivery = Delivery { kit, program, invocation, marks };
    let answer = match payload {
        Payload::Http(event) => {
            let answer = delivery.send(event.into_request()?).await?;
            // A success to Lambda, so that nothing else tells of it.
            if answer.status().is_server_error() {
                delivery.failed(&Failure::Refused(answer.status()));
            }
            serde_json::to_vec(&HttpAnswer::of(answer))
        }
        Payload::Queue(batch) => serde_json::to_vec(&delivery.queue(batch).await?),
        Payload::Topic(records) => serde_json::to_vec(&delivery.topic(records).await?),
        Payload::Bucket(records) => serde_json::to_vec(&delivery.bucket(&records).await?),
        Payload::Table(records) => serde_json::to_vec(&delivery.table(&records).await?),
        Payload::Socket(event) => serde_json::to_vec(&delivery.socket(*event).await?),
        Payload::Schedule(input) => serde_json::to_vec(&delivery.schedule(input).await?),
        Payload::Call => return delivery.call().await,
    };
    answer.map_err(|error| Failure::Answer(error.to_string()))
}

/// The program's part of the time that is left.
pub(crate) fn time_left(invocation: &Invocation) -> Duration {
    invocation.remaining().saturating_sub(MARGIN)
}

/// One that is under way.
struct Delivery<'a> {
    kit: &'a Kit,
    program: &'a mut Program,
    invocation: &'a Invocation,
    marks: Marks,
}

impl Delivery<'_> {
    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        self.marks.add(request.headers_mut());
        self.program.call(request, time_left(self.invocation)).await
    }

    /// Lambda is not told of it, or not why.
    fn failed(&self, failure: &Failure) {
        log::failed(&self.kit.function, &self.invocation.id, failure);
    }

    /// The body of an answer that says that all is well.
    async fn event(&mut self, event: Event) -> Result<Bytes, Failure> {
        let response = self.send(event.into_request()).await?;
        match response.status() {
            status if status.is_success() => Ok(response.into_body()),
            status => Err(Failure::Refused(status)),
        }
    }

    /// What failed comes again, `ReportBatchItemFailures`: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
    async fn queue(&mut self, batch: Vec<QueueRecord>) -> Result<Value, Failure> {
        let (event, ids) = records::queue(batch, self.kit, &self.invocation.id, now());
        let answer = self.event(event).await?;
        Ok(batch_failures(records::wanted_again(&answer, &ids)?.iter().map(String::as_str)))
    }

    async fn topic(&mut self, records: Vec<TopicRecord>) -> Result<Value, Failure> {
        let kit = self.kit;
        self.each(records.into_iter().map(|record| records::topic(record, kit))).await
    }

    async fn bucket(&mut self, records: &[BucketRecord]) -> Result<Value, Failure> {
        let kit = self.kit;
        self.each(records.iter().map(|record| records::bucket(record, kit))).await
    }

    /// Independent events: one that failed does not keep the others back.
    async fn each(&mut self, events: impl Iterator<Item = Event>) -> Result<Value, Failure> {
        let mut first = None;
        for event in events {
            if let Err(failure) = self.event(event).await {
                first.get_or_insert(failure);
            }
        }
        first.map_or(Ok(Value::Null), Err)
    }

    /// The changes of a partition come in their order, so what follows a failure waits for it: Lambda begins again where the first failed.
    async fn table(&mut self, records: &[TableRecord]) -> Result<Value, Failure> {
        for record in records {
            match self.event(records::table(record, self.kit)).await {
                Ok(_) => {}
                Err(failure) if failure.is_answer() => {
                    self.failed(&failure);
                    return Ok(batch_failures([record.sequence_number()].into_iter()));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(batch_failures([].into_iter()))
    }

    /// Only a client that connects hears of the answer: of other events API Gateway would send it an error.
    async fn socket(&mut self, event: SocketEvent) -> Result<HttpAnswer, Failure> {
        let event = records::socket(event, self.kit);
        let is_connect = event.kind == "sf.socket.connect";
        let bare = |status| HttpAnswer::bare(status, BTreeMap::new());
        match self.event(event).await {
            Ok(answer) if is_connect => Ok(connected(&answer)),
            Ok(_) => Ok(bare(StatusCode::OK)),
            // A program that serves HTTP refuses with its answer's own status.
            Err(Failure::Refused(status)) if is_connect && status.as_u16() >= 400 => Ok(bare(status)),
            Err(failure) if failure.is_answer() => {
                self.failed(&failure);
                Ok(bare(if is_connect { StatusCode::FORBIDDEN } else { StatusCode::OK }))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Once each time that is due: an error would make Lambda repeat it.
    async fn schedule(&mut self, input: ScheduleInput) -> Result<Value, Failure> {
        match self.event(records::schedule(input, self.kit)).await {
            Err(failure) if failure.is_answer() => self.failed(&failure),
            Err(failure) => return Err(failure),
            Ok(_) => {}
        }
        Ok(Value::Null)
    }

    /// The answer as JSON; text that is none is a JSON text.
    async fn call(&mut self) -> Result<Vec<u8>, Failure> {
        let Invocation { id, payload, caller, .. } = self.invocation;
        let answer =
            self.event(records::call(payload.clone(), caller.function.as_deref(), id, now())).await?;
        if answer.is_empty() {
            return Ok(b"null".to_vec());
        }
        Ok(match serde_json::from_slice::<serde::de::IgnoredAny>(&answer) {
            Ok(_) => answer.into(),
            Err(_) => Value::from(String::from_utf8_lossy(&answer)).to_string().into(),
        })
    }
}

fn batch_failures<'i>(ids: impl Iterator<Item = &'i str>) -> Value {
    json!({ "batchItemFailures": ids.map(|id| json!({ "itemIdentifier": id })).collect::<Value>() })
}

/// What a client hears that connects: `{"status": 403}` refuses it, `{"protocol": "…"}` chooses one of those that it offers.
fn connected(answer: &[u8]) -> HttpAnswer {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Decision {
        status: Option<u16>,
        protocol: Option<String>,
    }
    let decision = serde_json::from_slice::<Decision>(answer).unwrap_or_default();
    let status =
        decision.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let protocol = decision.protocol.map(|protocol| ("Sec-WebSocket-Protocol".to_owned(), protocol));
    HttpAnswer::bare(status, protocol.into_iter().collect())
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
