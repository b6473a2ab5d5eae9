//! The counterpart as AWS is: behind TLS.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Aws;
use crate::http::Head;
use crate::issuer;

impl Aws {
    /// Lets it answer by TLS too, at this URL, for clients that trust [`crate::Issuer::certificate`].
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn behind_tls(&self) -> String {
        let config = Arc::new(issuer::tls());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let inner = self.address;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                // A client that goes away, or that does not trust the certificate, finds out by itself.
                std::thread::spawn(move || pass(config, stream, inner));
            }
        });
        url
    }
}

/// Hands on requests and answers as they are, until the client has enough.
fn pass(config: Arc<ServerConfig>, stream: TcpStream, inner: SocketAddr) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(session, stream));
    let mut inner = BufReader::new(TcpStream::connect(inner)?);
    while let Some(request) = Head::read(&mut client)? {
        let (body, _) = request.body(&mut client, false)?;
        inner.get_mut().write_all(&[request.raw.as_slice(), &body].concat())?;
        let Some(answer) = Head::read(&mut inner)? else { break };
        let (body, _) = answer.body(&mut inner, false)?;
        client.get_mut().write_all(&[answer.raw.as_slice(), &body].concat())?;
        client.get_mut().flush()?;
    }
    Ok(())
}
