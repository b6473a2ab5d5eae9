//! How a function is called, where its code is and in which language: keys that must agree.

use super::Check;
use crate::app::{BuildCommand, Handler, Interface, Payload};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{BuildSection, HandlerText, Runtimes};
use crate::runtime::{Runtime, RuntimeFacts, RuntimeFamily};

/// The keys, as they are written.
pub(super) struct CodeKeys {
    pub(super) name: String,
    /// The function's header.
    pub(super) span: Span,
    pub(super) interface: Option<Spanned<Interface>>,
    pub(super) payload: Option<Spanned<Payload>>,
    pub(super) handler: Option<Spanned<HandlerText>>,
    pub(super) build: Option<Spanned<BuildSection>>,
    pub(super) runtime: Option<Spanned<Runtimes>>,
    pub(super) default_runtime: Option<Spanned<Runtimes>>,
}

/// What they mean.
pub(super) struct Code {
    pub(super) interface: Interface,
    pub(super) interface_span: Span,
    pub(super) payload: Payload,
    pub(super) handler: Option<Handler>,
    pub(super) build: Option<BuildCommand>,
    pub(super) runtime: Runtime,
}

pub(super) fn lower(keys: CodeKeys, check: &mut Check<'_>) -> Option<Code> {
    let says_web = keys.runtime.as_ref().is_some_and(|runtime| runtime.value.0.family == RuntimeFamily::Web);
    let (interface, interface_span) = match &keys.interface {
        Some(interface) => (interface.value, interface.span),
        None if says_web => (Interface::Web, keys.span),
        None => (Interface::Portable, keys.span),
    };
    match interface {
        Interface::Web => check_web(&keys, check),
        Interface::Portable | Interface::Lambda => check_handler(&keys, interface, check),
    }
    if interface != Interface::Lambda
        && let Some(payload) = &keys.payload
    {
        let message = "only a function with the interface `lambda` has a `payload`";
        let error = Diagnostic::error("misplaced-key", payload.span, message);
        check.problems.push(error.hint("leave `payload` out, or add `interface = \"lambda\"`"));
    }
    let runtime = runtime(&keys, interface, check)?;
    Some(Code {
        interface,
        interface_span,
        payload: keys.payload.map(|payload| payload.value).unwrap_or_default(),
        handler: keys.handler.map(|handler| Handler {
            file: handler.value.file,
            export: handler.value.export,
            file_has_extension: handler.value.file_has_extension,
            span: handler.span,
        }),
        build: keys.build.and_then(|build| {
            Some(BuildCommand {
                command: build.value.command?.value,
                output: build.value.output?.value,
                span: build.span,
            })
        }),
        runtime,
    })
}

/// A program has no handler, and has to come from somewhere.
fn check_web(keys: &CodeKeys, check: &mut Check<'_>) {
    if keys.build.is_none() {
        let message =
            format!("the function `{}` is a `web` program, but nothing says how it is built", keys.name);
        let error = Diagnostic::error("missing-build", keys.span, message);
        let hint = "add `build = { command = \"cargo build --release\", output = \"target/release/app\" }`";
        check.problems.push(error.hint(hint));
    }
    if let Some(handler) = &keys.handler {
        let message = format!("the function `{}` is a `web` program, which has no handler", keys.name);
        let error = Diagnostic::error("misplaced-key", handler.span, message);
        check.problems.push(error.hint("leave `handler` out: the program answers on `$PORT`"));
    }
}

/// The rest has a handler, and the kit loads it as it is.
fn check_handler(keys: &CodeKeys, interface: Interface, check: &mut Check<'_>) {
    match &keys.handler {
        None => {
            let message = format!("the function `{}` has no `handler`", keys.name);
            let error = Diagnostic::error("missing-handler", keys.span, message);
            check.problems.push(error.hint(
                "add `handler = \"src/file.mjs#export\"`, or `interface = \"web\"` for a program that serves HTTP",
            ));
        }
        Some(handler) if interface == Interface::Portable && !handler.value.file_has_extension => {
            let HandlerText { file, export, .. } = &handler.value;
            let error =
                Diagnostic::error("bad-handler", handler.span, "a portable handler names its file in full");
            check.problems.push(error.hint(format!(
                "write `{file}.mjs#{export}` or `{file}.py:{export}`, or `interface = \"lambda\"` for an AWS Lambda handler"
            )));
        }
        Some(_) => {}
    }
    if let Some(build) = &keys.build {
        let error =
            Diagnostic::error("misplaced-key", build.span, "only a `web` program has a build command");
        check.problems.push(error.hint("leave `build` out: `sf` bundles the handler itself"));
    }
}

/// The function's own, else the default, else that of the handler's file.
fn runtime(keys: &CodeKeys, interface: Interface, check: &mut Check<'_>) -> Option<Runtime> {
    let file = keys.handler.as_ref().and_then(|handler| RuntimeFamily::of_file(&handler.value.file));
    let (facts, span) = match (&keys.runtime, &keys.default_runtime, file) {
        (Some(own), _, _) => (own.value.0, own.span),
        (None, _, _) if interface == Interface::Web => (RuntimeFacts::find("web").ok()?, keys.span),
        (None, Some(default), _) => (default.value.0, default.span),
        (None, None, Some(family)) => (RuntimeFacts::find(family.name()).ok()?, keys.span),
        (None, None, None) => {
            // Without a handler that is what is missing, and it was said.
            if keys.handler.is_some() {
                let message = format!("the function `{}` does not say its runtime", keys.name);
                let error = Diagnostic::error("missing-key", keys.span, message);
                check.problems.push(error.hint("add `runtime = \"node\"` to it or to `[defaults]`"));
            }
            return None;
        }
    };
    if facts.has_ended() {
        let message = format!("the runtime `{}` gets no security fixes any more", facts.name);
        let warning = Diagnostic::warning("runtime-end-of-life", span, message);
        let ended = facts.end_of_life.unwrap_or_default();
        let newer = facts.family.name();
        check
            .problems
            .push(warning.hint(format!("its end of life was {ended}: use `{newer}` for the newest one")));
    }
    if interface != Interface::Web {
        check_language(keys, facts, file, check);
    }
    Some(Runtime { family: facts.family, version: facts.version.map(str::to_owned), span })
}

/// A Python file does not run on Node.
fn check_language(keys: &CodeKeys, facts: &RuntimeFacts, file: Option<RuntimeFamily>, check: &mut Check<'_>) {
    let Some(handler) = &keys.handler else {
        return;
    };
    if facts.family == RuntimeFamily::Web {
        let message = "the runtime `web` is for programs that serve HTTP, not for handlers".to_owned();
        let error = Diagnostic::error("runtime-mismatch", handler.span, message);
        check.problems.push(error.hint("name the handler's language: `runtime = \"node\"`"));
        return;
    }
    if let Some(family) = file.filter(|family| *family != facts.family) {
        let message = format!("`{}` does not run on `{}`", handler.value.file, facts.name);
        let error = Diagnostic::error("runtime-mismatch", handler.span, message);
        let hint = format!("add `runtime = \"{}\"` to the function `{}`", family.name(), keys.name);
        check.problems.push(error.hint(hint));
    }
}
