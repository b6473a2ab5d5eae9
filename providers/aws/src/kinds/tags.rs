//! Tags: what the manifest says, and whose the object is.

use std::collections::BTreeMap;

use sf_plan::{ObjectKey, Value};
use sf_provider::Scope;

use crate::names::{self, OBJECT_TAG, PROJECT_TAG, PROTECT_TAG, STAGE_TAG};

/// Tags by their keys.
pub(crate) type Tags = BTreeMap<String, String>;

/// The manifest's tags, and those that say whose the object is.
pub(super) fn all(scope: &Scope, key: &ObjectKey, of_manifest: &Tags) -> Tags {
    let mut tags = of_manifest.clone();
    tags.insert(PROJECT_TAG.into(), scope.project.clone());
    tags.insert(STAGE_TAG.into(), scope.stage.clone());
    tags.insert(OBJECT_TAG.into(), names::object_tag(key));
    tags
}

/// What [`PROTECT_TAG`] says of what is protected.
pub(crate) const PROTECTED: &str = "true";

/// Whether the manifest's tags say that something is protected.
pub(crate) fn protect(tags: &Value) -> bool {
    matches!(tags, Value::Map(tags) if tags.get(PROTECT_TAG) == Some(&Value::Lit(PROTECTED.into())))
}

/// Which of the scope's objects something with these tags is, and the manifest's own tags among them. `None`: it is not the scope's.
pub(crate) fn owner(scope: &Scope, mut tags: Tags) -> Option<(ObjectKey, Tags)> {
    let project = tags.remove(PROJECT_TAG)?;
    let stage = tags.remove(STAGE_TAG)?;
    let key = tags.remove(OBJECT_TAG)?.parse().ok()?;
    // AWS's own, which nobody can change.
    tags.retain(|key, _| !key.starts_with("aws:"));
    (project == scope.project && stage == scope.stage).then_some((key, tags))
}

/// What to do about tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagChange {
    pub(crate) set: Tags,
    pub(crate) remove: Vec<String>,
}

impl TagChange {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// From some tags to others, both complete.
    pub(crate) fn between(prior: &Tags, wanted: &Tags) -> Self {
        let set = wanted.iter().filter(|(key, value)| prior.get(*key) != Some(*value));
        let remove = prior.keys().filter(|key| !wanted.contains_key(*key));
        Self {
            set: set.map(|(key, value)| (key.clone(), value.clone())).collect(),
            remove: remove.cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sf_plan::Addr;

    use super::*;

    fn scope() -> Scope {
        Scope { project: "shop".into(), stage: "dev".into() }
    }

    #[test]
    fn an_object_is_known_by_its_tags() {
        let key = ObjectKey { addr: Addr::new("route", "GET /a/{id}"), generation: 2 };
        let manifest = Tags::from([("team".to_owned(), "market".to_owned())]);
        let mut tags = all(&scope(), &key, &manifest);
        tags.insert("aws:cloudformation:stack-name".into(), "s".into());
        assert_eq!(owner(&scope(), tags.clone()), Some((key, manifest)));
        let other = Scope { project: "shop".into(), stage: "prod".into() };
        assert_eq!(owner(&other, tags), None);
    }

    #[test]
    fn only_what_differs_is_changed() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let change = TagChange::between(
            &tags(&[("a", "1"), ("b", "2"), ("c", "3")]),
            &tags(&[("a", "1"), ("b", "3")]),
        );
        assert_eq!(change, TagChange { set: tags(&[("b", "3")]), remove: vec!["c".into()] });
    }
}
