//! `[queues.NAME]`

use crate::app::Queue;
use crate::decode::{Spanned, section};
use crate::diagnostic::Span;
use crate::manifest::scalar::{FirstName, ProviderName};
use crate::units::Period;
use crate::validate::Check;

section! {
    /// A queue, with its dead-letter queue.
    QueueSection {
        /// How often a message is delivered before it goes to the dead-letter queue, from 1 to 1000. Default: 3.
        retries: u32,
        /// How long a message is hidden from others while it is handled, at most 12 hours. Default: six times the
        /// worker's timeout.
        visibility: Period,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

impl QueueSection {
    pub(crate) fn lower(self, span: Span, check: &mut Check<'_>) -> Queue {
        let retries = check.in_range("`retries`", self.retries, 1..=1_000, 3);
        let visibility = check.period_in_range("`visibility`", self.visibility, "1s", "12h");
        Queue { retries, visibility, span }
    }
}
