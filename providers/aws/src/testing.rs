//! Manifest text -> App, for the tests of the pure half.

use serde_json::Value as Json;
use sf_model::{App, Lookup, Selection, Source};

/// A world without environment, files and git.
struct Nowhere;

impl Lookup for Nowhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("there are no files".into())
    }

    fn git_sha(&self) -> Result<String, String> {
        Err("there is no repository".into())
    }
}

/// The App of a manifest that must be valid.
pub(crate) fn load(text: &str) -> App {
    let source = Source { name: "sf.toml".into(), text: text.to_owned() };
    let selection = Selection { stage: None, provider: Some(crate::NAME.to_owned()) };
    let loaded = sf_model::load(&source, &selection, &Nowhere);
    loaded.app.unwrap_or_else(|| panic!("the manifest is not valid: {:#?}", loaded.diagnostics))
}

/// One function, `f`, and those settings of the provider.
pub(crate) fn with_settings(settings: Json) -> App {
    let text = "sf = 1\n[project]\nname = \"shop\"\n[functions.f]\nhandler = \"f.mjs#f\"\n";
    App { provider_settings: settings, ..load(text) }
}
