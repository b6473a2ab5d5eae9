//! Uploaded code.

use std::fs::File;
use std::io;
use std::path::{Component, Path as FilePath, PathBuf};

use axum::body::Body;
use axum::extract::{Path, State};
use futures_util::StreamExt;
use http::StatusCode;
use tokio::io::AsyncWriteExt;

use super::{Host, Refusal};
use crate::apps::{fault, is_digest};

/// Bytes of a zip.
const MAX_ZIP: u64 = 512 << 20;
/// Bytes of what is in it: more is a bomb.
const MAX_UNPACKED: u64 = 4 << 30;

pub(super) async fn exists(State(shared): Host, Path(digest): Path<String>) -> StatusCode {
    match is_digest(&digest) && shared.store.artifact(&digest).is_file() {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

pub(super) async fn upload(
    State(shared): Host,
    Path(digest): Path<String>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    if !is_digest(&digest) {
        return Err(Refusal(fault("bad-name", "an artifact's name is 64 lower-case hexadecimal digits")));
    }
    let storage = |error: io::Error| Refusal(fault("storage", format!("store the artifact: {error}")));
    let temporary =
        tempfile::Builder::new().prefix(".upload-").tempfile_in(shared.uploads()).map_err(storage)?;
    let mut file = tokio::fs::File::from_std(temporary.reopen().map_err(storage)?);
    let (mut chunks, mut size) = (body.into_data_stream(), 0u64);
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|error| Refusal(fault("interrupted", format!("receive the artifact: {error}"))))?;
        size += chunk.len() as u64;
        if size > MAX_ZIP {
            return Err(Refusal(fault("too-large", format!("the artifact is larger than {MAX_ZIP} bytes"))));
        }
        file.write_all(&chunk).await.map_err(storage)?;
    }
    file.sync_all().await.map_err(storage)?;
    let target = shared.store.artifact(&digest);
    let finish = tokio::task::spawn_blocking(move || finish(temporary, &target));
    finish.await.map_err(|error| Refusal(fault("internal", error.to_string())))??;
    Ok(StatusCode::CREATED)
}

fn finish(temporary: tempfile::NamedTempFile, target: &PathBuf) -> Result<(), Refusal> {
    let reader = temporary.reopen().map_err(|error| Refusal(fault("storage", error.to_string())))?;
    check(reader).map_err(|message| Refusal(fault("bad-artifact", message)))?;
    temporary.persist(target).map_err(|error| Refusal(fault("storage", error.error.to_string())))?;
    Ok(())
}

/// Refuses a zip that would write outside its folder, holds links, or unpacks to far more than it says.
fn check(reader: File) -> Result<(), String> {
    let mut zip = zip::ZipArchive::new(reader).map_err(|error| format!("the artifact is no zip: {error}"))?;
    let mut total = 0u64;
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| format!("the artifact is damaged: {error}"))?;
        let name = entry.name().map_err(|_| "the artifact has a name that is not UTF-8")?.into_owned();
        let inside = FilePath::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !inside || name.contains('\\') {
            return Err(format!("the artifact has an entry outside its folder: `{name}`"));
        }
        if entry.is_symlink() {
            return Err(format!("the artifact has a link: `{name}`"));
        }
        // What an entry says of its size proves nothing, so it is read; this checks its CRC as well.
        let rest = MAX_UNPACKED.saturating_sub(total);
        let copied = io::copy(&mut io::Read::take(&mut entry, rest + 1), &mut io::sink());
        total += copied.map_err(|error| format!("the artifact is damaged at `{name}`: {error}"))?;
        if total > MAX_UNPACKED {
            return Err(format!("the artifact unpacks to more than {MAX_UNPACKED} bytes"));
        }
    }
    Ok(())
}
