//! Bytes into files and out of them.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use md5::{Digest, Md5};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::ObjectReader;
use crate::DataError;
use crate::store::{Files, NewFile};

/// Bytes that are written or read in one go, besides what a sender gives in one piece.
const PORTION: usize = 256 * 1024;

/// Pieces that are written in one go: a sender of single bytes must not make a long list of them.
const PIECES: usize = 1024;

/// A file with its bytes, on disk, that no row names yet.
pub(super) struct Content {
    pub(super) file: NewFile,
    pub(super) size: u64,
    pub(super) etag: String,
}

/// A file that is being written.
struct Incoming {
    new: NewFile,
    file: File,
    size: u64,
    md5: Md5,
}

impl Incoming {
    fn create(files: &Arc<Files>) -> Result<Self, DataError> {
        let (new, file) = files.create()?;
        Ok(Self { new, file, size: 0, md5: Md5::new() })
    }

    fn write(&mut self, pieces: &[Bytes]) -> Result<(), DataError> {
        for piece in pieces {
            self.file.write_all(piece).map_err(|cause| DataError::io("write", &self.new.path(), &cause))?;
            self.md5.update(piece);
            self.size += piece.len() as u64;
        }
        Ok(())
    }

    fn finish(self) -> Result<Content, DataError> {
        self.new.sync(&self.file)?;
        Ok(Content { file: self.new, size: self.size, etag: hex::encode(self.md5.finalize()) })
    }
}

/// Writes a stream to a file. A small one takes one trip to a blocking thread.
pub(super) async fn receive<S>(files: &Arc<Files>, mut bytes: S) -> Result<Content, DataError>
where
    S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
{
    let mut incoming = None;
    loop {
        let (pieces, ended) = portion(&mut bytes).await?;
        let files = Arc::clone(files);
        let written = blocking(move || {
            let mut incoming = match incoming {
                Some(incoming) => incoming,
                None => Incoming::create(&files)?,
            };
            incoming.write(&pieces)?;
            if ended { Ok(Written::All(incoming.finish()?)) } else { Ok(Written::Some(incoming)) }
        });
        incoming = match written.await? {
            Written::All(content) => return Ok(content),
            Written::Some(incoming) => Some(incoming),
        };
    }
}

enum Written {
    Some(Incoming),
    All(Content),
}

/// The next pieces, and whether they are the last.
async fn portion<S>(bytes: &mut S) -> Result<(Vec<Bytes>, bool), DataError>
where
    S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
{
    let mut pieces = Vec::new();
    let mut size = 0;
    while size < PORTION && pieces.len() < PIECES {
        match bytes.next().await {
            Some(piece) => {
                let piece = piece
                    .map_err(|cause| DataError::bad_request(format!("the bytes ended early: {cause}")))?;
                size += piece.len();
                pieces.push(piece);
            }
            None => return Ok((pieces, true)),
        }
    }
    Ok((pieces, false))
}

/// A part as it goes into an object.
pub(super) struct Piece {
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) etag: String,
}

/// Writes parts one after the other to a file; the kernel copies them where it can.
pub(super) async fn concatenate(files: &Arc<Files>, parts: Vec<Piece>) -> Result<Content, DataError> {
    let files = Arc::clone(files);
    blocking(move || {
        let (new, mut target) = files.create()?;
        let mut md5 = Md5::new();
        let mut size = 0;
        for part in &parts {
            let copied = files.read(&part.file).and_then(|mut file| io::copy(&mut file, &mut target));
            let copied = copied.map_err(|cause| DataError::io("copy part to", &new.path(), &cause))?;
            if copied != part.size {
                return Err(DataError::storage(format!(
                    "copy part: its file has {copied} bytes, not {}",
                    part.size
                )));
            }
            size += copied;
            md5.update(hex::decode(&part.etag).unwrap_or_default());
        }
        new.sync(&target)?;
        Ok(Content { file: new, size, etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()) })
    })
    .await
}

/// A range of a file's bytes.
pub(super) fn stream(mut file: File, range: Range<u64>) -> io::Result<ObjectReader> {
    file.seek(SeekFrom::Start(range.start))?;
    let bytes = tokio::fs::File::from_std(file).take(range.end.saturating_sub(range.start));
    Ok(Box::pin(ReaderStream::with_capacity(bytes, PORTION)))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DataError> + Send + 'static,
) -> Result<T, DataError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|cause| DataError::storage(format!("the thread that wrote has stopped: {cause}")))?
}
