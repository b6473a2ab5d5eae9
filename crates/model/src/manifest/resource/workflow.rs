//! `[workflows.NAME]`

use crate::app::Workflow;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::{ProjectPath, ProviderName};

section! {
    /// A workflow.
    WorkflowSection {
        /// The file with its definition in the CNCF Serverless Workflow language, relative to the manifest.
        definition: ProjectPath = required,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl WorkflowSection {
    pub(crate) fn lower(self, span: Span) -> Option<Workflow> {
        Some(Workflow { definition: self.definition?.value.0, span })
    }
}
