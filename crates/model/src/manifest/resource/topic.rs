//! `[topics.NAME]`

use crate::app::Topic;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::{FirstName, ProviderName};

section! {
    /// A topic: what is published to it goes to all who listen.
    TopicSection {
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl TopicSection {
    pub(crate) fn lower(self, span: Span) -> Topic {
        Topic { span }
    }
}
