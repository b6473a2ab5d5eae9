//! Queues, topics, and what waits to be delivered.
//!
//! An inbox is a queue with its dead letters, or what a function could not handle (`subscription`): SNS, S3 and Lambda let nobody see what
//! else they have to tell it. SQS shows no message without handing it out, which counts as a delivery; so only dead letters are looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sf_plan::{Failure, Json};
use sf_provider::{Body, Cx, Inbox, InboxId, Message, Messages};

use super::letters::{self, BASE64_ENCODING, ENCODING};
use super::{AwsOperate, failure, refused};
use crate::api::invoke::invoke_later;
use crate::api::sqs::{self, Attribute, Attributes, Received, Sending, Texts};
use crate::api::{ApiError, event_source, sns};
use crate::kinds::Inventory;
use crate::names::addr::kind;
use crate::names::{self, LIVE};

const QUEUE: &str = "queue";
const SUBSCRIPTION: &str = "subscription";

/// For so long nobody else gets a message that is being moved.
const MOVING_SECONDS: u32 = 60;
/// SQS hands out what it likes: after so many times without anything new, everything was seen.
const TIMES_WITHOUT_NEWS: u32 = 3;

#[async_trait]
impl Messages for AwsOperate {
    async fn inboxes(&self, cx: &Cx) -> Result<Vec<Inbox>, Failure> {
        let inventory = Inventory::take(&self.api, &cx.scope).await?;
        let failed = |error: ApiError| refused("list the queues", &error);
        let sources = event_source::list(&self.api, None, None).await.map_err(failed)?;
        let mut inboxes = Vec::new();
        for (key, arn) in inventory.of(kind::QUEUE) {
            let name = &key.addr.name;
            let Some(waiting) = self.waiting(&names::queue(&cx.scope, name)).await.map_err(failed)? else {
                continue;
            };
            let dead = self.waiting(&dead_letters(cx, name)).await.map_err(failed)?.unwrap_or_default();
            let mut listeners = sources.iter().filter(|source| source.event_source_arn == *arn);
            inboxes.push(Inbox {
                id: InboxId { kind: QUEUE.into(), name: name.clone() },
                source: String::new(),
                function: listeners
                    .find_map(|source| inventory.function(&source.function_arn))
                    .map(str::to_owned),
                dead: dead.ready,
                ready: waiting.ready,
                delayed: waiting.delayed,
                in_flight: waiting.in_flight,
            });
        }
        for (key, _) in inventory.of(kind::FAILURE_QUEUE) {
            let function = &key.addr.name;
            let Some(dead) = self.waiting(&failures(cx, function)).await.map_err(failed)? else { continue };
            inboxes.push(Inbox {
                id: InboxId { kind: SUBSCRIPTION.into(), name: function.clone() },
                source: "events".into(),
                function: Some(function.clone()),
                ready: 0,
                delayed: 0,
                in_flight: 0,
                dead: dead.ready,
            });
        }
        Ok(inboxes)
    }

    async fn peek(
        &self,
        cx: &Cx,
        inbox: &InboxId,
        dead: bool,
        limit: usize,
    ) -> Result<Vec<Message>, Failure> {
        let doing = format!("look at {} `{}`", inbox.kind, inbox.name);
        if !dead {
            return Err(failure(
                "unsupported",
                format!(
                    "{doing}: SQS counts a look as a delivery that failed, and what failed too often is a dead letter"
                ),
                "its dead letters can be looked at with `--dead`; `sf queue list` says how many messages wait",
            ));
        }
        let url = self.url(&dead_queue(cx, inbox)?).await?;
        let mut seen: BTreeMap<String, Received> = BTreeMap::new();
        let mut without_news = 0;
        while seen.len() < limit && without_news < TIMES_WITHOUT_NEWS {
            let received = sqs::receive_message(&self.api, &url, 10, 0)
                .await
                .map_err(|error| refused(&doing, &error))?;
            if received.is_empty() {
                break;
            }
            let before = seen.len();
            seen.extend(received.into_iter().map(|message| (message.message_id.clone(), message)));
            without_news = if seen.len() == before { without_news + 1 } else { 0 };
        }
        let as_message = if inbox.kind == QUEUE { letters::of_queue } else { letters::of_failures };
        let mut messages: Vec<Message> = seen.values().map(as_message).collect();
        messages.sort_by(|a, b| (a.sent_ms, &a.id).cmp(&(b.sent_ms, &b.id)));
        messages.truncate(limit);
        Ok(messages)
    }

    async fn redrive(&self, cx: &Cx, inbox: &InboxId) -> Result<u64, Failure> {
        let doing = format!("deliver the dead letters of {} `{}` again", inbox.kind, inbox.name);
        let failed = |error: ApiError| refused(&doing, &error);
        let from = self.url(&dead_queue(cx, inbox)?).await?;
        let to = self.url(&names::queue(&cx.scope, &inbox.name)).await?;
        let (mut moved, mut left) = (0, 0);
        loop {
            let received =
                sqs::receive_message(&self.api, &from, 10, MOVING_SECONDS).await.map_err(failed)?;
            if received.is_empty() {
                break;
            }
            for message in received {
                let again = if inbox.kind == QUEUE {
                    self.send_again(&to, &message).await.map_err(failed)?
                } else {
                    self.call_again(cx, &inbox.name, &message).await.map_err(failed)?
                };
                if again {
                    sqs::delete_message(&self.api, &from, &message.receipt_handle).await.map_err(failed)?;
                    moved += 1;
                } else {
                    left += 1;
                }
            }
        }
        if moved == 0 && left > 0 {
            return Err(failure(
                "unsupported",
                format!("{doing}: Lambda keeps where a table's changes were, and not what they were"),
                "read the items that they are about from the table; `sf queue purge` deletes these letters",
            ));
        }
        Ok(moved)
    }

