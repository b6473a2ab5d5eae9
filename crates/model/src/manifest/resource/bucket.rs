//! `[buckets.NAME]`

use crate::app::Bucket;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::{FirstName, ProviderName};
use crate::validate::Check;

section! {
    /// A bucket for files.
    BucketSection {
        /// Refuse to delete or replace it unless `--data` is given. Default: true in stages whose name begins with `prod`.
        protect: bool,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl BucketSection {
    pub(crate) fn lower(self, span: Span, check: &Check<'_>) -> Bucket {
        Bucket { protect: check.protects(self.protect), span }
    }
}
