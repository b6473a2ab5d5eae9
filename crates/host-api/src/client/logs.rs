//! Log lines as they come.

use std::collections::VecDeque;

use reqwest::Response;

use super::ClientError;
use super::request::percent_encode;
use crate::types::LogLine;

/// A line holds at most 16 KiB of message; several times that, escaped, is not a log line any more.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// Which log lines to send: the query of `GET …/logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsQuery {
    /// Only this function's.
    pub function: Option<String>,
    /// Only since then: milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// At most so many of the newest.
    pub tail: Option<usize>,
    /// Go on with new ones as they come.
    pub follow: bool,
}

impl LogsQuery {
    pub(super) fn to_query(&self) -> String {
        let mut query = format!("follow={}", self.follow);
        if let Some(function) = &self.function {
            query.push_str(&format!("&function={}", percent_encode(function)));
        }
        if let Some(since_ms) = self.since_ms {
            query.push_str(&format!("&since_ms={since_ms}"));
        }
        if let Some(tail) = self.tail {
            query.push_str(&format!("&tail={tail}"));
        }
        query
    }
}

/// The lines of one answer. Dropping it ends the call.
#[derive(Debug)]
pub struct LogLines {
    response: Response,
    operation: String,
    url: String,
    partial: Vec<u8>,
    ready: VecDeque<Vec<u8>>,
}

impl LogLines {
    pub(super) fn new(response: Response, operation: String, url: String) -> Self {
        Self { response, operation, url, partial: Vec::new(), ready: VecDeque::new() }
    }

    /// The next line; `None` after the last one. Cancel-safe.
    ///
    /// # Errors
    /// [`ClientError::Lost`] if the connection ended in the middle, [`ClientError::Protocol`] if a line is none.
    pub async fn next(&mut self) -> Option<Result<LogLine, ClientError>> {
        loop {
            while let Some(line) = self.ready.pop_front() {
                if !line.is_empty() {
                    return Some(self.decode(&line));
                }
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => {
                    if let Err(error) = self.take(&chunk) {
                        return Some(Err(error));
                    }
                }
                Ok(None) if self.partial.is_empty() => return None,
                Ok(None) => self.ready.push_back(std::mem::take(&mut self.partial)),
                Err(error) => {
                    return Some(Err(ClientError::from_transport(&self.operation, &self.url, &error)));
                }
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        let mut parts = chunk.split(|byte| *byte == b'\n');
        // `split` yields at least one part: the end of the line that the chunk before began.
        self.partial.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            let line = std::mem::replace(&mut self.partial, part.to_vec());
            self.ready.push_back(line);
        }
        if self.partial.len() > MAX_LINE_BYTES {
            return Err(self.protocol(format!("a line is longer than {MAX_LINE_BYTES} bytes")));
        }
        Ok(())
    }

    fn decode(&self, line: &[u8]) -> Result<LogLine, ClientError> {
        serde_json::from_slice(line).map_err(|error| self.protocol(error.to_string()))
    }

    fn protocol(&self, cause: String) -> ClientError {
        ClientError::Protocol { operation: self.operation.clone(), cause }
    }
}
