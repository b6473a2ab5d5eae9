//! What stands between a client's socket and hyper: framing that hyper would let pass, clients that read nothing, and the end of a
//! connection whose client still sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::framing::Framing;

/// A client that takes nothing of its answer for so long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client that is refused in the middle of its request may go on sending, so that it comes to reading why. Closing at once
/// would make the system throw the answer away.
const LINGER: Duration = Duration::from_secs(2);
/// What hyper reads instead of a refused byte: a byte that is nowhere allowed, and the end of a head, at which hyper looks at it. Its own
/// answer to a message that it cannot read then is the answer to this one, at the right place among the answers before.
const POISON: &[u8] = b"\0\r\n\r\n";

/// Says that a connection has become something else than HTTP.
#[derive(Clone, Default)]
pub(super) struct Upgraded(Arc<AtomicBool>);

impl Upgraded {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

enum Ending {
    Open,
    Lingering(Pin<Box<Sleep>>),
}

/// A client's socket.
pub(super) struct Guarded<S> {
    stream: S,
    framing: Framing,
    upgraded: Upgraded,
    /// What of the poison hyper still has to read, once something was refused.
    poison: Option<&'static [u8]>,
    stalled: Option<Pin<Box<Sleep>>>,
    ending: Ending,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, upgraded: Upgraded) -> Self {
        let framing = Framing::new();
        Self { stream, framing, upgraded, poison: None, stalled: None, ending: Ending::Open }
    }

    /// An error when the client took nothing for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn must_linger(&self) -> bool {
        !self.upgraded.get() && (self.poison.is_some() || !self.framing.is_between_messages())
    }
}

/// Moves as much as fits.
fn feed(poison: &mut &'static [u8], buffer: &mut ReadBuf<'_>) {
    let (now, later) = poison.split_at(poison.len().min(buffer.remaining()));
    buffer.put_slice(now);
    *poison = later;
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(poison) = &mut this.poison {
            feed(poison, buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if this.upgraded.get() {
            return Poll::Ready(Ok(()));
        }
        if let Err(refused) = this.framing.scan(&buffer.filled()[before..]) {
            buffer.set_filled(before + refused);
            feed(this.poison.insert(POISON), buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Ending::Open = this.ending {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.must_linger() {
                return Poll::Ready(Ok(()));
            }
            this.ending = Ending::Lingering(Box::pin(sleep(LINGER)));
        }
        if let Ending::Lingering(timer) = &mut this.ending
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_refused_byte_is_replaced_and_nothing_follows_it() {
        let (mut client, server) = duplex(1024);
        client.write_all(b"GET / HTTP/1.1\r\na: b\nsecret: 1\r\n\r\n").await.unwrap();
        let mut read = Vec::new();
        Guarded::new(server, Upgraded::default()).read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"GET / HTTP/1.1\r\na: b\0\r\n\r\n");
    }

    #[tokio::test]
    async fn what_is_no_longer_http_passes_as_it_is() {
        let (mut client, server) = duplex(1024);
        let upgraded = Upgraded::default();
        let mut guarded = Guarded::new(server, upgraded.clone());
        upgraded.set();
        client.write_all(b"\n\n\n").await.unwrap();
        drop(client);
        let mut read = Vec::new();
        guarded.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"\n\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_cut_off() {
        let (_client, server) = duplex(8);
        let mut guarded = Guarded::new(server, Upgraded::default());
        let error = guarded.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_in_the_middle_of_its_request_is_listened_to_for_a_while() {
        let (mut client, server) = duplex(1024);
        let mut guarded = Guarded::new(server, Upgraded::default());
        client.write_all(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nab").await.unwrap();
        let mut head = [0; 64];
        let _ = guarded.read(&mut head).await.unwrap();
        let begun = tokio::time::Instant::now();
        guarded.shutdown().await.unwrap();
        assert_eq!(begun.elapsed(), LINGER);

        let (_client, server) = duplex(1024);
        let begun = tokio::time::Instant::now();
        Guarded::new(server, Upgraded::default()).shutdown().await.unwrap();
        assert!(begun.elapsed().is_zero());
    }
}
