//! Projects that several tests use.

use sf_e2e::{Env, Gate, Logged, Project};

/// A manifest of Node functions: `(name, further lines)`; the handler of `one` is `one.mjs#one`.
pub(crate) fn manifest(name: &str, functions: &[(&str, &str)]) -> String {
    let mut text = format!("sf = 1\n\n[project]\nname = \"{name}\"\nprovider = \"self-hosted\"\n");
    for (function, lines) in functions {
        text.push_str(&format!(
            "\n[functions.{function}]\nhandler = \"{function}.mjs#{function}\"\n{lines}\n"
        ));
    }
    text
}

/// A Node handler of that name that answers with a text.
pub(crate) fn answering(function: &str, text: &str) -> String {
    format!("export function {function}() {{\n  return new Response({text:?});\n}}\n")
}

/// Two functions with a route each, answering `one` and `two`.
pub(crate) fn pair<'env>(env: &'env Env, name: &str) -> Project<'env> {
    let manifest = manifest(name, &[("one", "http = [\"GET /one\"]"), ("two", "http = [\"GET /two\"]")]);
    env.project(
        name,
        &[
            ("sf.toml", &manifest),
            ("one.mjs", &answering("one", "one")),
            ("two.mjs", &answering("two", "two")),
        ],
    )
}

/// A host, and a gate between it and every `sf` of this home whose manifest says `host = "${env:GATE}"`.
pub(crate) fn gated(env: &mut Env) -> Gate {
    let _ = env.run(env.dir(), &["host", "start"]).ok();
    let host = env.host();
    let gate = Gate::new(&host.url);
    env.set("GATE", gate.url.clone());
    env.set("SF_HOST_TOKEN", host.token());
    gate
}

/// The lines that send a manifest's deploys through the gate.
pub(crate) const THROUGH_GATE: &str = "\n[providers.self-hosted]\nhost = \"${env:GATE}\"\n";

/// The calls of a record as `METHOD kind/name`: what stands after `…/resources/`, or `artifact`.
pub(crate) fn calls(requests: &[Logged]) -> Vec<String> {
    let target = |path: &str| match path.split_once("/resources/") {
        Some((_, resource)) => decoded(resource),
        None if path.contains("/artifacts/") => "artifact".to_owned(),
        None => path.to_owned(),
    };
    let mut calls: Vec<_> =
        requests.iter().map(|request| format!("{} {}", request.method, target(&request.path))).collect();
    calls.sort();
    calls
}

/// `GET%20%2Fone` -> `GET /one`
fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let digits: Vec<u8> = if byte == b'%' { rest.by_ref().take(2).collect() } else { Vec::new() };
        let code = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a package manager in a project. `false`, with the reason printed, where it cannot: without a registry there is nothing to test.
pub(crate) fn installs(project: &Project<'_>, program: &str, args: &[&str]) -> bool {
    let run = project.run(program, args);
    if run.code != Some(0) {
        println!("skipped: `{}` failed: {}", run.what, run.stderr.lines().last().unwrap_or_default());
    }
    run.code == Some(0)
}
