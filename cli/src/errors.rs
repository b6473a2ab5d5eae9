//! Every failure as one value: a kind with its exit code, a sentence, a hint. All conversions from the crates' errors are here.
//!
//! The text is `error: operation object: cause`, then `hint: …`; with `--json` the same stands on stdout (`docs/json.md`).

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sf_engine::{ApplyError, BadPlace, ObserveError, PushError, StoreError};
use sf_host::HostError;
use sf_host_api::ClientError;
use sf_plan::{Failure, GraphError};

/// What the process ends with. `docs/exit-codes.md` is the table for people, and a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Ok,
    /// The operation failed, wholly or in part.
    Failed,
    /// The command line is wrong.
    Usage,
    /// There is no manifest, or it is not valid.
    Manifest,
    /// A function could not be built.
    Build,
    /// The provider or the host does not answer, or could not be started.
    Unreachable,
    /// Another run holds the state's lock.
    Locked,
    /// Something is to be deleted and nobody consented.
    Consent,
    /// The called function threw, crashed or timed out.
    Function,
    /// `sf drift --exit-code` found some.
    Drift,
    /// A bug in `sf`.
    Internal,
    /// Stopped by `--timeout`.
    TimedOut,
    /// Stopped by Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their codes.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 13] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Manifest,
        Self::Build,
        Self::Unreachable,
        Self::Locked,
        Self::Consent,
        Self::Function,
        Self::Drift,
        Self::Internal,
        Self::TimedOut,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Manifest => 3,
            Self::Build => 4,
            Self::Unreachable => 5,
            Self::Locked => 6,
            Self::Consent => 7,
            Self::Function => 8,
            Self::Drift => 9,
            // `EX_SOFTWARE` of sysexits.h.
            Self::Internal => 70,
            // As timeout(1) of coreutils.
            Self::TimedOut => 124,
            // 128 + SIGINT, as shells report it.
            Self::Interrupted => 130,
        }
    }
}

/// Why a command failed. Boxed inside, since it travels through every `Result` of this crate.
#[derive(Debug)]
pub(crate) struct Error(Box<Details>);

/// The error object of `docs/json.md`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Details {
    /// Which exit code.
    pub(crate) kind: Exit,
    /// A stable name for scripts: the provider's own code where there is one.
    pub(crate) code: String,
    /// `operation object: cause`
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The provider's id of the failed request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The problems behind it, with their places in the manifest: an array.
    pub(crate) diagnostics: Json,
    /// More output behind it, such as the last lines of a log: shown after the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
}

impl Error {
    /// A failure of this kind.
    pub(crate) fn new(kind: Exit, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            code: code.to_owned(),
            message: message.into(),
            hint: None,
            request_id: None,
            diagnostics: Json::Array(Vec::new()),
            details: Vec::new(),
        }))
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(code: &str, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// A bug: says so, and asks for a report.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self::new(Exit::Internal, "internal", format!("internal error: {message}")).hint(
            "this is a bug in sf, not in your project: please report it, with the command and this message",
        )
    }

    /// An operation on a file or folder that the system refused.
    pub(crate) fn io(operation: &str, object: impl Display, cause: &std::io::Error) -> Self {
        Self::new(Exit::Failed, "io", format!("{operation} `{object}`: {}", io_cause(cause)))
    }

    /// The same with a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same with another kind.
    #[must_use]
    pub(crate) fn kind(mut self, kind: Exit) -> Self {
        self.0.kind = kind;
        self
    }

    /// The same with the problems behind it.
    #[must_use]
    pub(crate) fn diagnostics(mut self, diagnostics: Json) -> Self {
        self.0.diagnostics = diagnostics;
        self
    }

    /// The same with lines of output behind it.
    #[must_use]
    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.0.details = details;
        self
    }

    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.0.kind
    }

    /// Everything there is to say.
    pub(crate) fn body(&self) -> &Details {
        &self.0
    }
}

/// The system's words in lower case, without Rust's `(os error 2)`.
fn io_cause(cause: &std::io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl From<Details> for Error {
    fn from(details: Details) -> Self {
        Self(Box::new(details))
    }
}

/// A provider's failure: its message already says operation and object.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let code = failure.code.as_deref().unwrap_or("provider");
        let kind = match code {
            // Nobody answers, or somebody else does: `sf_host_api::ClientError::code`.
            "connect" | "connection-lost" | "protocol" | "bad-token" => Exit::Unreachable,
            "internal" => return Self::internal(failure.message),
            // A call that was under way has taken back what it had begun: a rollout.
            "interrupted" => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let mut error = Self::new(kind, code, failure.message);
        error.0.hint = failure.hint;
        error.0.request_id = failure.request_id;
        error
    }
}

impl From<ClientError> for Error {
    fn from(cause: ClientError) -> Self {
        Self::from(Failure {
            message: cause.to_string(),
            code: Some(cause.code().to_owned()),
            request_id: None,
            hint: cause.hint(),
            transient: cause.is_transient(),
        })
    }
}

