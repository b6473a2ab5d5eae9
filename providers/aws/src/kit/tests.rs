use std::collections::BTreeMap;
use std::path::Path;

use super::*;

struct Nothing;

impl sf_model::Lookup for Nothing {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, _: &str) -> Result<String, String> {
        Err("no files here".into())
    }
    fn git_sha(&self) -> Result<String, String> {
        Err("no git here".into())
    }
}

/// The files of the function that the manifest's line makes, by path.
fn kit(function: &str) -> BTreeMap<String, KitFile> {
    let text = format!("sf = 1\n[project]\nname = \"p\"\nprovider = \"aws\"\n[functions]\nf = {function}\n");
    let source = sf_model::Source { name: "sf.toml".into(), text };
    let loaded = sf_model::load(&source, &sf_model::Selection::default(), &Nothing);
    let app = loaded.app.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let files = files(&app.functions["f"], HERE).into_iter();
    files.map(|file| (file.path.clone(), file)).collect()
}

const HERE: Architecture =
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
const NODE_FUNCTION: &str = "{ runtime = \"node\", handler = \"a.mjs#a\" }";
const PYTHON_FUNCTION: &str = "{ runtime = \"python\", handler = \"b.py:b\" }";
const LAMBDA_FUNCTION: &str = "{ runtime = \"node\", handler = \"c.handler\", interface = \"lambda\" }";
const WEB_FUNCTION: &str = "{ interface = \"web\", build = { command = \"make\", output = \"server\" } }";

#[test]
fn portable_functions_have_the_kit_of_their_language_where_lambda_looks_for_it() {
    let kits = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kits");
    for (function, source, path) in [
        (NODE_FUNCTION, "node/aws/main.mjs", ".sf-kit/aws/main.mjs"),
        (PYTHON_FUNCTION, "python/aws/sf_lambda.py", "sf_lambda.py"),
    ] {
        let kit = kit(function);
        let embedded = kit.get(path).map(|file| file.bytes.to_vec());
        assert_eq!(embedded, std::fs::read(kits.join(source)).ok(), "{path}");
        assert!(kit.values().all(|file| !file.executable && !file.path.contains("__pycache__")));
    }
    assert!(kit(NODE_FUNCTION).keys().all(|path| path.starts_with(".sf-kit/aws/")));
}

#[test]
fn lambda_calls_its_own_handlers() {
    assert!(kit(LAMBDA_FUNCTION).is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn web_functions_are_started_with_a_static_program() {
    assert!(has_bridge(HERE));
    let kit = kit(WEB_FUNCTION);
    let program = &kit[BOOTSTRAP];
    assert_eq!((kit.len(), program.executable), (1, true));
    assert!(program.bytes.starts_with(b"\x7fELF"));
    // Nothing of the machine that it was made on is there on Lambda: a dynamic program would name its loader.
    assert!(!program.bytes.windows(8).any(|bytes| bytes == b"/lib64/l" || bytes == b"/lib/ld-"));
}
