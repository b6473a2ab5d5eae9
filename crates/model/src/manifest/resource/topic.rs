//! `[topics.NAME]`

use crate::app::Topic;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::ProviderName;

section! {
    /// A topic: what is published to it goes to all who listen.
    TopicSection {
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl TopicSection {
    pub(crate) fn lower(self, span: Span) -> Topic {
        Topic { span }
    }
}
