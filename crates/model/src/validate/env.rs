//! Environment variables: the function's own over the defaults, and their references to outputs.

use std::collections::BTreeMap;

use super::Check;
use crate::app::EnvPart;
use crate::decode::{EnvText, Map, Spanned};
use crate::diagnostic::Diagnostic;
use crate::item::ItemKind;
use crate::manifest::EnvKey;
use crate::names;

/// What the API has.
const API_OUTPUTS: &[&str] = &["url"];

pub(super) fn lower(
    own: Map<EnvKey, EnvText>,
    defaults: Option<&Map<EnvKey, EnvText>>,
    check: &mut Check<'_>,
) -> BTreeMap<String, Vec<EnvPart>> {
    let mut env: BTreeMap<String, Vec<EnvPart>> = BTreeMap::new();
    for (name, entry) in defaults.into_iter().flat_map(|defaults| &defaults.entries) {
        if !own.entries.contains_key(name) {
            env.insert(name.clone(), entry.value.0.clone());
        }
    }
    env.extend(own.entries.into_iter().map(|(name, entry)| (name, entry.value.0)));
    for part in env.values().flatten() {
        output(part, check);
    }
    env
}

fn output(part: &EnvPart, check: &mut Check<'_>) {
    let EnvPart::Output { kind, name, output, span } = part else {
        return;
    };
    let item = ItemKind::from_singular(kind);
    let outputs = match item {
        Some(item) => {
            let wanted = Spanned { value: name.clone(), span: *span };
            if check.refer(item, wanted).is_none() {
                return;
            }
            item.facts().outputs
        }
        None => API_OUTPUTS,
    };
    if outputs.contains(&output.as_str()) {
        return;
    }
    let what = item.map_or_else(|| "the API".into(), |_| format!("a {kind}"));
    let error = Diagnostic::error("unknown-output", *span, format!("{what} has no output `{output}`"));
    check.problems.push(match outputs {
        [] => error.hint("a secret's value is read at run time: `ctx.secret(name)`"),
        _ => error.hint(names::choose(output, outputs.iter().copied())),
    });
}
