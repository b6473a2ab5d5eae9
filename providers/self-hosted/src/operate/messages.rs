//! Queues, topics, and what waits to be delivered.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use sf_host_api::http::{Body as HttpBody, Method};
use sf_host_api::{InboxStatus, MessageView};
use sf_plan::Failure;
use sf_provider::{Body, Cx, Inbox, InboxId, Message, Messages};

use super::HostOperate;
use super::data::{DataCall, segment};
use crate::failure;

/// The answer to a message.
#[derive(Deserialize)]
struct Sent {
    id: String,
}

#[async_trait]
impl Messages for HostOperate {
    async fn inboxes(&self, cx: &Cx) -> Result<Vec<Inbox>, Failure> {
        let listed = self.app(cx)?.inboxes().await;
        Ok(listed.map_err(|error| failure::from_client(&error))?.into_iter().map(inbox).collect())
    }

    async fn peek(
        &self,
        cx: &Cx,
        inbox: &InboxId,
        dead: bool,
        limit: usize,
    ) -> Result<Vec<Message>, Failure> {
        let listed = self.app(cx)?.messages(&inbox.kind, &inbox.name, dead, limit).await;
        Ok(listed.map_err(|error| failure::from_client(&error))?.into_iter().map(message).collect())
    }

    async fn redrive(&self, cx: &Cx, inbox: &InboxId) -> Result<u64, Failure> {
        let moved = self.app(cx)?.redrive(&inbox.kind, &inbox.name).await;
        moved.map(|moved| moved.messages).map_err(|error| failure::from_client(&error))
    }

    async fn purge(&self, cx: &Cx, inbox: &InboxId, dead: bool) -> Result<u64, Failure> {
        let moved = self.app(cx)?.purge(&inbox.kind, &inbox.name, dead).await;
        moved.map(|moved| moved.messages).map_err(|error| failure::from_client(&error))
    }

    async fn send(
        &self,
        cx: &Cx,
        queue: &str,
        body: Body,
        delay: Option<Duration>,
    ) -> Result<String, Failure> {
        let delay = delay.map(|delay| delay.as_secs().to_string());
        let headers = delay.iter().map(|delay| ("x-sf-delay", delay.as_str())).collect();
        let path = format!("/queues/{}/messages", segment(queue)?);
        self.deliver(cx, path, body, headers).await
    }

    async fn publish(
        &self,
        cx: &Cx,
        topic: &str,
        body: Body,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, Failure> {
        let attributes = ascii_json(attributes);
        let headers = attributes.iter().map(|json| ("x-sf-attributes", json.as_str())).collect();
        let path = format!("/topics/{}/messages", segment(topic)?);
        self.deliver(cx, path, body, headers).await
    }
}

impl HostOperate {
    async fn deliver(
        &self,
        cx: &Cx,
        path: String,
        body: Body,
        mut headers: Vec<(&'static str, &str)>,
    ) -> Result<String, Failure> {
        let (content_type, body): (_, HttpBody) = match body {
            Body::Json(json) => ("application/json", json.to_string().into()),
            Body::Bytes(bytes) => ("application/octet-stream", bytes.into()),
        };
        headers.push(("content-type", content_type));
        let call = DataCall { method: Method::POST, path, headers, body };
        Ok(self.data_json::<Sent>(cx, call).await?.id)
    }
}

/// JSON that a header can hold: what is not ASCII is escaped. `None` for no attributes.
fn ascii_json(attributes: &BTreeMap<String, String>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let json = serde_json::to_string(attributes).ok()?;
    let mut ascii = String::with_capacity(json.len());
    for unit in json.chars() {
        match unit {
            ' '..='~' => ascii.push(unit),
            _ => {
                let mut units = [0; 2];
                ascii.extend(unit.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    Some(ascii)
}

fn inbox(status: InboxStatus) -> Inbox {
    Inbox {
        id: InboxId { kind: status.kind, name: status.name },
        source: status.source,
        function: status.function,
        ready: status.ready,
        delayed: status.delayed,
        in_flight: status.in_flight,
        dead: status.dead,
    }
}

fn message(view: MessageView) -> Message {
    Message {
        id: view.id,
        body: view.body,
        attributes: view.attributes,
        attempts: view.attempts,
        sent_ms: view.sent_ms,
        last_error: view.last_error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_any_language_fit_a_header() {
        let attributes = BTreeMap::from([("city".to_owned(), "서울 🌊".to_owned())]);
        let json = ascii_json(&attributes).unwrap();
        assert_eq!(json, r#"{"city":"\uc11c\uc6b8 \ud83c\udf0a"}"#);
        assert_eq!(serde_json::from_str::<BTreeMap<String, String>>(&json).unwrap(), attributes);
        assert_eq!(ascii_json(&BTreeMap::new()), None);
    }
}
