//! `[buckets.NAME]`

use crate::app::Bucket;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::ProviderName;

section! {
    /// A bucket for files.
    BucketSection {
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl BucketSection {
    pub(crate) fn lower(self, span: Span) -> Bucket {
        Bucket { span }
    }
}
