//! `{ queue = "mail", batch = 10 }`

use crate::app::EventKind;
use crate::decode::section;
use crate::item::ItemKind;
use crate::validate::Check;

section! {
    /// Calls the function with the messages of a queue.
    QueueEvent {
        /// The queue's name.
        queue: String = required,
        /// At most so many messages a call, from 1 to 10000. Default: 10.
        batch: u32,
    }
}

impl QueueEvent {
    pub(crate) fn lower(self, check: &mut Check<'_>) -> Option<EventKind> {
        let batch = check.in_range("`batch`", self.batch, 1..=10_000, 10);
        Some(EventKind::Queue { queue: check.refer(ItemKind::Queue, self.queue?)?, batch })
    }
}
