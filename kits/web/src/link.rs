//! One connection to an HTTP server on this machine, opened again when it has ended.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A server, one request at a time.
pub(crate) struct Link {
    address: String,
    /// After being idle for this long the connection is not used again.
    idle: Duration,
    open: Option<(SendRequest<Full<Bytes>>, Instant)>,
}

/// Why there is no answer.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Link {
    pub(crate) fn to(address: String, idle: Duration) -> Self {
        Self { address, idle, open: None }
    }

    /// Sends a request and reads all of the answer, which may have `limit` bytes.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Response<Bytes>, Error> {
        let mut request = request;
        loop {
            let (mut sender, is_new) = self.sender().await?;
            let response = match sender.try_send_request(request).await {
                Ok(response) => response,
                // The server had closed the connection that was left from the request before: nothing was sent.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_new => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(error.into_error().into()),
                },
            };
            let (head, body) = response.into_parts();
            let bytes = Limited::new(body, limit).collect().await?.to_bytes();
            self.open = Some((sender, Instant::now()));
            return Ok(Response::from_parts(head, bytes));
        }
    }

    /// The connection, and whether it is a new one.
    async fn sender(&mut self) -> Result<(SendRequest<Full<Bytes>>, bool), Error> {
        if let Some((mut sender, since)) = self.open.take()
            && since.elapsed() < self.idle
            && sender.ready().await.is_ok()
        {
            return Ok((sender, false));
        }
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors are those of the request that it carries.
        tokio::spawn(connection);
        Ok((sender, true))
    }
}
