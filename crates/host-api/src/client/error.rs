//! Why a call to a host failed.

use std::error::Error;
use std::path::PathBuf;

use crate::types::ApiError;

/// Why a call to a host failed. Messages say the operation and the object first; they never hold the token.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL given is not one that a host can have.
    #[error("`{url}` is not the URL of a host: {cause}")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The token given cannot be sent in a header.
    #[error("the host's token has characters that an HTTP header cannot hold")]
    BadToken,
    /// A name that cannot be one segment of a path.
    #[error("`{0}` cannot be the name of a resource")]
    BadName(String),
    /// The HTTP client could not be set up.
    #[error("set up the HTTP client: {0}")]
    Setup(String),
    /// Nothing answers there.
    #[error("connect to the host at {url}: {cause}")]
    Connect {
        /// The host's URL.
        url: String,
        /// The operating system's words.
        cause: String,
    },
    /// The host refused.
    #[error("{operation}: {error}")]
    Api {
        /// What was asked.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// The host's words.
        error: ApiError,
    },
    /// The connection ended, or no answer came in time. The call may have taken effect.
    #[error("{operation}: the connection to the host was lost: {cause}")]
    Lost {
        /// What was asked.
        operation: String,
        /// Why.
        cause: String,
    },
    /// What answered does not speak this API.
    #[error("{operation}: the answer is not one of a host: {cause}")]
    Protocol {
        /// What was asked.
        operation: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A file to be sent could not be read.
    #[error("read {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
}

impl ClientError {
    /// What to do about it, where something can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadUrl { .. } => Some("a host's URL looks like http://127.0.0.1:7070".into()),
            Self::Connect { .. } => Some("see whether it runs with `sf host status`".into()),
            Self::Protocol { .. } => Some("does another program listen at this address?".into()),
            Self::Api { status: 401 | 403, .. } => {
                Some("the token is not this host's: was its data directory removed or replaced?".into())
            }
            Self::Api { error, .. } => error.hint.clone(),
            Self::BadToken | Self::BadName(_) | Self::Setup(_) | Self::Lost { .. } | Self::File { .. } => {
                None
            }
        }
    }

    /// A stable name for scripts: the host's own for what the host said.
    pub fn code(&self) -> &str {
        match self {
            Self::BadUrl { .. } => "bad-url",
            Self::BadToken => "bad-token",
            Self::BadName(_) => "bad-name",
            Self::Setup(_) => "client-setup",
            Self::Connect { .. } => "connect",
            Self::Api { error, .. } => &error.code,
            Self::Lost { .. } => "connection-lost",
            Self::Protocol { .. } => "protocol",
            Self::File { .. } => "file",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } => true,
            Self::Api { status, .. } => *status == 429 || *status >= 500,
            Self::BadUrl { .. }
            | Self::BadToken
            | Self::BadName(_)
            | Self::Setup(_)
            | Self::Protocol { .. }
            | Self::File { .. } => false,
        }
    }

    /// Whether the host said that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { status: 404, .. })
    }

    pub(super) fn from_transport(operation: &str, url: &str, error: &reqwest::Error) -> Self {
        let cause = root_cause(error);
        if error.is_connect() {
            Self::Connect { url: url.to_owned(), cause }
        } else {
            Self::Lost { operation: operation.to_owned(), cause }
        }
    }
}

/// The innermost cause: the outer ones of an HTTP client only say that a request failed.
fn root_cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let mut chars = text.chars();
    // The operating system's sentences begin with a capital; ours do not, and this one stands inside ours.
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
