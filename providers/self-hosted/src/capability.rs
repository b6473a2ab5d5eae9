//! What the embedded host cannot do yet: an error at its place, one for each item of the manifest that would have to change.
//!
//! Nothing is dropped in silence. Each hint is the nearest thing that works today.

use std::collections::BTreeMap;

use sf_model::{App, Diagnostic, EnvPart, EventKind, Function, Interface, Runtime, RuntimeFamily, Span};

use crate::settings::Settings;

/// Node.js majors that the kit is made for.
const NODE_VERSIONS: [&str; 3] = ["20", "22", "24"];
/// Python minors that the kit is made for.
const PYTHON_VERSIONS: [&str; 4] = ["3.11", "3.12", "3.13", "3.14"];

/// Every reason why the App cannot be deployed to the host, in the order of their places.
pub(crate) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Settings::read(app).err().unwrap_or_default();
    found.extend(resources(app));
    found.extend(api(app));
    for function in app.functions.values() {
        found.extend(function_items(function));
    }
    found.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    found
}

fn unsupported(span: Span, feature: &str, hint: &str) -> Diagnostic {
    let message = format!("provider `self-hosted` does not support {feature} yet");
    Diagnostic::error("capability", span, message).hint(hint)
}

fn resources(app: &App) -> Vec<Diagnostic> {
    fn spans<T>(items: &BTreeMap<String, T>, span: fn(&T) -> Span) -> Vec<(&str, Span)> {
        items.iter().map(|(name, item)| (name.as_str(), span(item))).collect()
    }
    const STORE: &str = "keep the data in a database or object store of your own, with its address in `env`, \
                         or limit this to other providers with `only`";
    const EVENT: &str = "call the worker directly over HTTP or on a schedule, \
                         or limit this to other providers with `only`";
    let table = [
        ("bucket", spans(&app.buckets, |bucket| bucket.span), STORE),
        ("table", spans(&app.tables, |table| table.span), STORE),
        ("queue", spans(&app.queues, |queue| queue.span), EVENT),
        ("topic", spans(&app.topics, |topic| topic.span), EVENT),
        (
            "secret",
            spans(&app.secrets, |secret| secret.span),
            "pass the value with `env = { NAME = \"${env:NAME}\" }` for now: it is stored as plain text with the function",
        ),
        (
            "workflow",
            spans(&app.workflows, |workflow| workflow.span),
            "call one function from another over HTTP, or limit this to other providers with `only`",
        ),
        (
            "socket",
            spans(&app.sockets, |socket| socket.span),
            "poll over HTTP, or limit this to other providers with `only`",
        ),
    ];
    let mut found = Vec::new();
    for (kind, items, hint) in table {
        for (name, span) in items {
            found.push(unsupported(span, &format!("{kind} `{name}`"), hint));
        }
    }
    found
}

fn api(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, auth) in &app.api.auth {
        found.push(unsupported(auth.span, &format!("authorizer `{name}`"), AUTH_HINT));
    }
    if let Some(throttle) = &app.api.throttle {
        found.push(unsupported(throttle.span, "throttling", THROTTLE_HINT));
    }
    if let Some((domain, span)) = &app.api.domain {
        found.push(unsupported(
            *span,
            &format!("the domain `{domain}`"),
            "put a reverse proxy in front of the address that `sf info` shows",
        ));
    }
    found
}

const AUTH_HINT: &str = "verify the `authorization` header in the handler";
const THROTTLE_HINT: &str = "limit the rate in a reverse proxy in front of the host";

fn function_items(function: &Function) -> Vec<Diagnostic> {
    let mut found = calling(function);
    found.extend(grants(function));
    found.extend(environment(function));
    found.extend(runtime(&function.runtime));
    if let Some(rollout) = &function.rollout
        && rollout.kind != "all-at-once"
    {
        found.push(unsupported(
            rollout.span,
            &format!("{} rollouts", rollout.kind),
            "leave `rollout` out: a release takes over at once and loses no request",
        ));
    }
    found
}

