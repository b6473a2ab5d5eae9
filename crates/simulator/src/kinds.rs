//! What kinds of objects there are, and what each is like.

use sf_plan::{Addr, Effect, Kind, Path, Schemas};

/// The kind of each address: the object's place in a manifest is its name.
///
/// | kind | a changed value | a changed reference | its outputs after a change in place |
/// | --- | --- | --- | --- |
/// | `plain` | in place | in place | `out` is another one |
/// | `stable` | in place | in place | survive, as its schema says |
/// | `quiet` | in place | in place | survive, though its schema does not say so of `out` |
/// | `replaced` | replaces | replaces | |
/// | `bound` | in place | replaces | `out` is another one |
/// | `alone` | replaces, and cannot stand beside its successor | the same | |
///
/// What changes at `noise` is of no consequence anywhere, and `id` survives every change in place.
pub(crate) const KINDS: [&str; 10] =
    ["plain", "quiet", "stable", "replaced", "alone", "bound", "replaced", "alone", "bound", "plain"];

/// The object at a place in every manifest.
pub(crate) fn addr(place: usize) -> Addr {
    Addr::new(KINDS.get(place).copied().unwrap_or("plain"), format!("n{place}"))
}

/// Whether an object of this kind cannot stand beside its successor.
pub(crate) fn is_alone(kind: &Kind) -> bool {
    kind.0 == "alone"
}

/// Whether the cloud's name for an object of this kind is another one each time that it is made.
pub(crate) fn is_numbered(kind: &Kind) -> bool {
    matches!(kind.0.as_str(), "plain" | "replaced")
}

/// Whether `out` is another one after each call.
pub(crate) fn is_restless(kind: &Kind) -> bool {
    !matches!(kind.0.as_str(), "stable" | "quiet")
}

/// What the planner is told.
pub(crate) struct Knowledge;

impl Schemas for Knowledge {
    fn effect(&self, kind: &Kind, path: &Path) -> Effect {
        match (kind.0.as_str(), path.0.first().map_or("", String::as_str)) {
            (_, "noise") => Effect::Ignore,
            ("bound", "value") => Effect::InPlace,
            ("bound" | "replaced" | "alone", _) => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }

    fn delete_first(&self, kind: &Kind) -> bool {
        is_alone(kind)
    }

    fn stable(&self, kind: &Kind, output: &str) -> bool {
        output == "id" || kind.0 == "stable"
    }
}
