//! Log lines, stored and as they come.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use sf_host_api::LogLine;
use tokio::sync::broadcast;

use super::{AppPath, Host, Refusal, no_app};

/// What is asked for.
#[derive(Deserialize)]
pub(super) struct LogsQuery {
    function: Option<String>,
    since_ms: Option<u64>,
    tail: Option<usize>,
    #[serde(default)]
    follow: bool,
}

fn ndjson(line: &LogLine) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

pub(super) async fn logs(
    State(shared): Host,
    Path((project, stage)): AppPath,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Refusal> {
    shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    let folder = shared.store.logs(&project, &stage);
    // Followed from before the files are read, so that no line is missed between the two; one that is in both is left out.
    let live = shared.logs.follow();
    let (since, tail) = (query.since_ms.unwrap_or(0), query.tail.unwrap_or(usize::MAX));
    let stored = shared.logs.read(folder.clone(), query.function.clone(), since, tail).await;
    let written: Vec<Result<Bytes, std::io::Error>> = stored.iter().map(|line| Ok(ndjson(line))).collect();
    let stored_lines = stream::iter(written);
    let body = if query.follow {
        let follow = Follow { live, folder, function: query.function, stored };
        let new = stream::unfold(follow, Follow::next);
        let stop = shared.shutdown.clone().cancelled_owned();
        Body::from_stream(stored_lines.chain(new).take_until(stop))
    } else {
        Body::from_stream(stored_lines)
    };
    Ok(([("content-type", "application/x-ndjson")], body).into_response())
}

struct Follow {
    live: broadcast::Receiver<(std::path::PathBuf, LogLine)>,
    folder: std::path::PathBuf,
    function: Option<String>,
    stored: Vec<LogLine>,
}

impl Follow {
    async fn next(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        loop {
            let (file, line) = match self.live.recv().await {
                Ok(received) => received,
                // A slow reader misses lines rather than slowing the functions down.
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            let is_wanted = file.parent() == Some(&*self.folder)
                && self.function.as_ref().is_none_or(|function| *function == line.function);
            if !is_wanted {
                continue;
            }
            if let Some(at) = self.stored.iter().rposition(|stored| *stored == line) {
                self.stored.remove(at);
                continue;
            }
            return Some((Ok(ndjson(&line)), self));
        }
    }
}
