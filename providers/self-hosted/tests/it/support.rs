//! Manifest text -> App, and artifacts as if they had been built.

use sf_model::{App, Diagnostic, Interface, Lookup, Selection, Source};
use sf_plan::{Desired, Digest};
use sf_provider::{Artifacts, BuiltArtifact};
use sf_provider_self_hosted::SelfHosted;

/// A world without environment, files and git.
struct Nowhere;

impl Lookup for Nowhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("there is no {path}"))
    }

    fn git_sha(&self) -> Result<String, String> {
        Err("there is no repository".to_owned())
    }
}

/// The App of a manifest that must be valid.
pub(crate) fn load(text: &str) -> App {
    let source = Source { name: "sf.toml".to_owned(), text: text.to_owned() };
    let loaded = sf_model::load(&source, &Selection::default(), &Nowhere);
    loaded.app.unwrap_or_else(|| panic!("the manifest is not valid: {:#?}", loaded.diagnostics))
}

/// A digest that stands for the code of `name`.
pub(crate) fn digest(name: &str) -> Digest {
    let hex = hex::encode(name);
    Digest(format!("{hex:0<64}"))
}

/// What a build would have made.
pub(crate) fn artifacts(app: &App) -> Artifacts {
    let built = app.functions.values().map(|function| {
        let entry = match (&function.handler, function.interface) {
            (Some(handler), Interface::Portable | Interface::Lambda) => handler.file.clone(),
            _ => function.name.clone(),
        };
        let artifact = BuiltArtifact { digest: digest(&function.name), size: 1, entry };
        (function.name.clone(), artifact)
    });
    built.collect()
}

/// The objects of a manifest that the host can take.
pub(crate) fn compile(text: &str) -> Vec<Desired> {
    let app = load(text);
    let refused = SelfHosted::backend().check(&app);
    assert_eq!(refused, [], "the host refuses the manifest");
    SelfHosted::backend().compile(&app, &artifacts(&app)).unwrap()
}

/// Diagnostics as a person would read them, with the place that each points at.
pub(crate) fn render(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.span.unwrap();
        let line = text[..span.start].matches('\n').count() + 1;
        let place = text[span.start..span.end].lines().next().unwrap_or_default();
        let hint = diagnostic.hint.as_deref().unwrap_or("none");
        out.push_str(&format!(
            "{:?} {}: {}\n  at {line}: {place}\n  hint: {hint}\n",
            diagnostic.severity, diagnostic.code, diagnostic.message
        ));
    }
    out
}
