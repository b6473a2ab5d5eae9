//! What the tests of whole manifests share.

use std::path::PathBuf;

use sf_model::{Loaded, Lookup, Selection, Source, load};

/// A world in which a few things are known.
pub(crate) struct World;

impl Lookup for World {
    fn env(&self, name: &str) -> Option<String> {
        (name == "SET").then(|| "from-env".into())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        match path {
            "motd.txt" => Ok("hello\n".into()),
            _ => Err("no such file".into()),
        }
    }

    fn git_sha(&self) -> Result<String, String> {
        Ok("0123456789abcdef0123456789abcdef01234567".into())
    }
}

/// `tests/fixtures/manifests` of the workspace.
pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/manifests")
}

/// The whole example.
pub(crate) fn example() -> String {
    std::fs::read_to_string(fixtures().join("talent-market/sf.toml")).unwrap()
}

pub(crate) fn source(text: &str) -> Source {
    Source { name: "sf.toml".into(), text: text.into() }
}

pub(crate) fn load_text(text: &str, stage: Option<&str>, provider: Option<&str>) -> Loaded {
    let selection = Selection { stage: stage.map(str::to_owned), provider: provider.map(str::to_owned) };
    load(&source(text), &selection, &World)
}
