//! `[functions.NAME]` -> `function/NAME`

use std::time::Duration;

use sf_model::{Diagnostic, EnvPart, Function, Interface, RuntimeFamily};
use sf_plan::{Addr, Value};
use sf_provider::{Artifacts, BuiltArtifact};

use super::{Inputs, number, text};
use crate::names;

pub(super) fn compile(function: &Function, artifacts: &Artifacts) -> Result<(Addr, Inputs), Box<Diagnostic>> {
    let artifact = artifacts.get(&function.name).ok_or_else(|| {
        let message = format!("function `{}` was not built", function.name);
        Box::new(Diagnostic::error("not-built", function.span, message))
    })?;
    let mut inputs = Inputs::from([
        ("runtime".into(), runtime(function)),
        ("artifact".into(), Value::Artifact(artifact.digest.clone())),
        ("env".into(), env(function)),
        ("memory".into(), number(function.memory)),
        ("timeout-ms".into(), number(milliseconds(function.timeout))),
        ("warm".into(), number(function.warm.map_or(0, |(instances, _)| instances.into()))),
    ]);
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
            (
                "handler".into(),
                Value::Map(Inputs::from([
                    // The build may have made another file of the one in the manifest (`a.ts` -> `a.mjs`).
                    ("file".into(), text(&artifact.entry)),
                    ("export".into(), text(&handler.export)),
                ])),
            ),
        ])),
        (Interface::Portable, None) => {
            let message = format!("function `{}` has no handler", function.name);
            Err(Box::new(Diagnostic::error("no-handler", function.span, message)))
        }
        (Interface::Lambda, _) => {
            let message = "provider `self-hosted` does not support the `lambda` interface yet";
            Err(Box::new(Diagnostic::error("capability", function.interface_span, message)))
        }
    }
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
fn env(function: &Function) -> Value {
    let entries = function.env.iter().map(|(name, parts)| {
        let value = match parts.as_slice() {
            [] => text(""),
            [only] => part(only),
            _ if parts.iter().all(|part| matches!(part, EnvPart::Text(_))) => {
                text(parts.iter().map(plain).collect::<String>())
            }
            _ => Value::List(parts.iter().map(part).collect()),
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

fn part(part: &EnvPart) -> Value {
    match part {
        EnvPart::Text(plain) => text(plain),
        // `check` lets through no other output than the API's.
        EnvPart::Output { output, .. } => Value::Ref { of: names::api(), output: output.clone() },
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
