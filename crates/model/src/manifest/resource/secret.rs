//! `[secrets.NAME]`

use crate::app::Secret;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::ProviderName;

section! {
    /// A secret: its value is set with `sf secret set` and never stands in this file.
    SecretSection {
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl SecretSection {
    pub(crate) fn lower(self, span: Span) -> Secret {
        Secret { span }
    }
}
