//! Resources that nothing refers to.

use super::Check;
use crate::diagnostic::Diagnostic;
use crate::item::ItemKind;

/// A warning for each. None where a function is left out: it may be the one that uses them elsewhere.
pub(super) fn check(check: &mut Check<'_>) {
    if check.names.functions_left_out() {
        return;
    }
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
