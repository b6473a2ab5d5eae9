//! The way from a text to the App, and the choice of stage and provider on it.

use crate::app::EnvPart;
use crate::decode::{Decode, Decoder};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::interpolate::Resolver;
use crate::manifest::{self, Manifest, NOT_IN_OVERLAYS};
use crate::node::{self, Node, NodeEntry, NodeKind, NodeTable};
use crate::validate::{self, Chosen};
use crate::{Loaded, Lookup, Selection, Source, names, overlay};

/// The one version of the manifest that this build reads.
const VERSION: i64 = 1;
const DEFAULT_STAGE: &str = "dev";
const DEFAULT_PROVIDER: &str = "self-hosted";

/// Reads a manifest: parse, merge the stage's overlay, interpolate, validate.
///
/// [`Loaded::app`] is there if and only if no diagnostic is an error. Only a syntax error and an unknown version of the
/// manifest keep the rest from being looked at.
pub fn load(source: &Source, selection: &Selection, lookup: &dyn Lookup) -> Loaded {
    let mut problems = Vec::new();
    let app = match node::parse(&source.text) {
        Ok(root) => Loading { text: &source.text, selection, lookup, problems: &mut problems }.run(root),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    // One default may be wrong for many functions: it is said once.
    problems.sort_by(|a, b| {
        (a.span, a.severity, &a.code, &a.message).cmp(&(b.span, b.severity, &b.code, &b.message))
    });
    problems.dedup();
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    Loaded { app: app.filter(|_| !failed), diagnostics: problems }
}

/// Whether a stage says itself where its state is.
fn stage_has_own_store(root: &Node) -> bool {
    let Some(NodeKind::Table(stages)) = root.get("stages").map(|entry| &entry.node.kind) else {
        return false;
    };
    let own = |overlay: &Node| Some(overlay.get("state")?.node.get("store")?.node.span);
    stages.values().any(|stage| own(&stage.node).is_some())
}

struct Loading<'a> {
    text: &'a str,
    selection: &'a Selection,
    lookup: &'a dyn Lookup,
    problems: &'a mut Vec<Diagnostic>,
}

impl Loading<'_> {
    fn run(&mut self, mut root: Node) -> Option<crate::App> {
        if !self.probe_version(&mut root) {
            return None;
        }
        let one_store = !stage_has_own_store(&root);
        let stage = self.merge_stage(&mut root);
        let provider = self.provider(&root, &stage);
        let resolver = Resolver {
            source: self.text,
            lookup: self.lookup,
            project: self.bootstrap(&root, "name", Some(&stage)),
            stage: Some(stage.clone()),
            provider: Some(provider.clone()),
        };
        let mut decoder = Decoder::new(&resolver);
        let manifest = Manifest::decode(&root, &mut decoder);
        self.problems.append(&mut decoder.problems);
        let chosen = Chosen { stage, provider, one_store, text: self.text.to_owned() };
        let (app, mut problems) = validate::lower(manifest?, &chosen);
        self.problems.append(&mut problems);
        app
    }

    /// Whether this build can read on.
    fn probe_version(&mut self, root: &mut Node) -> bool {
        let NodeKind::Table(entries) = &mut root.kind else {
            return false;
        };
        let Some(entry) = entries.get("sf") else {
            let error = Diagnostic::error(
                "missing-version",
                Span::default(),
                "the manifest does not say its version",
            );
            self.problems.push(error.hint(format!("begin it with `sf = {VERSION}`")));
            let node = Node { span: Span::default(), kind: NodeKind::Integer(VERSION) };
            let key = Span::default();
            entries.insert("sf".into(), NodeEntry { key, node });
            return true;
        };
        match entry.node.kind {
            NodeKind::Integer(VERSION) => true,
            NodeKind::Integer(other) => {
                let message = format!("unknown manifest version {other}");
                let error = Diagnostic::error("unknown-version", entry.node.span, message);
                self.problems.push(if other > VERSION {
                    error.hint(format!("this `sf` reads version {VERSION}: a newer `sf` may read it"))
                } else {
                    error.hint(format!("write `sf = {VERSION}`"))
                });
                false
            }
            _ => {
                let message = "the manifest's version must be a whole number";
                let error = Diagnostic::error("unknown-version", entry.node.span, message);
                self.problems.push(error.hint(format!("write `sf = {VERSION}`")));
                false
            }
        }
    }

    /// The selected stage, whose overlay is then part of `root` and no longer under `stages`.
    fn merge_stage(&mut self, root: &mut Node) -> String {
        let default = self.bootstrap(root, "stage", None).unwrap_or_else(|| DEFAULT_STAGE.into());
        let stage = self.selection.stage.clone().unwrap_or_else(|| default.clone());
        let NodeKind::Table(entries) = &mut root.kind else {
            return stage;
        };
        let stages = match entries.get_mut("stages").map(|entry| &mut entry.node.kind) {
            Some(NodeKind::Table(stages)) => stages,
            _ => &mut NodeTable::new(),
        };
        let Some(mut overlay) = stages.remove(&stage) else {
            if stage != default {
                let mut known: Vec<&str> = stages.keys().map(String::as_str).collect();
                known.push(&default);
                known.sort_unstable();
                known.dedup();
                let message = format!("unknown stage `{stage}`");
                let hint = format!("{}; declare it with `[stages.{stage}]`", names::choose(&stage, known));
                self.problems.push(Diagnostic {
                    span: None,
                    ..Diagnostic::error("unknown-stage", Span::default(), message).hint(hint)
                });
            }
            return stage;
        };
        if let Err(invalid) = names::check_name(&stage, 63) {
            self.problems.push(invalid.at(overlay.key));
        }
        self.problems.extend(manifest::misplaced(&stage, &overlay.node));
        match &mut overlay.node.kind {
            NodeKind::Table(entries) => {
                for key in NOT_IN_OVERLAYS {
                    entries.remove(key);
                }
                overlay::merge(root, overlay.node);
            }
            other => {
                let message = format!("`stages.{stage}` must be a table, but is {}", other.describe());
                let error = Diagnostic::error("wrong-type", overlay.node.span, message);
                self.problems.push(error);
            }
        }
        stage
    }

    /// The selected provider. One that the manifest names is checked where it stands.
    fn provider(&mut self, root: &Node, stage: &str) -> String {
        let Some(provider) = &self.selection.provider else {
            return self.bootstrap(root, "provider", Some(stage)).unwrap_or_else(|| DEFAULT_PROVIDER.into());
        };
        if let Err(invalid) = manifest::check_provider(provider) {
            self.problems.push(Diagnostic { span: None, ..invalid.at(Span::default()) });
        }
        provider.clone()
    }

    /// A key of `[project]` that must be known before the rest can be read. What is wrong with it is said later, when
    /// all of `[project]` is read.
    fn bootstrap(&self, root: &Node, key: &str, stage: Option<&str>) -> Option<String> {
        let entry = root.get("project")?.node.get(key)?;
        let NodeKind::String(text) = &entry.node.kind else {
            return None;
        };
        let resolver = Resolver {
            source: self.text,
            lookup: self.lookup,
            stage: stage.map(str::to_owned),
            project: None,
            provider: None,
        };
        let parts = resolver.resolve(text, entry.node.span, &mut Vec::new())?;
        let mut result = String::new();
        for part in parts {
            match part {
                EnvPart::Text(text) => result.push_str(&text),
                EnvPart::Output { .. } => return None,
            }
        }
        Some(result)
    }
}
