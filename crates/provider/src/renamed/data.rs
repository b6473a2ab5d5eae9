//! The same for data.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sf_model::{ItemKind, Renames};
use sf_plan::{Failure, Json};

use super::{tell, tell_source};
use crate::Cx;
use crate::contract::Operate;
use crate::data::{
    Body, ByteStream, Inbox, InboxId, Item, ItemPage, ItemQuery, Items, Message, Messages, ObjectPage,
    ObjectQuery, Objects, SecretState, Secrets, UrlMethod,
};

/// What a provider has of secrets, messages, objects and items.
pub(super) struct Data {
    pub(super) inner: Arc<dyn Operate>,
    pub(super) renames: Arc<Renames>,
}

impl Data {
    fn bucket<'a>(&'a self, name: &'a str) -> &'a str {
        self.renames.first(ItemKind::Bucket, name)
    }

    fn table<'a>(&'a self, name: &'a str) -> &'a str {
        self.renames.first(ItemKind::Table, name)
    }

    /// A subscription's name is the provider's own.
    fn inbox(&self, id: &InboxId) -> InboxId {
        let name = match ItemKind::from_singular(&id.kind) {
            Some(kind) => self.renames.first(kind, &id.name),
            None => &id.name,
        };
        InboxId { kind: id.kind.clone(), name: name.to_owned() }
    }
}

/// Whoever is given one of these traits was told by the provider that it has it.
fn had<T>(part: Option<T>, what: &str) -> Result<T, Failure> {
    part.ok_or_else(|| Failure::internal(format!("this provider has no {what}")))
}

#[async_trait]
impl Secrets for Data {
    async fn list(&self, cx: &Cx) -> Result<Vec<SecretState>, Failure> {
        let mut secrets = had(self.inner.secrets(), "secrets")?.list(cx).await?;
        for secret in &mut secrets {
            tell(&self.renames, ItemKind::Secret, &mut secret.name);
        }
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(secrets)
    }

    async fn set(&self, cx: &Cx, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        let name = self.renames.first(ItemKind::Secret, name);
        had(self.inner.secrets(), "secrets")?.set(cx, name, value).await
    }

    async fn remove(&self, cx: &Cx, name: &str) -> Result<bool, Failure> {
        let name = self.renames.first(ItemKind::Secret, name);
        had(self.inner.secrets(), "secrets")?.remove(cx, name).await
    }
}

#[async_trait]
impl Messages for Data {
    async fn inboxes(&self, cx: &Cx) -> Result<Vec<Inbox>, Failure> {
        let mut inboxes = had(self.inner.messages(), "messages")?.inboxes(cx).await?;
        for Inbox { id, source, function, .. } in &mut inboxes {
            if let Some(kind) = ItemKind::from_singular(&id.kind) {
                tell(&self.renames, kind, &mut id.name);
            }
            tell_source(&self.renames, source);
            if let Some(function) = function {
                tell(&self.renames, ItemKind::Function, function);
            }
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
        had(self.inner.messages(), "messages")?.peek(cx, &self.inbox(inbox), dead, limit).await
    }

    async fn redrive(&self, cx: &Cx, inbox: &InboxId) -> Result<u64, Failure> {
        had(self.inner.messages(), "messages")?.redrive(cx, &self.inbox(inbox)).await
    }

    async fn purge(&self, cx: &Cx, inbox: &InboxId, dead: bool) -> Result<u64, Failure> {
        had(self.inner.messages(), "messages")?.purge(cx, &self.inbox(inbox), dead).await
    }

    async fn send(
        &self,
        cx: &Cx,
        queue: &str,
        body: Body,
        delay: Option<Duration>,
    ) -> Result<String, Failure> {
        let queue = self.renames.first(ItemKind::Queue, queue);
        had(self.inner.messages(), "messages")?.send(cx, queue, body, delay).await
    }

    async fn publish(
        &self,
        cx: &Cx,
        topic: &str,
        body: Body,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, Failure> {
        let topic = self.renames.first(ItemKind::Topic, topic);
        had(self.inner.messages(), "messages")?.publish(cx, topic, body, attributes).await
    }
}

#[async_trait]
impl Objects for Data {
    async fn list(&self, cx: &Cx, bucket: &str, query: &ObjectQuery) -> Result<ObjectPage, Failure> {
        had(self.inner.objects(), "buckets")?.list(cx, self.bucket(bucket), query).await
    }

    async fn get(&self, cx: &Cx, bucket: &str, key: &str) -> Result<Option<ByteStream>, Failure> {
        had(self.inner.objects(), "buckets")?.get(cx, self.bucket(bucket), key).await
    }

    async fn put(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        file: &Path,
        content_type: Option<&str>,
    ) -> Result<String, Failure> {
        let bucket = self.bucket(bucket);
        had(self.inner.objects(), "buckets")?.put(cx, bucket, key, file, content_type).await
    }

    async fn remove(&self, cx: &Cx, bucket: &str, key: &str) -> Result<(), Failure> {
        had(self.inner.objects(), "buckets")?.remove(cx, self.bucket(bucket), key).await
    }

    async fn url(
        &self,
        cx: &Cx,
        bucket: &str,
        key: &str,
        method: UrlMethod,
        expires: Duration,
    ) -> Result<String, Failure> {
        had(self.inner.objects(), "buckets")?.url(cx, self.bucket(bucket), key, method, expires).await
    }
}

#[async_trait]
impl Items for Data {
    async fn get(&self, cx: &Cx, table: &str, key: &Json) -> Result<Option<Item>, Failure> {
        had(self.inner.items(), "tables")?.get(cx, self.table(table), key).await
    }

    async fn put(&self, cx: &Cx, table: &str, item: &Json, if_absent: bool) -> Result<String, Failure> {
        had(self.inner.items(), "tables")?.put(cx, self.table(table), item, if_absent).await
    }

    async fn remove(&self, cx: &Cx, table: &str, key: &Json) -> Result<bool, Failure> {
        had(self.inner.items(), "tables")?.remove(cx, self.table(table), key).await
    }

    async fn query(&self, cx: &Cx, table: &str, query: &ItemQuery) -> Result<ItemPage, Failure> {
        had(self.inner.items(), "tables")?.query(cx, self.table(table), query).await
    }

    async fn scan(
        &self,
        cx: &Cx,
        table: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure> {
        had(self.inner.items(), "tables")?.scan(cx, self.table(table), limit, cursor).await
    }
}
