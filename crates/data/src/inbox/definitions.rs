//! Queues, topics and subscriptions as they are defined, and who listens to what.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{QueueDefinition, Source, Subscription};
use crate::store::Tx;
use crate::store::resource::{self, Kind};
use crate::{AppId, Data, DataError};

/// A subscription as it is stored. [`QueueDefinition`] is a part of it, so that an inbox of either kind can be read as one.
#[derive(Serialize, Deserialize)]
struct Stored {
    retries: u32,
    source: Source,
}

impl Source {
    /// What is listened to, as `KIND/NAME`.
    fn address(&self) -> String {
        match self {
            Self::Topic { topic, .. } => address(Kind::Topic, topic),
            Self::Bucket { bucket, .. } => address(Kind::Bucket, bucket),
            Self::Table { table } => address(Kind::Table, table),
        }
    }
}

fn address(kind: Kind, name: &str) -> String {
    format!("{}/{name}", kind.word())
}

/// The inboxes of those who listen to a resource and want what happened to it.
pub(crate) fn subscribers(
    db: &Connection,
    app: i64,
    kind: Kind,
    name: &str,
    wanted: impl Fn(&Source) -> bool,
) -> Result<Vec<i64>, DataError> {
    let mut query =
        db.prepare_cached("SELECT id, definition FROM resources WHERE app = ?1 AND listens_to = ?2")?;
    let mut rows = query.query(params![app, address(kind, name)])?;
    let mut inboxes = Vec::new();
    while let Some(row) = rows.next()? {
        let stored: Stored = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?;
        if wanted(&stored.source) {
            inboxes.push(row.get(0)?);
        }
    }
    Ok(inboxes)
}

fn set(tx: &mut Tx<'_>, app: &AppId, subscriptions: &[Subscription]) -> Result<(), DataError> {
    let id = resource::ensure_app(tx, app)?;
    let mut query = tx.db.prepare("SELECT name FROM resources WHERE app = ?1 AND kind = ?2")?;
    let before = query
        .query_map(params![id, Kind::Subscription.word()], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    drop(query);
    for name in before.iter().filter(|name| subscriptions.iter().all(|one| one.name != **name)) {
        resource::remove(tx, app, Kind::Subscription, name)?;
    }
    for Subscription { name, source, retries } in subscriptions {
        let stored = Stored { retries: *retries, source: source.clone() };
        resource::define(tx, app, Kind::Subscription, name, &stored, Some(&source.address()))?;
    }
    Ok(())
}

impl Data {
    /// Makes a queue or changes it.
    pub async fn define_queue(
        &self,
        app: &AppId,
        name: &str,
        definition: QueueDefinition,
    ) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        let define = move |tx: &mut Tx<'_>| resource::define(tx, &app, Kind::Queue, &name, &definition, None);
        self.write("define queue", define).await
    }

    /// Deletes a queue with its messages. Nothing if there is none.
    pub async fn drop_queue(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write("drop queue", move |tx| resource::remove(tx, &app, Kind::Queue, &name)).await
    }

    /// Makes a topic.
    pub async fn define_topic(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        let define = move |tx: &mut Tx<'_>| resource::define(tx, &app, Kind::Topic, &name, &(), None);
        self.write("define topic", define).await
    }

    /// Deletes a topic. Nothing if there is none.
    pub async fn drop_topic(&self, app: &AppId, name: &str) -> Result<(), DataError> {
        let (app, name) = (app.clone(), name.to_owned());
        self.write("drop topic", move |tx| resource::remove(tx, &app, Kind::Topic, &name)).await
    }

    /// Replaces an app's subscriptions, all at once. Inboxes of those that stay keep their messages, also when their source or filter changes; those of others are
    /// dropped.
    pub async fn set_subscriptions(
        &self,
        app: &AppId,
        subscriptions: Vec<Subscription>,
    ) -> Result<(), DataError> {
        let mut names = BTreeSet::new();
        if let Some(twice) = subscriptions.iter().find(|one| !names.insert(&one.name)) {
            return Err(DataError::bad_request(format!("subscription `{}` is there twice", twice.name)));
        }
        let app = app.clone();
        self.write("set subscriptions", move |tx| set(tx, &app, &subscriptions)).await
    }
}
