//! Builds of real folders: what is in an artifact, and what changes it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod extras;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use sf_build::{Artifact, BuildError, Extras, Layout, Progress};
use tempfile::TempDir;

struct Silent;

impl Progress for Silent {
    fn started(&self, _: &str) {}
    fn finished(&self, _: &str, _: &Artifact) {}
    fn output(&self, _: &str, _: &str) {}
}

struct World;

impl sf_model::Lookup for World {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, _: &str) -> Result<String, String> {
        Err("none".into())
    }
    fn git_sha(&self) -> Result<String, String> {
        Err("none".into())
    }
}

/// A project in a folder of its own.
struct Project(TempDir);

impl Project {
    /// Files by path; `functions` are the manifest's function tables.
    fn new(functions: &str, files: &[(&str, &str)]) -> Self {
        let project = Self(TempDir::new().unwrap());
        project.manifest(functions);
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    fn manifest(&self, functions: &str) {
        self.write("sf.toml", &format!("{HEAD}{functions}"));
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn try_build(&self) -> Result<BTreeMap<String, Artifact>, Vec<BuildError>> {
        self.try_build_with(&Extras::default())
    }

    fn try_build_with(&self, extras: &Extras) -> Result<BTreeMap<String, Artifact>, Vec<BuildError>> {
        let text = fs::read_to_string(self.root().join("sf.toml")).unwrap();
        let source = sf_model::Source { name: "sf.toml".into(), text };
        let loaded = sf_model::load(&source, &sf_model::Selection::default(), &World);
        let app = loaded.app.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let layout = Layout { root: self.root().to_owned(), cache: self.root().join(".sf/cache") };
        sf_build::build(&app, &layout, None, extras, &Silent)
    }

    fn build(&self) -> BTreeMap<String, Artifact> {
        self.try_build().unwrap()
    }

    /// The only function's artifact.
    fn one(&self) -> Artifact {
        self.build().into_values().next().unwrap()
    }

    fn error(&self) -> BuildError {
        self.try_build().unwrap_err().remove(0)
    }
}

/// Paths without the kit's.
fn paths(artifact: &Artifact) -> Vec<&str> {
    artifact
        .files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| !path.starts_with(".sf-kit/"))
        .collect()
}

const HEAD: &str =
    "sf = 1\n[project]\nname = \"p\"\nprovider = \"self-hosted\"\n[defaults]\nruntime = \"node\"\n";
const HELLO: &str = "[functions.hello]\nhandler = \"src/a.mjs#hello\"\nhttp = \"GET /\"\n";
const HANDLER: &str = "import './b.mjs';\nexport function hello() {}\n";

fn hello() -> Project {
    Project::new(
        HELLO,
        &[("src/a.mjs", HANDLER), ("src/b.mjs", "export const b = 1;"), ("src/unused.mjs", "")],
    )
}

#[test]
fn an_artifact_holds_what_imports_reach_and_the_kit() {
    let project = hello();
    let artifact = project.one();
    assert_eq!(paths(&artifact), ["src/a.mjs", "src/b.mjs"]);
    assert_eq!(artifact.entry, "src/a.mjs");
    let mut zip = zip::ZipArchive::new(fs::File::open(&artifact.zip).unwrap()).unwrap();
    let mut text = String::new();
    zip.by_name("src/a.mjs").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, HANDLER);
    assert!(zip.by_name(".sf-kit/main.mjs").is_ok());
}

#[test]
fn two_clones_build_the_same_bytes() {
    let (one, two) = (hello(), hello());
    let (a, b) = (one.one(), two.one());
    assert_eq!(a.digest, b.digest);
    assert_eq!(fs::read(&a.zip).unwrap(), fs::read(&b.zip).unwrap());
}

#[test]
fn only_what_runs_counts() {
    let project = hello();
    let first = project.one();
    assert!(!first.cached);
    // A new time, an unused file, another order of the manifest: nothing.
    project.write("src/a.mjs", HANDLER);
    project.write("src/unused.mjs", "export const other = 1;");
    project.manifest("[functions.hello]\nhttp = \"GET /\"\nhandler = \"src/a.mjs#hello\"\n");
    let second = project.one();
    assert_eq!(first.digest, second.digest);
    assert!(second.cached);
    project.write("src/b.mjs", "export const b = 2;");
    assert_ne!(first.digest, project.one().digest);
    // Of the same length and right after: the stat cache must not be fooled.
    let third = project.one().digest;
    project.write("src/b.mjs", "export const b = 3;");
    assert_ne!(third, project.one().digest);
}

