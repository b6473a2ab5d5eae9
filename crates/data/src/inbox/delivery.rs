//! How messages are taken out of inboxes, and what becomes of them.

use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::{Body, Delivery, Failed, Inbox, Message, QueueDefinition, State};
use crate::store::Tx;
use crate::store::resource;
use crate::{AppId, Data, DataError};

/// The columns that [`message`] reads, in its order.
pub(super) const COLUMNS: &str =
    "id, event, subject, attributes, attempts, sent_ms, last_error, is_json, body, seq";

pub(super) fn message(row: &Row<'_>) -> Result<Message, DataError> {
    let attributes: Option<String> = row.get(3)?;
    let body = row.get::<_, Vec<u8>>(8)?.into();
    Ok(Message {
        id: row.get(0)?,
        event: row.get(1)?,
        subject: row.get(2)?,
        body: if row.get(7)? { Body::Json(body) } else { Body::Bytes(body) },
        attributes: attributes.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default(),
        attempts: row.get(4)?,
        sent_ms: unsigned(row.get(5)?),
        last_error: row.get(6)?,
    })
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// An inbox's id and how often it delivers.
pub(super) fn find(db: &Connection, app: &AppId, inbox: &Inbox) -> Result<(i64, u32), DataError> {
    let found = resource::require(db, app, inbox.kind(), inbox.name())?;
    let QueueDefinition { retries } = found.definition()?;
    Ok((found.id, retries))
}

/// Messages whose lease ended wait again, or are dead if they had all their deliveries.
pub(super) fn settle(tx: &Tx<'_>, inbox: i64, retries: u32) -> Result<(), DataError> {
    let mut update = tx.db.prepare_cached(
        "UPDATE messages SET state = CASE WHEN attempts >= ?3 THEN ?4 ELSE ?5 END, receipt = NULL,
             last_error = 'the lease ended before the delivery was finished'
         WHERE inbox = ?1 AND state = ?6 AND ready_ms <= ?2",
    )?;
    let (waiting, leased, dead) = (State::Waiting as i64, State::Leased as i64, State::Dead as i64);
    update.execute(params![inbox, tx.now_ms, retries, dead, waiting, leased])?;
    Ok(())
}

/// As [`settle`], for all inboxes and leases, when the folder is opened: who had them is gone.
pub(crate) fn recover(db: &Connection, now_ms: i64) -> Result<(), DataError> {
    db.execute(
        "UPDATE messages SET receipt = NULL, ready_ms = min(ready_ms, ?1),
             last_error = 'the host stopped before the delivery was finished',
             state = CASE WHEN attempts >= (SELECT definition ->> 'retries' FROM resources WHERE id = inbox) THEN ?2 ELSE ?3 END
         WHERE state = ?4",
        params![now_ms, State::Dead as i64, State::Waiting as i64, State::Leased as i64],
    )?;
    Ok(())
}

fn receive(
    tx: &mut Tx<'_>,
    (inbox, retries): (i64, u32),
    max: usize,
    lease: Duration,
) -> Result<Vec<Delivery>, DataError> {
    settle(tx, inbox, retries)?;
    let mut ready = tx.db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM messages WHERE inbox = ?1 AND state = ?2 AND ready_ms <= ?3
         ORDER BY ready_ms, seq LIMIT ?4",
    ))?;
    let mut take = tx.db.prepare_cached(
        "UPDATE messages SET state = ?2, ready_ms = ?3, receipt = ?4, attempts = attempts + 1 WHERE seq = ?1",
    )?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let mut rows = ready.query(params![inbox, State::Waiting as i64, tx.now_ms, limit])?;
    let mut taken = Vec::new();
    while let Some(row) = rows.next()? {
        taken.push((row.get::<_, i64>(9)?, message(row)?));
    }
    let until = tx.now_ms.saturating_add(milliseconds(lease));
    let mut deliveries = Vec::with_capacity(taken.len());
    for (seq, mut message) in taken {
        let receipt = tx.next_number();
        take.execute(params![seq, State::Leased as i64, until, receipt])?;
        message.attempts += 1;
        deliveries.push(Delivery { receipt: unsigned(receipt), message });
    }
    Ok(deliveries)
}

