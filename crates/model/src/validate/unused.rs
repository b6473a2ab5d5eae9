//! Resources that nothing refers to.

use super::Check;
use crate::diagnostic::Diagnostic;
use crate::item::ItemKind;

/// A warning for each.
pub(super) fn check(check: &mut Check<'_>) {
    for kind in ItemKind::ALL.into_iter().filter(|kind| kind.facts().wants_use) {
        let word = kind.facts().singular;
        for (name, key) in check.names.present(kind) {
            if check.used.contains(&(kind, name.to_owned())) {
                continue;
            }
            let hint = match kind.facts().access.first() {
                Some(_) if kind == ItemKind::Topic => {
                    format!("grant it to a function: `uses = {{ {name} = \"write\" }}`")
                }
                Some(_) => format!("grant it to a function: `uses = {{ {name} = \"read-write\" }}`"),
                None => format!("give it to a function: `{word}s = [\"{name}\"]`"),
            };
            let warning =
                Diagnostic::warning("unused-resource", key, format!("nothing uses the {word} `{name}`"));
            check.problems.push(warning.hint(hint));
        }
    }
}
