//! `[functions.NAME]` -> `function/NAME`

use sf_model::{App, Diagnostic, EnvPart, Function, Handler, Interface, ItemKind, RuntimeFamily};
use sf_plan::{Addr, Value};
use sf_provider::{Artifacts, BuiltArtifact};

use super::{Inputs, grants, milliseconds, number, text};
use crate::names;

pub(super) fn compile(
    app: &App,
    function: &Function,
    artifacts: &Artifacts,
) -> Result<(Addr, Inputs), Box<Diagnostic>> {
    let artifact = artifacts.get(&function.name).ok_or_else(|| {
        let message = format!("function `{}` was not built", function.name);
        Box::new(Diagnostic::error("not-built", function.span, message))
    })?;
    let mut inputs = Inputs::from([
        ("runtime".into(), runtime(function)),
        ("artifact".into(), Value::Artifact(artifact.digest.clone())),
        ("env".into(), env(app, function)),
        ("memory".into(), number(function.memory)),
        ("timeout-ms".into(), number(milliseconds(function.timeout))),
        ("warm".into(), number(function.warm.map_or(0, |(instances, _)| instances.into()))),
    ]);
    if let Some(grants) = grants::compile(function) {
        inputs.insert("grants".into(), grants);
    }
    if let Some(names) = grants::names(app, function) {
        inputs.insert("names".into(), names);
    }
    inputs.extend(calling(function, artifact)?);
    Ok((names::function(&function.name), inputs))
}

/// How the host calls it.
fn calling(function: &Function, artifact: &BuiltArtifact) -> Result<Inputs, Box<Diagnostic>> {
    match (function.interface, &function.handler) {
        (Interface::Web, _) => Ok(Inputs::from([
            ("interface".into(), text("web")),
            ("command".into(), Value::List(vec![text(&artifact.entry)])),
        ])),
        (Interface::Portable, Some(handler)) => Ok(Inputs::from([
            ("interface".into(), text("portable")),
            ("handler".into(), loaded(handler, artifact)),
        ])),
        (Interface::Lambda, Some(handler)) => Ok(Inputs::from([
            ("interface".into(), text("lambda")),
            ("handler".into(), loaded(handler, artifact)),
            ("payload".into(), text(function.payload.as_str())),
        ])),
        (Interface::Portable | Interface::Lambda, None) => {
            let message = format!("function `{}` has no handler", function.name);
            Err(Box::new(Diagnostic::error("no-handler", function.span, message)))
        }
    }
}

/// The build may have made another file of the one in the manifest (`a.ts` -> `a.mjs`), and found the extension of one without
/// (`legacy/orders.handler`).
fn loaded(handler: &Handler, artifact: &BuiltArtifact) -> Value {
    Value::Map(Inputs::from([
        ("file".into(), text(&artifact.entry)),
        ("export".into(), text(&handler.export)),
    ]))
}

fn runtime(function: &Function) -> Value {
    let family = match function.runtime.family {
        RuntimeFamily::Node => "node",
        RuntimeFamily::Python => "python",
        RuntimeFamily::Web => "web",
    };
    let mut inputs = Inputs::from([("family".into(), text(family))]);
    if let Some(version) = &function.runtime.version {
        inputs.insert("version".into(), text(version));
    }
    Value::Map(inputs)
}

/// A value that is text alone stays text; one with a reference in it is the list of its parts, which `kinds` joins when the
/// references are resolved.
fn env(app: &App, function: &Function) -> Value {
    let entries = function.env.iter().map(|(name, parts)| {
        let value = match parts.as_slice() {
            [] => text(""),
            [only] => part(app, only),
            _ if parts.iter().all(|part| matches!(part, EnvPart::Text(_))) => {
                text(parts.iter().map(plain).collect::<String>())
            }
            _ => Value::List(parts.iter().map(|one| part(app, one)).collect()),
        };
        (name.clone(), value)
    });
    Value::Map(entries.collect())
}

fn plain(part: &EnvPart) -> &str {
    match part {
        EnvPart::Text(text) => text,
        EnvPart::Output { .. } => "",
    }
}

fn part(app: &App, part: &EnvPart) -> Value {
    match part {
        EnvPart::Text(plain) => text(plain),
        // A function is called by the name that code has for it. It has no address: `check` refuses that.
        EnvPart::Output { kind, name, .. } if kind == names::FUNCTION => {
            text(app.renames.now(ItemKind::Function, name))
        }
        EnvPart::Output { kind, name, output, .. } => {
            let of = if kind == names::API { names::api() } else { Addr::new(kind, name) };
            Value::Ref { of, output: output.clone() }
        }
    }
}
