//! `{ table = "profiles" }`

use crate::app::EventKind;
use crate::decode::section;
use crate::item::ItemKind;
use crate::validate::Check;

section! {
    /// Calls the function when a table's records change.
    TableEvent {
        /// The table's name.
        table: String = required,
    }
}

impl TableEvent {
    pub(crate) fn lower(self, check: &mut Check<'_>) -> Option<EventKind> {
        Some(EventKind::Table { table: check.refer(ItemKind::Table, self.table?)? })
    }
}
