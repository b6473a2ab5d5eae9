//! What a person does with inboxes: look, redrive, purge.

use rusqlite::{Connection, params};

use super::delivery::{COLUMNS, find, message, settle, unsigned};
use super::{Counts, Inbox, Message, State};
use crate::store::Tx;
use crate::{AppId, Data, DataError};

fn counts(db: &Connection, (inbox, retries): (i64, u32), now_ms: i64) -> Result<Counts, DataError> {
    let mut query = db.prepare_cached(
        "WITH own AS (SELECT state, ready_ms, attempts FROM messages WHERE inbox = ?1)
         SELECT (SELECT count(*) FROM own WHERE state = ?4 AND ready_ms <= ?2),
                (SELECT count(*) FROM own WHERE state = ?4 AND ready_ms > ?2),
                (SELECT count(*) FROM own WHERE state = ?5 AND ready_ms > ?2),
                (SELECT count(*) FROM own WHERE state = ?6),
                (SELECT count(*) FROM own WHERE state = ?5 AND ready_ms <= ?2 AND attempts < ?3),
                (SELECT count(*) FROM own WHERE state = ?5 AND ready_ms <= ?2 AND attempts >= ?3)",
    )?;
    let (waiting, leased, dead) = (State::Waiting as i64, State::Leased as i64, State::Dead as i64);
    let counts = query.query_row(params![inbox, now_ms, retries, waiting, leased, dead], |row| {
        let count = |column| row.get(column).map(unsigned);
        // The last two are leases that ended and that nobody settled yet.
        Ok(Counts {
            ready: count(0)? + count(4)?,
            delayed: count(1)?,
            in_flight: count(2)?,
            dead: count(3)? + count(5)?,
        })
    });
    Ok(counts?)
}

fn peek(
    db: &Connection,
    (inbox, retries): (i64, u32),
    dead: bool,
    limit: usize,
    now_ms: i64,
) -> Result<Vec<Message>, DataError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // One ordered scan of the index for the messages of a state, and one of the leased ones, which are few.
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM (
             SELECT * FROM (SELECT * FROM messages WHERE inbox = ?1 AND state = ?2 ORDER BY ready_ms, seq LIMIT ?7)
             UNION ALL
             SELECT * FROM messages WHERE inbox = ?1 AND state = ?3
                 AND (ready_ms <= ?4 AND attempts >= ?5) = ?6)
         ORDER BY sent_ms, seq LIMIT ?7"
    ))?;
    let state = if dead { State::Dead } else { State::Waiting };
    let parameters = params![inbox, state as i64, State::Leased as i64, now_ms, retries, dead, limit];
    let mut rows = query.query(parameters)?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(message(row)?);
    }
    Ok(messages)
}

fn redrive(tx: &mut Tx<'_>, (inbox, retries): (i64, u32)) -> Result<u64, DataError> {
    settle(tx, inbox, retries)?;
    let mut update = tx.db.prepare_cached(
        "UPDATE messages SET state = ?2, ready_ms = ?3, attempts = 0 WHERE inbox = ?1 AND state = ?4",
    )?;
    let redriven = update.execute(params![inbox, State::Waiting as i64, tx.now_ms, State::Dead as i64])?;
    if redriven > 0 {
        tx.message_arrived();
    }
    Ok(redriven as u64)
}

fn purge(tx: &Tx<'_>, (inbox, retries): (i64, u32), dead: bool) -> Result<u64, DataError> {
    settle(tx, inbox, retries)?;
    let state = if dead { State::Dead } else { State::Waiting };
    let mut delete = tx.db.prepare_cached("DELETE FROM messages WHERE inbox = ?1 AND state = ?2")?;
    Ok(delete.execute(params![inbox, state as i64])? as u64)
}

impl Data {
    /// How many messages there are. Error if there is no such inbox.
    pub async fn counts(&self, app: &AppId, inbox: &Inbox) -> Result<Counts, DataError> {
        let (app, inbox, now_ms) = (app.clone(), inbox.clone(), self.now_ms());
        self.read("count messages", move |db| counts(db, find(db, &app, &inbox)?, now_ms)).await
    }

    /// The oldest messages, or dead letters, without taking them.
    pub async fn peek(
        &self,
        app: &AppId,
        inbox: &Inbox,
        dead: bool,
        limit: usize,
    ) -> Result<Vec<Message>, DataError> {
        let (app, inbox, now_ms) = (app.clone(), inbox.clone(), self.now_ms());
        let peek = move |db: &Connection| peek(db, find(db, &app, &inbox)?, dead, limit, now_ms);
        self.read("look at messages", peek).await
    }

    /// Makes dead letters ready again with their deliveries counted anew; gives how many.
    pub async fn redrive(&self, app: &AppId, inbox: &Inbox) -> Result<u64, DataError> {
        let (app, inbox) = (app.clone(), inbox.clone());
        let redrive = move |tx: &mut Tx<'_>| {
            let inbox = find(tx.db, &app, &inbox)?;
            redrive(tx, inbox)
        };
        self.write("redrive dead letters", redrive).await
    }

    /// Deletes all messages that are not being handled, or all dead letters; gives how many.
    pub async fn purge(&self, app: &AppId, inbox: &Inbox, dead: bool) -> Result<u64, DataError> {
        let (app, inbox) = (app.clone(), inbox.clone());
        let purge = move |tx: &mut Tx<'_>| purge(tx, find(tx.db, &app, &inbox)?, dead);
        self.write("purge messages", purge).await
    }
}
