//! `{ bucket = "portraits", event = "created", prefix = "raw/" }`

use crate::app::EventKind;
use crate::decode::section;
use crate::item::ItemKind;
use crate::manifest::scalar::BucketChange;
use crate::validate::Check;

section! {
    /// Calls the function when a bucket's files change.
    BucketEvent {
        /// The bucket's name.
        bucket: String = required,
        /// `created` (the default; also when a file is replaced) or `removed`.
        event: BucketChange,
        /// Only files whose keys begin so.
        prefix: String,
        /// Only files whose keys end so.
        suffix: String,
    }
}

impl BucketEvent {
    pub(crate) fn lower(self, check: &mut Check<'_>) -> Option<EventKind> {
        Some(EventKind::Bucket {
            bucket: check.refer(ItemKind::Bucket, self.bucket?)?,
            event: self.event.map_or("created", |event| event.value.0).into(),
            prefix: self.prefix.map(|prefix| prefix.value),
            suffix: self.suffix.map(|suffix| suffix.value),
        })
    }
}
