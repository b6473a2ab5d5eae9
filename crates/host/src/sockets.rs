//! Open WebSocket connections, by app, socket and id: the gateway adds and removes them, the data API sends to them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sf_data::AppId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_util::sync::CancellationToken;

/// Messages that may wait for one client.
pub(crate) const QUEUE: usize = 8;
/// A client that takes nothing for so long is given up.
pub(crate) const SLOW: Duration = Duration::from_secs(5);

/// What is sent to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    Text(String),
    Binary(Bytes),
    Close,
}

type Key = (AppId, String, String);

#[derive(Clone)]
struct Open {
    queue: mpsc::Sender<Outgoing>,
    /// Ends the connection.
    give_up: CancellationToken,
}

/// All open connections.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Mutex<HashMap<Key, Open>>,
}

impl Sockets {
    fn open(&self) -> MutexGuard<'_, HashMap<Key, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it can be sent to; `give_up` is cancelled when it is too slow.
    pub(crate) fn add(
        &self,
        app: &AppId,
        socket: &str,
        id: &str,
        queue: mpsc::Sender<Outgoing>,
        give_up: CancellationToken,
    ) {
        self.open().insert((app.clone(), socket.to_owned(), id.to_owned()), Open { queue, give_up });
    }

    pub(crate) fn remove(&self, app: &AppId, socket: &str, id: &str) {
        self.open().remove(&(app.clone(), socket.to_owned(), id.to_owned()));
    }

    /// Sends, waiting a little while the client is slow; `false` when it is gone, or is given up now.
    pub(crate) async fn send(&self, app: &AppId, socket: &str, id: &str, frame: Outgoing) -> bool {
        let open = self.open().get(&(app.clone(), socket.to_owned(), id.to_owned())).cloned();
        let Some(open) = open else { return false };
        match open.queue.send_timeout(frame, SLOW).await {
            Ok(()) => true,
            Err(SendTimeoutError::Closed(_)) => false,
            Err(SendTimeoutError::Timeout(_)) => {
                open.give_up.cancel();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let app = AppId { project: "a".into(), stage: "dev".into() };
        let (sockets, give_up) = (Sockets::default(), CancellationToken::new());
        let (sender, mut queue) = mpsc::channel(QUEUE);
        sockets.add(&app, "chat", "1", sender, give_up.clone());
        for _ in 0..QUEUE {
            assert!(sockets.send(&app, "chat", "1", Outgoing::Text("a".into())).await);
        }
        assert!(!give_up.is_cancelled());
        assert!(!sockets.send(&app, "chat", "1", Outgoing::Close).await);
        assert!(give_up.is_cancelled());
        assert_eq!(queue.recv().await, Some(Outgoing::Text("a".into())));
        sockets.remove(&app, "chat", "1");
        assert!(!sockets.send(&app, "chat", "1", Outgoing::Close).await);
    }
}
