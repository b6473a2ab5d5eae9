//! The cases of `kits/conformance/suite`.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// A case, as its file has it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) steps: Vec<Json>,
    /// What the provider must be able to do: see `needs.rs`.
    pub(crate) needs: Json,
    /// Not beside others.
    pub(crate) alone: bool,
}

/// The folder of the suite.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../kits/conformance")
}

/// All cases whose name contains `only`.
pub(crate) fn load(only: Option<&str>) -> Vec<Case> {
    let entries = std::fs::read_dir(folder().join("suite")).expect("the suite");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let list: Json =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        for case in list.as_array().expect("a list of cases") {
            let name = case["name"].as_str().expect("a name").to_owned();
            if only.is_none_or(|only| name.contains(only)) {
                let steps = case["steps"].as_array().expect("steps").clone();
                let needs = case["needs"].clone();
                cases.push(Case { name, steps, needs, alone: case["alone"] == true });
            }
        }
    }
    cases
}
