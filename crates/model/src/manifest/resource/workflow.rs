//! `[workflows.NAME]`

use crate::app::Workflow;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::{FirstName, ProjectPath, ProviderName};

section! {
    /// A workflow.
    WorkflowSection {
        /// The file with its definition in the CNCF Serverless Workflow language, relative to the manifest.
        definition: ProjectPath = required,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl WorkflowSection {
    pub(crate) fn lower(self, span: Span) -> Option<Workflow> {
        Some(Workflow { definition: self.definition?.value.0, span })
    }
}
