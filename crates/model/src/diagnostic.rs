//! What is wrong with a manifest, and where.

use serde::{Deserialize, Serialize};

/// A range of bytes in the manifest's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is deployed.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
    /// For information: something was left out on purpose.
    Note,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name, such as `unknown-key`, for scripts and for the documentation.
    pub code: String,
    /// One lower-case sentence.
    pub message: String,
    /// Where; `None` if it concerns no place in the file.
    pub span: Option<Span>,
    /// Words at the place itself.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            message: message.into(),
            span: Some(span),
            label: None,
            hint: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: &str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// A note at a place.
    pub fn note(code: &str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, span, message) }
    }

    /// The same with words at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A text that is not what its place asks for: what every parser of this crate answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// As [`Diagnostic::code`].
    pub code: &'static str,
    /// One lower-case sentence.
    pub message: String,
    /// A good one.
    pub hint: String,
}

impl Invalid {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// The same at a place.
    pub(crate) fn at(self, span: Span) -> Diagnostic {
        Diagnostic::error(self.code, span, self.message).hint(self.hint)
    }
}
