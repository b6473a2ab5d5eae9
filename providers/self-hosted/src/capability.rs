//! What the embedded host cannot do yet: an error at its place, one for each item of the manifest that would have to change.
//!
//! Nothing is dropped in silence. Each hint is the nearest thing that works today.

use sf_model::{
    App, Diagnostic, EnvPart, EventKind, Function, ItemKind, Runtime, RuntimeFamily, Span, Use, Workflow,
};

use crate::settings::Settings;

/// Messages in one call, each of up to 256 KiB: what a worker can be given at once.
const MOST_MESSAGES: u32 = 100;

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
        found.extend(function_items(app, function));
    }
    found.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    found
}

fn unsupported(span: Span, feature: &str, hint: &str) -> Diagnostic {
    let message = format!("provider `self-hosted` does not support {feature} yet");
    Diagnostic::error("capability", span, message).hint(hint)
}

fn resources(app: &App) -> Vec<Diagnostic> {
    let workflow = |(name, workflow): (&String, &Workflow)| {
        unsupported(
            workflow.span,
            &format!("workflow `{name}`"),
            "have one function send to a queue that calls the next, or limit this to other providers with `only`",
        )
    };
    app.workflows.iter().map(workflow).collect()
}

fn api(app: &App) -> Option<Diagnostic> {
    let (domain, span) = app.api.domain.as_ref()?;
    Some(unsupported(
        *span,
        &format!("the domain `{domain}`"),
        "put a reverse proxy in front of the address that `sf info` shows",
    ))
}

fn function_items(app: &App, function: &Function) -> Vec<Diagnostic> {
    let mut found = calling(function);
    found.extend(uses(function));
    found.extend(environment(app, function));
    found.extend(runtime(&function.runtime));
    found
}

/// What calls it.
fn calling(function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(span) = function.url {
        found.push(unsupported(
            span,
            "a function's own address (`http = \"url\"`)",
            "give it a route of the API: `http = [\"ANY /…\"]`",
        ));
    }
    for event in &function.on {
        if let EventKind::Queue { batch, .. } = &event.kind
            && *batch > MOST_MESSAGES
        {
            let feature = format!("a batch of {batch} messages");
            found.push(unsupported(
                event.span,
                &feature,
                &format!("write `batch = {MOST_MESSAGES}` at most"),
            ));
        }
    }
    found
}

/// Uses of what the host does not have.
fn uses(function: &Function) -> Vec<Diagnostic> {
    let missing = function.uses.values().filter(|used| used.kind == ItemKind::Workflow);
    let diagnostic = |used: &Use| {
        unsupported(
            used.span,
            &format!("workflow `{}`", used.name),
            "send to a queue that calls the next function instead",
        )
    };
    missing.map(diagnostic).collect()
}

/// References to outputs that the host does not have.
fn environment(app: &App, function: &Function) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for part in function.env.values().flatten() {
        let EnvPart::Output { kind, name, output, span } = part else {
            continue;
        };
        let hint = match (kind.as_str(), output.as_str()) {
            ("function", "url") => {
                "a function has no address of its own here: use `${api.url}` and one of its routes"
            }
            ("workflow", _) => "there are no workflows on this provider yet",
            // The URL has the first name in it, and a function's token opens what it has under the names of today.
            ("queue", "url") if app.renames.now(ItemKind::Queue, name) != name => {
                "a queue that has a `was` is sent to with `ctx.queue`, or at `$SF_DATA_URL/queues/NAME/messages`"
            }
            _ => continue,
        };
        let name = ItemKind::from_singular(kind).map_or(name.as_str(), |kind| app.renames.now(kind, name));
        found.push(unsupported(*span, &format!("the output `${{{kind}.{name}.{output}}}`"), hint));
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
