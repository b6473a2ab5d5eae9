//! What several tests need.

use sf_e2e::aws::{Entry, mutating};
use sf_e2e::{Aws, Env, Project, copy};

/// The name of every fixture's project and stage, before each physical name.
pub(crate) const SCOPE: &str = "shop-dev";

/// A copy of `tests/fixtures/aws/NAME`.
pub(crate) fn fixture<'env>(env: &'env Env, name: &str) -> Project<'env> {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aws").join(name);
    let to = env.dir().join("projects").join(name);
    copy(&from, &to);
    Project::new(env, to)
}

/// A manifest of Node functions of the project `shop`: `(name, further lines)`; the handler of `one` is `one.mjs#one`.
pub(crate) fn manifest(functions: &[(&str, &str)]) -> String {
    let mut text = "sf = 1\n\n[project]\nname = \"shop\"\nprovider = \"aws\"\n".to_owned();
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
pub(crate) fn pair(env: &Env) -> Project<'_> {
    let text = manifest(&[("one", "http = [\"GET /one\"]"), ("two", "http = [\"GET /two\"]")]);
    let files = [
        ("sf.toml", text.as_str()),
        ("one.mjs", &answering("one", "one")),
        ("two.mjs", &answering("two", "two")),
    ];
    env.project("shop", &files)
}

/// What `sf` asks of AWS meanwhile.
pub(crate) fn requests(aws: &Aws, run: impl FnOnce()) -> Vec<Entry> {
    let before = aws.now();
    run();
    aws.log_since(before).into_iter().filter(Entry::is_of_sf).collect()
}

/// What `sf` asks AWS to change meanwhile, in order: `CreateFunction shop-dev-hello`.
pub(crate) fn changes(aws: &Aws, run: impl FnOnce()) -> Vec<String> {
    mutating(&requests(aws, run)).iter().map(ToString::to_string).collect()
}

/// Deploys again: nothing changes, and nobody is asked to change anything.
#[track_caller]
pub(crate) fn nothing_changes(aws: &Aws, project: &Project<'_>) {
    let asked = changes(aws, || {
        let _ = project.deploy().says(&["nothing to change"]);
    });
    assert_eq!(asked, Vec::<String>::new());
    assert_eq!(project.plan(), Vec::<String>::new());
}

/// No request held anything that AWS would have ignored, and nobody who cares for security finds fault with what was made.
#[track_caller]
pub(crate) fn is_clean(aws: &Aws) {
    assert_eq!(aws.warnings(), Vec::<String>::new());
    assert_eq!(aws.audit(), Vec::<String>::new());
}

/// Removes everything; what is left is what was there before.
#[track_caller]
pub(crate) fn leaves_nothing(aws: &Aws, project: &Project<'_>) {
    let _ = project.sf_within(sf_e2e::aws::LONG, &["remove", "--yes", "--data"]).ok();
    assert!(aws.state().is_empty(), "left behind: {:?}", aws.state());
}
