//! `{ topic = "projects", filter = { city = ["Seoul"] } }`

use std::collections::BTreeSet;

use crate::app::EventKind;
use crate::decode::{Map, OneOrMany, section};
use crate::item::ItemKind;
use crate::manifest::or_default;
use crate::manifest::scalar::AnyKey;
use crate::validate::Check;

section! {
    /// Calls the function with a topic's notifications.
    TopicEvent {
        /// The topic's name.
        topic: String = required,
        /// Only notifications whose attributes have one of these values each.
        filter: Map<AnyKey, OneOrMany<String>>,
    }
}

impl TopicEvent {
    pub(crate) fn lower(self, check: &mut Check<'_>) -> Option<EventKind> {
        // Sorted, since any one of them will do.
        let values = |entry: OneOrMany<String>| -> Vec<String> {
            entry.0.into_iter().map(|value| value.value).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let filter = or_default(self.filter)
            .entries
            .into_iter()
            .map(|(attribute, entry)| (attribute, values(entry.value)))
            .collect();
        Some(EventKind::Topic { topic: check.refer(ItemKind::Topic, self.topic?)?, filter })
    }
}