impl From<StoreError> for Error {
    fn from(cause: StoreError) -> Self {
        let (kind, code) = match cause {
            StoreError::Locked(_) => (Exit::Locked, "locked"),
            StoreError::Corrupt { .. } => (Exit::Failed, "state-corrupt"),
            StoreError::BadRelease { .. } => (Exit::Failed, "release-corrupt"),
            StoreError::Newer { .. } => (Exit::Failed, "state-newer"),
            StoreError::Conflict { .. } => (Exit::Failed, "state-conflict"),
            StoreError::LockLost { .. } => (Exit::Locked, "lock-lost"),
            StoreError::Remote { .. } => (Exit::Failed, "state-store"),
            StoreError::Io { .. } => (Exit::Failed, "io"),
        };
        let mut error = Self::new(kind, code, cause.to_string());
        error.0.hint = cause.hint();
        error
    }
}

/// What `[state] store` says is no store.
impl From<BadPlace> for Error {
    fn from(cause: BadPlace) -> Self {
        Self::new(Exit::Manifest, "bad-store", cause.to_string())
            .hint("a folder, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`")
    }
}

impl From<PushError> for Error {
    fn from(cause: PushError) -> Self {
        let message = format!("push the state: {cause}");
        match cause {
            PushError::Store(cause) => cause.into(),
            PushError::Older { .. } => Self::new(Exit::Failed, "state-older", message)
                .hint("`--force` puts it in the place of the stored one, which is kept beside it"),
            PushError::Anothers { .. } => Self::new(Exit::Failed, "another-project", message)
                .hint("name the project and stage that it is of: `--stage`, or the manifest's folder with `-C`"),
            PushError::OtherHistory { .. } => Self::new(Exit::Failed, "state-of-another-history", message).hint(
                "see that it is of this project and stage; `--force` then puts it there, and the stored one is set aside",
            ),
        }
    }
}

impl From<ObserveError> for Error {
    fn from(cause: ObserveError) -> Self {
        let message = cause.to_string();
        match cause {
            ObserveError::Store(cause) => cause.into(),
            ObserveError::Elsewhere { .. } | ObserveError::Anothers { .. } => {
                let is_place = matches!(cause, ObserveError::Elsewhere { .. });
                let hint = cause.hint();
                let code = if is_place { "another-place" } else { "another-project" };
                let mut error = Self::new(Exit::Failed, code, message);
                error.0.hint = hint;
                error
            }
            ObserveError::Provider { cause, .. } => {
                let mut error = Self::from(cause);
                error.0.message = message;
                error
            }
        }
    }
}

impl From<ApplyError> for Error {
    fn from(cause: ApplyError) -> Self {
        let code = match cause {
            ApplyError::Place(cause) => return cause.into(),
            ApplyError::Stale(_) => "stale-plan",
            ApplyError::Unsaved { .. } | ApplyError::Lost(_) => "state-unsaved",
        };
        let mut error = Self::new(Exit::Failed, code, cause.to_string());
        error.0.hint = cause.hint();
        error
    }
}

/// A host that could not start: its port or its folder is not to be had.
impl From<HostError> for Error {
    fn from(cause: HostError) -> Self {
        let (code, hint) = match &cause {
            HostError::PortTaken { .. } => (
                "port-taken",
                Some(
                    "choose another port with `--port` or SF_HOST_PORT; 0 takes any that is free".to_owned(),
                ),
            ),
            HostError::InUse(_) => ("host-in-use", cause.hint()),
            HostError::Io { .. } => ("io", cause.hint()),
            HostError::Corrupt { .. } => ("host-data-corrupt", cause.hint()),
            HostError::Data { .. } => ("host-data-unreadable", cause.hint()),
        };
        let mut error = Self::new(Exit::Unreachable, code, cause.to_string());
        error.0.hint = hint;
        error
    }
}

/// Objects that do not form a graph: the backend's fault, not the manifest's.
impl From<Vec<GraphError>> for Error {
    fn from(causes: Vec<GraphError>) -> Self {
        let causes: Vec<_> = causes.iter().map(ToString::to_string).collect();
        Self::internal(format!("the provider's objects do not fit together: {}", causes.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/exit-codes.md` is what people and scripts rely on.
    #[test]
    fn every_exit_code_is_documented_as_it_is() {
        let table = include_str!("../../docs/exit-codes.md");
        let rows: Vec<(u8, &str)> = table
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
                Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`')))
            })
            .collect();
        let kind = |exit: Exit| serde_json::to_value(exit).unwrap().as_str().unwrap().to_owned();
        let known: Vec<_> = Exit::ALL.iter().map(|exit| (exit.code(), kind(*exit))).collect();
        let known: Vec<_> = known.iter().map(|(code, kind)| (*code, kind.as_str())).collect();
        assert_eq!(rows, known);
    }

    #[test]
    fn the_systems_words_are_in_lower_case_and_without_a_number() {
        let cause = std::fs::read("no such file").unwrap_err();
        let error = Error::io("read", "x", &cause);
        assert_eq!(error.body().message, "read `x`: no such file or directory");
    }
}
