//! What exists in the counterpart.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

/// Names of everything that exists, by kind (`functions`, `routes`, …), as the counterpart lists them.
#[derive(Clone, PartialEq, Eq)]
pub struct State(BTreeMap<String, Vec<String>>);

impl State {
    pub(super) fn of(answer: &Json) -> Self {
        let kinds = answer.as_object().unwrap_or_else(|| panic!("not what exists: {answer}"));
        let names = |list: &Json| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
        };
        Self(
            kinds
                .iter()
                .map(|(kind, list)| (kind.clone(), names(list)))
                .filter(|(_, list)| !list.is_empty())
                .collect(),
        )
    }

    /// Everything of a kind; empty if there is none.
    pub fn of_kind(&self, kind: &str) -> &[String] {
        self.0.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same for two deploys of one project: ids that AWS makes up are left out of names, so that only their number counts.
    #[must_use]
    pub fn without_ids(&self) -> Self {
        let mut kinds = self.0.clone();
        for (kind, names) in &mut kinds {
            for name in names.iter_mut() {
                *name = match kind.as_str() {
                    "apis" | "mappings" | "integrations" => "*".to_owned(),
                    // `API KEY`
                    "routes" => name.split_once(' ').map_or("*", |(_, key)| key).to_owned(),
                    // `arn:aws:sns:REGION:ACCOUNT:TOPIC:ID`
                    "subscriptions" => name.rsplit_once(':').map_or("*", |(topic, _)| topic).to_owned(),
                    _ => continue,
                };
            }
            names.sort();
        }
        Self(kinds)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, names) in &self.0 {
            for name in names {
                write!(f, "\n  {kind}: {name}")?;
            }
        }
        if self.0.is_empty() { write!(f, "nothing") } else { Ok(()) }
    }
}
