//! Open WebSocket connections, by app, socket and id: the gateway adds and removes them, the data API sends to them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sf_data::AppId;
use tokio::sync::mpsc;

/// What is sent to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Text(String),
    Binary(Bytes),
    Close,
}

type Key = (AppId, String, String);

/// All open connections.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Mutex<HashMap<Key, mpsc::Sender<Outgoing>>>,
}

impl Sockets {
    fn open(&self) -> MutexGuard<'_, HashMap<Key, mpsc::Sender<Outgoing>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, app: &AppId, socket: &str, id: &str, sender: mpsc::Sender<Outgoing>) {
        self.open().insert((app.clone(), socket.to_owned(), id.to_owned()), sender);
    }

    pub(crate) fn remove(&self, app: &AppId, socket: &str, id: &str) {
        self.open().remove(&(app.clone(), socket.to_owned(), id.to_owned()));
    }

    /// Sends, waiting while the client is slow; `false` when it is gone.
    pub(crate) async fn send(&self, app: &AppId, socket: &str, id: &str, frame: Outgoing) -> bool {
        let sender = self.open().get(&(app.clone(), socket.to_owned(), id.to_owned())).cloned();
        match sender {
            Some(sender) => sender.send(frame).await.is_ok(),
            None => false,
        }
    }
}