/// How it is called: interface, routes, events.
fn calling(function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if function.interface == Interface::Lambda {
        found.push(unsupported(
            function.interface_span,
            "the `lambda` interface",
            "use `interface = \"portable\"` (Request in, Response out), or `interface = \"web\"` for a program that serves HTTP",
        ));
    }
    if let Some(span) = function.url {
        found.push(unsupported(
            span,
            "a function's own address (`http = \"url\"`)",
            "give it a route of the API: `http = [\"ANY /…\"]`",
        ));
    }
    for route in &function.http {
        if let Some(auth) = &route.auth {
            found.push(unsupported(route.span, &format!("routes with authorizer `{auth}`"), AUTH_HINT));
        }
        if let Some(throttle) = &route.throttle {
            found.push(unsupported(throttle.span, "throttling of a route", THROTTLE_HINT));
        }
    }
    for event in &function.on {
        let (feature, hint) = match &event.kind {
            EventKind::Schedule(_) => continue,
            EventKind::Queue { queue, .. } => (format!("events of queue `{queue}`"), PUSH_HINT),
            EventKind::Topic { topic, .. } => (format!("events of topic `{topic}`"), PUSH_HINT),
            EventKind::Bucket { bucket, .. } => (format!("events of bucket `{bucket}`"), POLL_HINT),
            EventKind::Table { table } => (format!("events of table `{table}`"), POLL_HINT),
        };
        found.push(unsupported(event.span, &feature, hint));
    }
    found
}

const PUSH_HINT: &str = "give the function a route (`http = [\"POST /…\"]`) and have the sender call it";
const POLL_HINT: &str =
    "have the function look for changes on a schedule (`on = [{ schedule = \"rate(1 minute)\" }]`)";

/// What it may use.
fn grants(function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for name in function.uses.keys() {
        let span = function.uses_spans.get(name).copied().unwrap_or(function.span);
        found.push(unsupported(
            span,
            &format!("`uses` (`{name}`)"),
            "there is no `ctx` for it on this provider yet: call what the function needs by an address in `env`",
        ));
    }
    for (name, span) in &function.secrets {
        found.push(unsupported(
            *span,
            &format!("secrets (`{name}`)"),
            "pass the value with `env = { NAME = \"${env:NAME}\" }` for now: it is stored as plain text with the function",
        ));
    }
    found
}

/// References to outputs that the host does not have.
fn environment(function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for part in function.env.values().flatten() {
        let EnvPart::Output { kind, name, output, span } = part else {
            continue;
        };
        if kind == "api" && output == "url" {
            continue;
        }
        let (reference, hint) = match kind.as_str() {
            "api" => (format!("${{api.{output}}}"), "the API has `${api.url}`"),
            "function" => (
                format!("${{function.{name}.{output}}}"),
                "a function has no address of its own here: use `${api.url}` and one of its routes",
            ),
            _ => (format!("${{{kind}.{name}.{output}}}"), "use `${env:NAME}` with an address of your own"),
        };
        found.push(unsupported(*span, &format!("the output `{reference}`"), hint));
    }
    found
}

fn runtime(runtime: &Runtime) -> Option<Diagnostic> {
    let version = runtime.version.as_deref()?;
    let (language, known): (&str, &[&str]) = match runtime.family {
        RuntimeFamily::Node => ("node", &NODE_VERSIONS),
        RuntimeFamily::Python => ("python", &PYTHON_VERSIONS),
        RuntimeFamily::Web => ("web", &[]),
    };
    if known.contains(&version) {
        return None;
    }
    let listed: Vec<String> = known.iter().map(|known| format!("`{language}{known}`")).collect();
    let hint = match listed.as_slice() {
        [] => format!("use `{language}`"),
        _ => format!("use `{language}` (what the host has), or {}", listed.join(", ")),
    };
    Some(unsupported(runtime.span, &format!("runtime `{language}{version}`"), &hint))
}
