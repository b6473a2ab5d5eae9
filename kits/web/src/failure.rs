//! Why an invocation failed, as Lambda is told.

use http::StatusCode;

/// What went wrong; the program's own log says more.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("start `{program}`: {cause}")]
    Start { program: String, cause: String },
    #[error("the function's process ended before it listened on $PORT ({0}); see its log")]
    EndedAtStart(String),
    #[error("the function's process ended before it answered ({0}); see its log")]
    Crashed(String),
    #[error("the function did not answer in time; its process was ended")]
    TimedOut,
    #[error("the function's server did not answer: {0}")]
    Broken(String),
    #[error("the function answered {0}")]
    Refused(StatusCode),
    #[error("read the answer: {0}")]
    Answer(String),
    #[error("read the event: {0}")]
    Event(String),
    #[error("send the answer: Lambda's runtime API says {0}")]
    NotTaken(StatusCode),
}

impl Failure {
    /// The error's type: the codes of the embedded host.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start-failed",
            Self::EndedAtStart(_) => "crashed-at-start",
            Self::Crashed(_) => "function-crashed",
            Self::TimedOut => "function-timed-out",
            Self::Broken(_) | Self::Event(_) | Self::NotTaken(_) => "function-broken",
            Self::Refused(_) | Self::Answer(_) => "function-failed",
        }
    }

    /// The program's own words for it, if it had any.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether the program did answer, only not as it should.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Answer(_))
    }
}