fn finish(
    tx: &mut Tx<'_>,
    (inbox, retries): (i64, u32),
    handled: &[u64],
    failed: &[Failed],
) -> Result<(), DataError> {
    let mut delete =
        tx.db.prepare_cached("DELETE FROM messages WHERE receipt = ?1 AND inbox = ?2 AND ready_ms > ?3")?;
    for &receipt in handled {
        delete.execute(params![number(receipt), inbox, tx.now_ms])?;
    }
    let mut give_back = tx.db.prepare_cached(
        "UPDATE messages SET state = CASE WHEN attempts >= ?4 THEN ?5 ELSE ?6 END, receipt = NULL, ready_ms = ?7,
             last_error = ?8
         WHERE receipt = ?1 AND inbox = ?2 AND ready_ms > ?3",
    )?;
    for Failed { receipt, retry_after, error } in failed {
        give_back.execute(params![
            number(*receipt),
            inbox,
            tx.now_ms,
            retries,
            State::Dead as i64,
            State::Waiting as i64,
            tx.now_ms.saturating_add(milliseconds(*retry_after)),
            error,
        ])?;
    }
    if !failed.is_empty() {
        tx.message_arrived();
    }
    Ok(())
}

/// A receipt as the database has it. One that it cannot have was never given.
fn number(receipt: u64) -> i64 {
    i64::try_from(receipt).unwrap_or(-1)
}

fn next_ready(db: &Connection, (inbox, retries): (i64, u32)) -> Result<Option<u64>, DataError> {
    let mut query = db.prepare_cached(
        "SELECT min(ready_ms) FROM (
             SELECT min(ready_ms) AS ready_ms FROM messages WHERE inbox = ?1 AND state = ?2
             UNION ALL
             SELECT min(ready_ms) FROM messages WHERE inbox = ?1 AND state = ?3 AND attempts < ?4)",
    )?;
    let (waiting, leased) = (State::Waiting as i64, State::Leased as i64);
    let next: Option<i64> = query.query_row(params![inbox, waiting, leased, retries], |row| row.get(0))?;
    Ok(next.map(unsigned))
}

impl Data {
    /// Takes at most `max` messages that are ready, those first that are so longest, and hides them for the lease. Each counts as a delivery. A message whose lease
    /// ended without [`Self::finish`] is ready again, or a dead letter if it had all its deliveries.
    pub async fn receive(
        &self,
        app: &AppId,
        inbox: &Inbox,
        max: usize,
        lease: Duration,
    ) -> Result<Vec<Delivery>, DataError> {
        let (app, inbox) = (app.clone(), inbox.clone());
        let receive = move |tx: &mut Tx<'_>| {
            let inbox = find(tx.db, &app, &inbox)?;
            receive(tx, inbox, max, lease)
        };
        self.write("receive messages", receive).await
    }

    /// Ends deliveries: the handled ones are deleted, the failed ones wait for their next time or become dead letters. A receipt whose lease ended is ignored.
    pub async fn finish(
        &self,
        app: &AppId,
        inbox: &Inbox,
        handled: Vec<u64>,
        failed: Vec<Failed>,
    ) -> Result<(), DataError> {
        let (app, inbox) = (app.clone(), inbox.clone());
        let finish = move |tx: &mut Tx<'_>| {
            let inbox = find(tx.db, &app, &inbox)?;
            finish(tx, inbox, &handled, &failed)
        };
        self.write("finish messages", finish).await
    }

    /// When the next message of an inbox will be ready, in milliseconds since the Unix epoch (in the past: now); `None` while there is none.
    /// A leased one is ready when its lease ends.
    pub async fn next_ready_ms(&self, app: &AppId, inbox: &Inbox) -> Result<Option<u64>, DataError> {
        let (app, inbox) = (app.clone(), inbox.clone());
        self.read("look into inbox", move |db| next_ready(db, find(db, &app, &inbox)?)).await
    }

    /// Changes whenever a write may have made a message ready, now or at a later time; not by time alone.
    pub fn arrivals(&self) -> tokio::sync::watch::Receiver<u64> {
        self.arrivals_of_writer()
    }
}
