//! How messages come into inboxes.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::params;
use serde::de::IgnoredAny;

use super::{Body, Filter, Source, State, subscribers};
use crate::store::resource::{self, Kind};
use crate::store::{Tx, new_id};
use crate::{AppId, Data, DataError};

/// Bytes of a message that somebody sends. (Messages about items may be larger: they carry two items.)
const LARGEST: usize = 256 * 1024;

const LONGEST_DELAY: Duration = Duration::from_secs(900);

const MOST_ATTRIBUTES: usize = 10;

/// A message on its way into inboxes.
pub(crate) struct NewMessage<'a> {
    pub(crate) id: &'a str,
    pub(crate) event: &'static str,
    pub(crate) subject: Option<&'a str>,
    pub(crate) body: &'a Body,
    /// JSON.
    pub(crate) attributes: Option<&'a str>,
    pub(crate) delay_ms: i64,
}

/// Puts a message into inboxes.
pub(crate) fn deliver(tx: &mut Tx<'_>, inboxes: &[i64], message: &NewMessage<'_>) -> Result<(), DataError> {
    let mut insert = tx.db.prepare_cached(
        "INSERT INTO messages (inbox, state, ready_ms, attempts, id, event, subject, attributes, sent_ms, is_json, body)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let (is_json, body) = match message.body {
        Body::Json(text) => (true, text),
        Body::Bytes(bytes) => (false, bytes),
    };
    for inbox in inboxes {
        insert.execute(params![
            inbox,
            State::Waiting as i64,
            tx.now_ms.saturating_add(message.delay_ms),
            message.id,
            message.event,
            message.subject,
            message.attributes,
            tx.now_ms,
            is_json,
            &body[..],
        ])?;
    }
    drop(insert);
    if !inboxes.is_empty() {
        tx.message_arrived();
    }
    Ok(())
}

fn check(body: &Body) -> Result<(), DataError> {
    let (Body::Json(bytes) | Body::Bytes(bytes)) = body;
    if bytes.len() > LARGEST {
        return Err(DataError::too_large(format!(
            "the message has {} bytes, the limit is 256 KiB",
            bytes.len()
        )));
    }
    if let Body::Json(text) = body {
        serde_json::from_slice::<IgnoredAny>(text)
            .map_err(|cause| DataError::bad_request(format!("the message is not JSON: {cause}")))?;
    }
    Ok(())
}

fn matches(filter: &Filter, attributes: &BTreeMap<String, String>) -> bool {
    filter.iter().all(|(name, accepted)| attributes.get(name).is_some_and(|value| accepted.contains(value)))
}

impl Data {
    /// Sends to a queue; gives the message's id.
    pub async fn send(
        &self,
        app: &AppId,
        queue: &str,
        body: Body,
        delay: Duration,
    ) -> Result<String, DataError> {
        check(&body)?;
        if delay > LONGEST_DELAY {
            return Err(DataError::bad_request(format!(
                "a delay of {} seconds is over the limit of 900",
                delay.as_secs()
            )));
        }
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let (app, queue) = (app.clone(), queue.to_owned());
        let send = move |tx: &mut Tx<'_>| {
            let inbox = resource::require(tx.db, &app, Kind::Queue, &queue)?.id;
            let id = new_id();
            let (event, body) = ("sf.queue", &body);
            deliver(
                tx,
                &[inbox],
                &NewMessage { id: &id, event, subject: None, body, attributes: None, delay_ms },
            )?;
            Ok(id)
        };
        self.write("send to queue", send).await
    }

    /// Publishes to a topic: a message in the inbox of each subscription whose filter matches. Gives the message's id.
    pub async fn publish(
        &self,
        app: &AppId,
        topic: &str,
        body: Body,
        attributes: BTreeMap<String, String>,
    ) -> Result<String, DataError> {
        check(&body)?;
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(DataError::bad_request(format!(
                "{} attributes are over the limit of {MOST_ATTRIBUTES}",
                attributes.len()
            )));
        }
        let (app, topic) = (app.clone(), topic.to_owned());
        let publish = move |tx: &mut Tx<'_>| {
            let found = resource::require(tx.db, &app, Kind::Topic, &topic)?;
            let inboxes = subscribers(
                tx.db,
                found.app,
                Kind::Topic,
                &topic,
                |source| matches!(source, Source::Topic { filter, .. } if matches(filter, &attributes)),
            )?;
            let id = new_id();
            let text = serde_json::to_string(&attributes)?;
            let message = NewMessage {
                id: &id,
                event: "sf.topic",
                subject: None,
                body: &body,
                attributes: Some(&text),
                delay_ms: 0,
            };
            deliver(tx, &inboxes, &message)?;
            Ok(id)
        };
        self.write("publish to topic", publish).await
    }
}