#[cfg(unix)]
#[test]
fn the_executable_bit_counts_and_the_umask_does_not() {
    use std::os::unix::fs::PermissionsExt;
    let project = hello();
    let mode = |mode| {
        fs::set_permissions(project.root().join("src/b.mjs"), fs::Permissions::from_mode(mode)).unwrap();
        project.one().digest
    };
    let plain = mode(0o644);
    assert_eq!(plain, mode(0o600));
    assert_ne!(plain, mode(0o755));
    assert_eq!(plain, mode(0o644));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_project_is_refused() {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.mjs"), "export const b = 1;").unwrap();
    let project = hello();
    fs::remove_file(project.root().join("src/b.mjs")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.mjs"), project.root().join("src/b.mjs")).unwrap();
    let error = project.error();
    assert!(error.cause.contains("outside the project"), "{error}");
}

#[test]
fn what_is_missing_is_named_with_what_is_there() {
    let project = hello();
    let case = |handler: &str| {
        project.manifest(&format!("[functions.hello]\nhandler = \"{handler}\"\nhttp = \"GET /\"\n"));
        let error = project.error();
        assert!(error.span.is_some(), "{error}");
        format!("{error} | {}", error.hint.clone().unwrap_or_default())
    };
    assert_eq!(
        case("src/aa.mjs#hello"),
        "build function `hello`: handler file `src/aa.mjs` does not exist | did you mean `src/a.mjs`?"
    );
    assert_eq!(
        case("src/a.mjs#helo"),
        "build function `hello`: handler file `src/a.mjs` has no export `helo` | it exports: hello"
    );
    project.write("src/a.mjs", "import './c.mjs'; export function hello() {}");
    assert!(case("src/a.mjs#hello").contains("`src/a.mjs` imports `./c.mjs`, which does not exist"));
    project.write("src/a.mjs", "import 'left-pad'; export function hello() {}");
    assert!(case("src/a.mjs#hello").contains("npm install left-pad"));
    project.write("src/a.mjs", "export function hello( {");
    let said = case("src/a.mjs#hello");
    assert!(said.contains("`src/a.mjs` has a syntax error at 1:2"), "{said}");
}

#[test]
fn packages_come_with_their_production_dependencies_and_versions_stay_apart() {
    let package =
        |name: &str, rest: &str| format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\" {rest} }}");
    let files = [
        ("package.json", r#"{ "type": "module", "scripts": { "x": "y" } }"#.to_owned()),
        (
            "src/a.js",
            "import 'one'; import fs from 'node:fs'; import 'two'; export function hello() {}".into(),
        ),
        (
            "node_modules/one/package.json",
            package("one", r#", "dependencies": { "two": "2" }, "devDependencies": { "three": "1" }"#),
        ),
        ("node_modules/one/lib/x.js", String::new()),
        ("node_modules/one/node_modules/two/package.json", package("two", r#", "main": "old.js""#)),
        ("node_modules/two/package.json", package("two", "")),
        ("node_modules/three/package.json", package("three", "")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let project = Project::new("[functions.hello]\nhandler = \"src/a.js#hello\"\nhttp = \"GET /\"\n", &files);
    let artifact = project.one();
    let expected = [
        "node_modules/one/lib/x.js",
        "node_modules/one/node_modules/two/package.json",
        "node_modules/one/package.json",
        "node_modules/two/package.json",
        "package.json",
        "src/a.js",
    ];
    assert_eq!(paths(&artifact), expected);
    // Scripts are nothing that a function runs.
    project.write("package.json", r#"{ "scripts": { "x": "z" }, "type": "module" }"#);
    assert_eq!(project.one().digest, artifact.digest);
}

#[test]
fn python_modules_are_found_beside_the_handler_and_in_the_root() {
    let function =
        "[functions.hello]\nruntime = \"python\"\nhandler = \"src/a.py:hello\"\nhttp = \"GET /\"\n";
    let project = Project::new(
        function,
        &[
            (
                "src/a.py",
                "import json, beside\nfrom shared.text import upper\nfrom shared import names\ndef hello(r, ctx): pass\n",
            ),
            ("src/beside.py", ""),
            ("shared/__init__.py", ""),
            ("shared/text.py", "from . import deep\n"),
            ("shared/deep.py", ""),
            ("shared/names.py", ""),
            ("shared/unused.py", ""),
        ],
    );
    let expected = [
        "shared/__init__.py",
        "shared/deep.py",
        "shared/names.py",
        "shared/text.py",
        "src/a.py",
        "src/beside.py",
    ];
    assert_eq!(paths(&project.one()), expected);
    project.write("src/a.py", "def helo(r, ctx): pass\n");
    assert_eq!(project.error().hint.unwrap(), "it exports: helo");
}

#[test]
fn includes_reach_into_what_git_ignores_only_when_named() {
    let with = |package: &str| format!("{HELLO}package = {package}\n");
    let project = hello();
    project.write(".gitignore", "dist/\n");
    project.write("dist/page.html", "");
    project.write("assets/a.txt", "");
    project.write("assets/b.bin", "");
    project.manifest(&with(r#"{ include = ["assets/**", "dist/**"], exclude = ["**/*.bin"] }"#));
    assert_eq!(paths(&project.one()), ["assets/a.txt", "dist/page.html", "src/a.mjs", "src/b.mjs"]);
    project.manifest(&with(r#"{ include = ["**/*.html"] }"#));
    let artifact = project.one();
    assert_eq!(paths(&artifact), ["src/a.mjs", "src/b.mjs"]);
    assert_eq!(artifact.warnings, ["package.include \"**/*.html\" matches no file"]);
}

#[test]
fn typescript_needs_esbuild_and_says_so() {
    let function = "[functions.hello]\nhandler = \"src/a.ts#hello\"\nhttp = \"GET /\"\n";
    let project = Project::new(function, &[("src/a.ts", "export const hello = (x: number) => x;")]);
    let Err(errors) = project.try_build() else { return };
    assert_eq!(errors[0].hint.as_deref(), Some("npm install --save-dev esbuild"));
}

#[cfg(unix)]
#[test]
fn a_web_programs_command_runs_only_when_something_changed() {
    let function = "[functions.hello]\ninterface = \"web\"\nhttp = \"GET /\"\n\
                    build = { command = \"echo x >> runs && mkdir -p out && cp server out/\", output = \"out/server\" }\n";
    let project = Project::new(function, &[("server", "1"), (".gitignore", "out/\nruns\n")]);
    let runs = || fs::read_to_string(project.root().join("runs")).unwrap().lines().count();
    let first = project.one();
    assert_eq!((paths(&first), first.entry.as_str(), runs()), (vec!["server"], "server", 1));
    assert_eq!((project.one().digest, runs()), (first.digest.clone(), 1));
    project.write("server", "2");
    assert_ne!(project.one().digest, first.digest);
    assert_eq!(runs(), 2);
    project.write("out/server", "changed by hand");
    project.one();
    assert_eq!(runs(), 3);
    project.write(
        "sf.toml",
        &fs::read_to_string(project.root().join("sf.toml"))
            .unwrap()
            .replace("mkdir", "echo oops; exit 3; mkdir"),
    );
    let error = project.error();
    assert!(error.cause.contains("exit status: 3\noops"), "{error}");
}

/// AWS names the file without its extension, which the artifact's entry has.
#[test]
fn a_lambda_handler_is_found_without_its_extension() {
    let entry = |runtime: &str, path: &str, text: &str| {
        let function = format!(
            "[functions.legacy]\ninterface = \"lambda\"\nruntime = \"{runtime}\"\nhandler = \"legacy/orders.handler\"\nhttp = \"GET /\"\n"
        );
        let project = Project::new(&function, &[(path, text)]);
        project.one().entry
    };
    assert_eq!(entry("node", "legacy/orders.js", "exports.handler = async () => {};"), "legacy/orders.js");
    let listed =
        "const handler = (event, context, callback) => callback(null, 1);\nmodule.exports = { handler };";
    assert_eq!(entry("node", "legacy/orders.cjs", listed), "legacy/orders.cjs");
    assert_eq!(entry("node", "legacy/orders.mjs", "export const handler = () => {};"), "legacy/orders.mjs");
    assert_eq!(entry("python", "legacy/orders.py", "def handler(event, context): ..."), "legacy/orders.py");
}
