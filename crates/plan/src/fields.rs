//! Two inputs side by side: the leaves that differ.

use std::borrow::Cow;

use crate::addr::Addr;
use crate::step::Reason;
use crate::value::{Path, Value};

/// A leaf that differs.
pub(crate) struct Field<'a> {
    pub(crate) path: Path,
    old: Option<&'a Value>,
    new: New<'a>,
    /// Whose output the new value is, if only the apply will tell it.
    pub(crate) waits_for: Option<Addr>,
}

enum New<'a> {
    Given(Option<&'a Value>),
    Resolved(Option<Value>),
}

impl Field<'_> {
    pub(crate) fn into_reason(self) -> Reason {
        let new = match self.new {
            New::Given(value) => value.map(Value::to_json),
            New::Resolved(value) => value.map(|value| value.to_json()),
        };
        let old = self.old.map(Value::to_json);
        Reason::Field { path: self.path, old, new, known_at_apply: self.waits_for.is_some() }
    }
}

/// Walks two inputs side by side. References in the new one are resolved as far as they can be.
pub(crate) struct Fields<'a, 'r> {
    resolve: &'r dyn Fn(&Addr, &str) -> Option<Value>,
    path: Vec<Cow<'a, str>>,
    found: Vec<Field<'a>>,
}

impl<'a, 'r> Fields<'a, 'r> {
    pub(crate) fn new(resolve: &'r dyn Fn(&Addr, &str) -> Option<Value>) -> Self {
        Self { resolve, path: Vec::new(), found: Vec::new() }
    }

    /// The leaves that differ: those of the new inputs in their order, each map's missing ones after it.
    pub(crate) fn compare(mut self, new: &'a Value, old: &'a Value) -> Vec<Field<'a>> {
        self.walk(Some(new), Some(old));
        self.found
    }

    fn walk(&mut self, new: Option<&'a Value>, old: Option<&'a Value>) {
        match (new, old) {
            (Some(Value::Map(new)), Some(Value::Map(old))) => {
                for (key, value) in new {
                    self.at(Cow::Borrowed(key), Some(value), old.get(key));
                }
                for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
                    self.at(Cow::Borrowed(key), None, Some(value));
                }
            }
            (Some(Value::List(new)), Some(Value::List(old))) => {
                for index in 0..new.len().max(old.len()) {
                    self.at(Cow::Owned(index.to_string()), new.get(index), old.get(index));
                }
            }
            (Some(Value::Ref { of, output }), old) => {
                let resolved = (self.resolve)(of, output);
                if resolved.is_none() || resolved.as_ref() != old {
                    let waits_for = resolved.is_none().then(|| of.clone());
                    self.found(old, New::Resolved(resolved), waits_for);
                }
            }
            // A map or list that comes or goes, or changes its type, may hold references: its leaves are compared one by one.
            (Some(Value::Map(map)), old) if !map.is_empty() => {
                for (key, value) in map {
                    self.at(Cow::Borrowed(key), Some(value), None);
                }
                self.replaced(old);
            }
            (Some(Value::List(items)), old) if !items.is_empty() => {
                for (index, value) in items.iter().enumerate() {
                    self.at(Cow::Owned(index.to_string()), Some(value), None);
                }
                self.replaced(old);
            }
            (new, old) if new == old => {}
            (new, old) => self.found(old, New::Given(new), None),
        }
    }

    /// What stood where a map or a list stands now.
    fn replaced(&mut self, old: Option<&'a Value>) {
        if old.is_some() {
            self.found(old, New::Given(None), None);
        }
    }

    fn found(&mut self, old: Option<&'a Value>, new: New<'a>, waits_for: Option<Addr>) {
        let path = Path(self.path.iter().map(|part| part.clone().into_owned()).collect());
        self.found.push(Field { path, old, new, waits_for });
    }

    fn at(&mut self, key: Cow<'a, str>, new: Option<&'a Value>, old: Option<&'a Value>) {
        self.path.push(key);
        self.walk(new, old);
        self.path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reasons(new: serde_json::Value, old: serde_json::Value) -> Vec<String> {
        let known = |of: &Addr, _: &str| (of.name == "known").then(|| Value::Lit("https://known".into()));
        let (new, old) = (Value::from_json(new).unwrap(), Value::from_json(old).unwrap());
        let show = |field: Field<'_>| match field.into_reason() {
            Reason::Field { path, old, new, known_at_apply } => {
                let text = |json: Option<serde_json::Value>| json.map_or("-".into(), |json| json.to_string());
                let new = if known_at_apply { "?".into() } else { text(new) };
                format!("{path}: {} -> {new}", text(old))
            }
            other => format!("{other:?}"),
        };
        Fields::new(&known).compare(&new, &old).into_iter().map(show).collect()
    }

    #[test]
    fn each_leaf_that_differs_is_told() {
        let old = json!({ "memory": 256, "env": { "A": "1", "B": "2" }, "list": [1, 2], "code": { "$artifact": "aa" } });
        let new = json!({ "memory": 256, "env": { "A": "9", "C": "3" }, "list": [1], "code": { "$artifact": "bb" } });
        assert_eq!(
            reasons(new, old),
            [
                r#"code: {"$artifact":"aa"} -> {"$artifact":"bb"}"#,
                r#"env.A: "1" -> "9""#,
                r#"env.C: - -> "3""#,
                r#"env.B: "2" -> -"#,
                "list.1: 2 -> -",
            ]
        );
    }

    #[test]
    fn references_are_compared_by_what_they_resolve_to() {
        let to = |name: &str| json!({ "$ref": { "of": format!("api/{name}"), "output": "url" } });
        let old = json!({ "same": "https://known", "moved": "https://other", "later": "https://later" });
        let new = json!({ "same": to("known"), "moved": to("known"), "later": to("later") });
        assert_eq!(
            reasons(new, old),
            [r#"later: "https://later" -> ?"#, r#"moved: "https://other" -> "https://known""#]
        );
        // Inside of something that is new as a whole, too.
        assert_eq!(reasons(json!({ "env": { "A": to("later") } }), json!({})), ["env.A: - -> ?"]);
    }

    #[test]
    fn a_value_may_change_its_type() {
        assert_eq!(reasons(json!({ "a": { "b": 1 } }), json!({ "a": 2 })), ["a.b: - -> 1", "a: 2 -> -"]);
        assert_eq!(reasons(json!({ "a": [] }), json!({ "a": {} })), ["a: {} -> []"]);
        assert_eq!(reasons(json!({ "a": {} }), json!({})), ["a: - -> {}"]);
    }
}
