//! `uses`: the only grant of access there is.

use std::collections::BTreeMap;

use super::Check;
use crate::app::{Access, Use};
use crate::decode::{Entry, Map};
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::manifest::AnyKey;
use crate::names;

/// Each name with what it is the name of.
pub(super) fn lower(uses: Map<AnyKey, Access>, check: &mut Check<'_>) -> BTreeMap<String, Use> {
    let mut lowered = BTreeMap::new();
    for (name, entry) in uses.entries {
        match grant(&name, &entry, check) {
            Ok(kind) => {
                let used = Use { kind, name: name.clone(), access: entry.value, span: entry.key };
                lowered.insert(name, used);
            }
            Err(problem) => check.problems.push(*problem),
        }
    }
    lowered
}

/// The kind of what is used.
fn grant(name: &str, entry: &Entry<Access>, check: &mut Check<'_>) -> Result<ItemKind, Box<Diagnostic>> {
    let mut kinds = check.names.kinds(name);
    kinds.retain(|kind| !kind.facts().access.is_empty());
    for kind in &kinds {
        check.used.insert((*kind, name.to_owned()));
    }
    let kind = match kinds[..] {
        [] => return Err(Box::new(unknown(name, entry.key, check))),
        [kind] => kind,
        _ => {
            let words: Vec<String> =
                kinds.iter().map(|kind| format!("a {}", kind.facts().singular)).collect();
            let message = format!("`{name}` is {}", words.join(" and "));
            let error = Diagnostic::error("ambiguous-use", entry.key, message).label("which of them?");
            return Err(Box::new(error.hint("give what is used names that differ")));
        }
    };
    check.names.find(kind, name, entry.key, check.provider)?;
    let facts = kind.facts();
    if facts.access.contains(&entry.value) {
        return Ok(kind);
    }
    let message = format!("a {} cannot be granted `{}`", facts.singular, entry.value.as_str());
    let known = names::list(facts.access.iter().map(|access| access.as_str()));
    let error = Diagnostic::error("bad-access", entry.span, message);
    Err(Box::new(error.hint(format!("`{name}` is a {}: write {known}", facts.singular))))
}

fn unknown(name: &str, key: Span, check: &mut Check<'_>) -> Diagnostic {
    if check.names.kinds(name).contains(&ItemKind::Secret) {
        // Named, if in the wrong place: not unused as well.
        check.used.insert((ItemKind::Secret, name.to_owned()));
        let error = Diagnostic::error(
            "unknown-resource",
            key,
            format!("the secret `{name}` is not granted by `uses`"),
        );
        return error.hint(format!("write `secrets = [\"{name}\"]`"));
    }
    let usable = ItemKind::ALL.into_iter().filter(|kind| !kind.facts().access.is_empty());
    for kind in usable.clone() {
        if let Some(meant) = check.names.meant(kind, name) {
            check.used.insert((kind, meant.to_owned()));
        }
    }
    let known: Vec<&str> = usable.flat_map(|kind| check.names.of(kind)).collect();
    let error =
        Diagnostic::error("unknown-resource", key, format!("there is nothing called `{name}` to use"));
    error.hint(names::choose(name, known.iter().copied()))
}
