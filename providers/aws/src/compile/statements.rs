//! The statements of a policy: sorted and merged, so that equal grants are equal bytes.

use std::collections::{BTreeMap, BTreeSet};

use sf_plan::Value;

use super::text::Text;
use super::{map, text, texts};

/// What is allowed, by what it is allowed on.
#[derive(Debug, Default)]
pub(super) struct Statements(BTreeMap<Text, BTreeSet<&'static str>>);

impl Statements {
    pub(super) fn allow(&mut self, actions: &[&'static str], resource: Text) {
        self.0.entry(resource).or_default().extend(actions);
    }

    /// As in a policy document: one for each set of actions.
    pub(super) fn value(&self) -> Value {
        let mut merged: BTreeMap<&BTreeSet<&'static str>, Vec<Value>> = BTreeMap::new();
        for (resource, actions) in &self.0 {
            merged.entry(actions).or_default().push(resource.value());
        }
        let statement = |(actions, resources): (&BTreeSet<&'static str>, Vec<Value>)| {
            map([
                ("Effect", text("Allow")),
                ("Action", texts(actions.iter().copied())),
                ("Resource", Value::List(resources)),
            ])
        };
        Value::List(merged.into_iter().map(statement).collect())
    }

    /// About how long the document is that they make.
    pub(super) fn size(&self) -> usize {
        self.value().to_json().to_string().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_grants_is_of_no_consequence() {
        let grants: [(&[&'static str], &str); 4] = [
            (&["sqs:SendMessage"], "b"),
            (&["s3:PutObject", "s3:GetObject"], "c"),
            (&["sqs:SendMessage"], "a"),
            (&["s3:GetObject"], "c"),
        ];
        let policy = |grants: &mut dyn Iterator<Item = &(&[&'static str], &str)>| {
            let mut statements = Statements::default();
            for (actions, resource) in grants {
                statements.allow(actions, Text::plain(*resource));
            }
            statements.value().to_json()
        };
        let forwards = policy(&mut grants.iter());
        assert_eq!(forwards, policy(&mut grants.iter().rev()));
        let expected = serde_json::json!([
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["c"]},
            {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["a", "b"]},
        ]);
        assert_eq!(forwards, expected);
    }
}
