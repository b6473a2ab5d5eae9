//! Every broken manifest says what its golden file says. `UPDATE=1 cargo test -p sf-model` writes the golden files.
//!
//! A first line `# stage: NAME` or `# provider: NAME` selects as the command line would.

use std::path::{Path, PathBuf};

use sf_model::{Severity, render, to_json};

use crate::common::{fixtures, load_text, source};

/// The broken manifests and their texts, sorted by name.
pub(crate) fn broken() -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures().join("broken"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        // A checkout with other line ends is the same manifest.
        let text = std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        (path, text)
    };
    files.into_iter().map(read).collect()
}

fn directive<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().next()?.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": ")
}

fn golden(path: &Path, actual: &str) -> Option<String> {
    let golden = path.with_extension("err");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, actual).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default().replace("\r\n", "\n");
    (expected != actual)
        .then(|| format!("{}:\n--- expected\n{expected}\n--- actual\n{actual}", golden.display()))
}

#[test]
fn each_says_what_its_golden_file_says() {
    let files = broken();
    assert!(files.len() >= 40, "only {} fixtures found", files.len());
    let mut differences = Vec::new();
    for (path, text) in files {
        let loaded = load_text(&text, directive(&text, "stage"), directive(&text, "provider"));
        let source = source(&text);
        assert!(loaded.app.is_none(), "{} loads", path.display());
        assert!(loaded.diagnostics.iter().any(|one| one.severity == Severity::Error));
        assert!(loaded.diagnostics.is_sorted_by_key(|one| one.span), "{}", path.display());
        for diagnostic in &loaded.diagnostics {
            assert!(
                diagnostic.hint.is_some() || diagnostic.severity == Severity::Note,
                "{diagnostic:?} has no hint"
            );
        }
        assert_eq!(
            to_json(&source, &loaded.diagnostics).as_array().map(Vec::len),
            Some(loaded.diagnostics.len())
        );
        differences.extend(golden(&path, &render(&source, &loaded.diagnostics, false)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
