//! An app's listener: its connections, bounded in number and in time.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard::{Guarded, Upgraded};
use super::head::{HEAD_TIMEOUT, MAX_HEAD};
use super::{Public, Visit, answer};
use crate::apps::App;
use crate::sockets::Sockets;

/// Connections of one gateway, if the system lets the process have as many: an eighth of the open files is for everything else.
const MAX_CONNECTIONS: usize = 16_384;
/// What gathered request bodies may take of the memory.
const GATHERED_MEMORY: usize = 64 << 20;
/// How long what is in flight may take when the gateway closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Out of file descriptors: those in use will come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An app's listener.
pub(crate) struct Gateway {
    pub(crate) port: u16,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub(crate) fn open(address: SocketAddr, app: Arc<App>, sockets: Arc<Sockets>) -> std::io::Result<Self> {
        let listener = crate::ports::listen(address)?;
        let port = listener.local_addr()?.port();
        let stop = CancellationToken::new();
        let connections = max_connections();
        let public = Arc::new(Public {
            id: app.id.clone(),
            app,
            sockets,
            stop: stop.clone(),
            tasks: TaskTracker::new(),
            gathered: Arc::new(Semaphore::new(GATHERED_MEMORY)),
            // So that those who stay for long leave room for those who do not.
            upgrades: Arc::new(Semaphore::new(connections / 2)),
        });
        let task = tokio::spawn(accept(listener, public, Arc::new(Semaphore::new(connections))));
        Ok(Self { port, stop, task })
    }

    /// Takes no new connections and waits for what is in flight.
    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, &mut self.task).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn max_connections() -> usize {
    match crate::daemon::open_files() {
        Some(files) => (files - files / 8).min(MAX_CONNECTIONS),
        None => MAX_CONNECTIONS,
    }
}

async fn accept(listener: TcpListener, public: Arc<Public>, free: Arc<Semaphore>) {
    let mut is_failing = false;
    loop {
        let (stream, client) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
                Err(error) => {
                    // Said once, not twenty times a second.
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(%error, "accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = public.stop.cancelled() => break,
        };
        is_failing = false;
        let _ = stream.set_nodelay(true);
        match free.clone().try_acquire_owned() {
            Ok(permit) => drop(public.tasks.spawn(serve(stream, client, public.clone(), permit))),
            Err(_) => refuse(stream).await,
        }
    }
    drop(listener);
    public.tasks.close();
    public.tasks.wait().await;
}

/// Says that there are too many, as far as that takes no time.
async fn refuse(mut stream: TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let _ = tokio::time::timeout(Duration::from_millis(1), stream.write_all(FULL)).await;
}

async fn serve(stream: TcpStream, client: IpAddr, public: Arc<Public>, permit: OwnedSemaphorePermit) {
    // Until a client says something it costs no buffers.
    tokio::select! {
        spoke = tokio::time::timeout(HEAD_TIMEOUT, stream.readable()) => {
            let Ok(Ok(())) = spoke else { return };
        }
        () = public.stop.cancelled() => return,
    }
    let upgraded = Upgraded::default();
    let stop = public.stop.clone();
    let visit = Visit { public, client, upgraded: upgraded.clone(), permit: Arc::new(permit) };
    let service = service_fn(move |request| {
        let visit = visit.clone();
        async move { Ok::<_, Infallible>(answer(&visit, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        // Most answers are small: one copy costs less than a list of buffers does.
        .writev(false)
        .serve_connection(TokioIo::new(Guarded::new(stream, upgraded)), service)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    // A client that breaks off is its own affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
