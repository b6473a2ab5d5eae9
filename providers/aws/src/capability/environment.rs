//! A function's variables.

use std::collections::BTreeSet;

use sf_model::{App, Diagnostic, EnvPart, Function, Span};

use super::unsupported;
use crate::compile::{Cx, environment};

/// Bytes of all variables together, names and quotes included.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST_BYTES: usize = 4_096;

/// Lambda's own: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
const RESERVED: [&str; 18] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

pub(super) fn check(cx: &Cx<'_>, function: &Function) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        function.env.keys().filter_map(|name| variable(function, name)).collect();
    for part in function.env.values().flatten() {
        if let EnvPart::Output { kind, name, output, span } = part {
            found.extend(self::output(cx.app, function, (kind, name, output), *span));
        }
    }
    let size = environment::size(cx, function, entry(function));
    if size > MOST_BYTES {
        let message = format!(
            "the environment of function `{}` has about {size} bytes, more than the {MOST_BYTES} that Lambda takes",
            function.name
        );
        let error = Diagnostic::error("capability", function.span, message);
        found.push(
            error.hint("keep long values in a secret or a bucket; what it `uses` is told in there as well"),
        );
    }
    found
}

/// The file that the build will make of the handler's, as far as its length goes.
fn entry(function: &Function) -> &str {
    match (&function.handler, &function.build) {
        (Some(handler), _) => &handler.file,
        (None, Some(build)) => build.output.rsplit('/').next().unwrap_or_default(),
        (None, None) => "",
    }
}

fn variable(function: &Function, name: &str) -> Option<Diagnostic> {
    if RESERVED.contains(&name) {
        let message = format!("the variable `{name}` (function `{}`) is set by Lambda itself", function.name);
        let error = Diagnostic::error("capability", function.span, message);
        return Some(error.hint("leave it out, or choose another name"));
    }
    let good = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    (!good).then(|| {
        let feature = format!("the variable `{name}` (function `{}`)", function.name);
        unsupported(
            function.span,
            &feature,
            "Lambda wants a letter first and two characters at least: `A_NAME`",
        )
    })
}

fn output(
    app: &App,
    function: &Function,
    (kind, name, output): (&str, &str, &str),
    span: Span,
) -> Option<Diagnostic> {
    let feature = format!("the output `${{{kind}.{name}.{output}}}`");
    match (kind, output) {
        ("workflow", _) => Some(unsupported(span, &feature, "there are no workflows on this provider yet")),
        ("function", "url") if app.functions.get(name).is_none_or(|callee| callee.url.is_none()) => {
            let hint = format!("give it an address of its own: `http = \"url\"` in `[functions.{name}]`");
            Some(unsupported(span, &feature, &hint))
        }
        ("function", "url") if asks_for(app, name, &function.name) => {
            let message = format!("`{}` needs the URL of `{name}`, which needs that of `{0}`", function.name);
            let hint =
                "AWS chooses a URL when the function is there: use `${api.url}` and a route for one of them";
            Some(Diagnostic::error("capability", span, message).hint(hint))
        }
        _ => None,
    }
}

/// Whether a function's environment asks for another one's URL, by way of others or itself.
fn asks_for(app: &App, asking: &str, wanted: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![asking];
    while let Some(name) = next.pop() {
        if name == wanted {
            return true;
        }
        if !seen.insert(name) {
            continue;
        }
        let parts = app.functions.get(name).into_iter().flat_map(|function| function.env.values().flatten());
        next.extend(parts.filter_map(|part| match part {
            EnvPart::Output { kind, name, output, .. } if kind == "function" && output == "url" => {
                Some(name.as_str())
            }
            EnvPart::Output { .. } | EnvPart::Text(_) => None,
        }));
    }
    false
}
