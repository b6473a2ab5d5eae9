//! How a worker that speaks the worker protocol reaches the host.

use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};

/// Where a worker connects to: a Unix socket only this user can reach, or loopback TCP where there are none.
pub(super) struct Door {
    pub(super) address: String,
    #[cfg(unix)]
    listener: tokio::net::UnixListener,
    #[cfg(unix)]
    path: PathBuf,
    #[cfg(not(unix))]
    listener: tokio::net::TcpListener,
}

type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

#[cfg(unix)]
impl Door {
    pub(super) async fn open(folder: &Path) -> std::io::Result<Self> {
        // A short random name: the whole path may have 104 bytes on some systems.
        let path = folder.join(crate::store::random_hex(6)?);
        let listener = tokio::net::UnixListener::bind(&path)?;
        std::future::ready(()).await;
        Ok(Self { address: format!("unix:{}", path.display()), listener, path })
    }

    pub(super) async fn accept(&self) -> std::io::Result<Halves> {
        let (stream, _) = self.listener.accept().await?;
        let (reader, writer) = stream.into_split();
        Ok((Box::new(reader), Box::new(writer)))
    }
}

#[cfg(unix)]
impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(not(unix))]
impl Door {
    pub(super) async fn open(_: &Path) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        Ok(Self { address: format!("tcp:{}", listener.local_addr()?), listener })
    }

    pub(super) async fn accept(&self) -> std::io::Result<Halves> {
        let (stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok((Box::new(reader), Box::new(writer)))
    }
}