    /// SQS deletes what is being handled, too.
    async fn purge(&self, cx: &Cx, inbox: &InboxId, dead: bool) -> Result<u64, Failure> {
        let doing = format!("purge {} `{}`", inbox.kind, inbox.name);
        let failed = |error: ApiError| {
            let mut failure = refused(&doing, &error);
            if error.code.contains("PurgeQueueInProgress") {
                failure.hint = Some("SQS purges a queue once in a minute: run the command again then".into());
            }
            failure
        };
        let physical = if dead || inbox.kind != QUEUE {
            dead_queue(cx, inbox)?
        } else {
            names::queue(&cx.scope, &inbox.name)
        };
        let waiting = self.waiting(&physical).await.map_err(failed)?.unwrap_or_default();
        sqs::purge_queue(&self.api, &self.url(&physical).await?).await.map_err(failed)?;
        Ok(waiting.ready + waiting.delayed)
    }

    async fn send(
        &self,
        cx: &Cx,
        queue: &str,
        body: Body,
        delay: Option<Duration>,
    ) -> Result<String, Failure> {
        let url = self.url(&names::queue(&cx.scope, queue)).await?;
        let (text, is_base64) = letters::written(body);
        let encoding = is_base64.then(|| (ENCODING.to_owned(), Attribute::text(BASE64_ENCODING)));
        let message = Sending {
            queue_url: &url,
            message_body: &text,
            delay_seconds: delay.map(|delay| delay.as_secs()),
            message_attributes: encoding.into_iter().collect(),
        };
        sqs::send_message(&self.api, &message)
            .await
            .map_err(|error| refused(&format!("send to queue `{queue}`"), &error))
    }

    async fn publish(
        &self,
        cx: &Cx,
        topic: &str,
        body: Body,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, Failure> {
        let arn = names::arn::topic(&names::topic(&cx.scope, topic));
        let arn = self.api.place().await?.concrete(&arn);
        let (text, is_base64) = letters::written(body);
        let mut attributes = attributes.clone();
        if is_base64 {
            attributes.insert(ENCODING.into(), BASE64_ENCODING.into());
        }
        sns::publish(&self.api, &arn, &text, &attributes)
            .await
            .map_err(|error| refused(&format!("publish to topic `{topic}`"), &error))
    }
}

/// How much waits in a queue, as SQS guesses.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    ready: u64,
    delayed: u64,
    in_flight: u64,
}

impl Waiting {
    fn of(attributes: &Texts) -> Self {
        let number = |name: &str| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            ready: number("ApproximateNumberOfMessages"),
            delayed: number("ApproximateNumberOfMessagesDelayed"),
            in_flight: number("ApproximateNumberOfMessagesNotVisible"),
        }
    }
}

impl AwsOperate {
    async fn url(&self, physical: &str) -> Result<String, Failure> {
        Ok(sqs::queue_url(&self.api, &self.api.place().await?, physical))
    }

    /// `None`: there is no such queue.
    async fn waiting(&self, physical: &str) -> Result<Option<Waiting>, ApiError> {
        let Ok(url) = self.url(physical).await else { return Ok(None) };
        match sqs::get_queue_attributes(&self.api, &url).await {
            Ok(attributes) => Ok(Some(Waiting::of(&attributes))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a dead letter to where it came from.
    async fn send_again(&self, url: &str, message: &Received) -> Result<bool, ApiError> {
        let attributes: Attributes = message
            .message_attributes
            .iter()
            .filter(|(_, attribute)| attribute.string_value.is_some())
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        let again = Sending {
            queue_url: url,
            message_body: &message.body,
            delay_seconds: None,
            message_attributes: attributes,
        };
        sqs::send_message(&self.api, &again).await.map(|_| true)
    }

    /// Calls a function with an event that it could not handle; `false`: the event is not known any more.
    async fn call_again(&self, cx: &Cx, function: &str, message: &Received) -> Result<bool, ApiError> {
        let record: Json = serde_json::from_str(&message.body).unwrap_or_default();
        let Some(payload) = letters::payload(&record) else { return Ok(false) };
        let physical = names::function(&cx.scope, function);
        invoke_later(&self.api, &physical, LIVE, payload.to_string().into_bytes()).await.map(|()| true)
    }
}

fn dead_letters(cx: &Cx, queue: &str) -> String {
    names::queue(&cx.scope, &names::dead_letters_of(queue))
}

fn failures(cx: &Cx, function: &str) -> String {
    names::queue(&cx.scope, &names::failures_of(function))
}

/// The queue that an inbox's dead letters are in.
fn dead_queue(cx: &Cx, inbox: &InboxId) -> Result<String, Failure> {
    match inbox.kind.as_str() {
        QUEUE => Ok(dead_letters(cx, &inbox.name)),
        SUBSCRIPTION => Ok(failures(cx, &inbox.name)),
        other => Err(failure(
            "not-found",
            format!("there is no inbox of kind `{other}`"),
            "`sf queue list` lists those that there are",
        )),
    }
}
