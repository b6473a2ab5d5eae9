//! What functions print: captured line by line, kept in two bounded files a function, and passed on to those who follow.
//!
//! A thread writes, fed by a bounded queue: a function that prints faster than the disk takes it waits on its pipe, and costs neither
//! memory nor more disk than two files.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use sf_host_api::LogLine;
use tokio::sync::{broadcast, mpsc, oneshot};

/// A longer line is cut.
pub(crate) const MAX_LINE: usize = 16 << 10;
/// A function's newer file; the older one is as large at most.
const MAX_FILE: u64 = 8 << 20;

enum Message {
    Line {
        file: PathBuf,
        line: LogLine,
    },
    /// Everything before it is in the files when it is answered.
    Flush(oneshot::Sender<()>),
}

/// The log of all functions.
#[derive(Clone)]
pub(crate) struct Logs {
    queue: mpsc::Sender<Message>,
    live: broadcast::Sender<(PathBuf, LogLine)>,
}

impl Logs {
    pub(crate) fn start() -> Self {
        let (queue, messages) = mpsc::channel(4096);
        let (live, _) = broadcast::channel(4096);
        std::thread::spawn(move || write(messages));
        Self { queue, live }
    }

    /// Where one function's lines go.
    pub(crate) fn sink(&self, folder: &Path, function: &str) -> Sink {
        Sink {
            logs: self.clone(),
            file: folder.join(format!("{function}.ndjson")),
            function: function.to_owned(),
        }
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<(PathBuf, LogLine)> {
        self.live.subscribe()
    }

    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Stored lines of one folder, oldest first: of one function or all, since a time, at most `tail` of the newest.
    pub(crate) async fn read(
        &self,
        folder: PathBuf,
        function: Option<String>,
        since_ms: u64,
        tail: usize,
    ) -> Vec<LogLine> {
        self.flush().await;
        let read = tokio::task::spawn_blocking(move || stored(&folder, function.as_deref(), since_ms));
        let mut lines = read.await.unwrap_or_default();
        lines.sort_by_key(|line| line.time_ms);
        lines.split_off(lines.len().saturating_sub(tail))
    }
}

fn stored(folder: &Path, function: Option<&str>, since_ms: u64) -> Vec<LogLine> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    // The older half of a file is read first, so that equal times keep their order.
    names.sort_by_key(|path| std::cmp::Reverse(path.extension().map(ToOwned::to_owned) == Some("1".into())));
    let mut lines = Vec::new();
    for path in names {
        let Ok(file) = File::open(path) else { continue };
        let parsed = BufReader::new(file).lines().map_while(Result::ok);
        let parsed = parsed.filter_map(|text| serde_json::from_str::<LogLine>(&text).ok());
        lines
            .extend(parsed.filter(|line| {
                line.time_ms >= since_ms && function.is_none_or(|name| name == line.function)
            }));
    }
    lines
}

/// Where one function's lines go.
#[derive(Clone)]
pub(crate) struct Sink {
    logs: Logs,
    file: PathBuf,
    function: String,
}

impl Sink {
    pub(crate) async fn line(&self, stream: &str, message: String) {
        let line = LogLine {
            time_ms: crate::clock::now_ms(),
            function: self.function.clone(),
            stream: stream.to_owned(),
            message,
        };
        let _ = self.logs.live.send((self.file.clone(), line.clone()));
        let _ = self.logs.queue.send(Message::Line { file: self.file.clone(), line }).await;
    }

    /// Copies a pipe, line by line, until it ends.
    pub(crate) async fn copy(self, stream: &'static str, mut pipe: impl tokio::io::AsyncRead + Unpin) {
        use tokio::io::AsyncReadExt;
        let (mut buffer, mut pending, mut skipping) = (vec![0; 64 << 10], Vec::new(), false);
        loop {
            let count = match pipe.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            let mut rest = &buffer[..count];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                pending.extend_from_slice(&rest[..end.min(MAX_LINE)]);
                rest = &rest[end + 1..];
                let line = std::mem::take(&mut pending);
                if !std::mem::take(&mut skipping) {
                    self.line(stream, text(&line)).await;
                }
            }
            if !skipping {
                pending.extend_from_slice(rest);
            }
            if pending.len() > MAX_LINE {
                self.line(stream, text(&std::mem::take(&mut pending))).await;
                skipping = true;
            }
        }
        if !pending.is_empty() {
            self.line(stream, text(&pending)).await;
        }
    }
}

fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let cut = &line[..line.len().min(MAX_LINE)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < line.len() {
        text.push_str(" … (cut)");
    }
    text
}

/// The writing thread: buffers while lines keep coming, so that much output costs few system calls.
fn write(mut messages: mpsc::Receiver<Message>) {
    let mut open: BTreeMap<PathBuf, (BufWriter<File>, u64)> = BTreeMap::new();
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Line { file, line } => {
                if let Err(error) = append(&mut open, &file, &line) {
                    tracing::warn!(%error, "write a log line");
                }
            }
            Message::Flush(done) => {
                flush(&mut open);
                let _ = done.send(());
            }
        }
        if messages.is_empty() {
            flush(&mut open);
            // Files of removed apps must not stay open.
            if open.len() > 64 {
                open.clear();
            }
        }
    }
}

fn flush(open: &mut BTreeMap<PathBuf, (BufWriter<File>, u64)>) {
    open.retain(|path, (file, _)| file.flush().is_ok() && path.exists());
}

fn append(
    open: &mut BTreeMap<PathBuf, (BufWriter<File>, u64)>,
    path: &Path,
    line: &LogLine,
) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    if !open.contains_key(path) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        open.insert(path.to_owned(), (BufWriter::new(file), size));
    }
    let Some((file, size)) = open.get_mut(path) else { return Ok(()) };
    file.write_all(&text)?;
    *size += text.len() as u64;
    if *size > MAX_FILE {
        file.flush()?;
        open.remove(path);
        fs::rename(path, path.with_extension("ndjson.1"))?;
    }
    Ok(())
}
