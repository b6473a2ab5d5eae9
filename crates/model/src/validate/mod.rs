//! From the sections to the [`App`]: what needs more than one value to judge. A file for each concern.

mod api;
mod calls;
mod code;
mod env;
mod function;
mod http;
mod names;
mod queues;
mod unused;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use names::Gathered;
pub(crate) use names::Names;

use crate::app::App;
use crate::decode::{Map, Spanned};
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::manifest::{Manifest, or_default};
use crate::renames::Renames;
use crate::units::Period;

/// How the names of stages begin whose data is protected.
const PROTECTED_STAGES: &str = "prod";
/// How many releases are kept where the manifest does not say it.
const KEPT_RELEASES: u32 = 20;

/// What is known while the sections are gone through, and what is wrong with them.
pub(crate) struct Check<'a> {
    pub(crate) names: &'a Names,
    pub(crate) stage: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) problems: Vec<Diagnostic>,
    /// What something refers to.
    used: BTreeSet<(ItemKind, String)>,
}

/// What was chosen before the sections were read.
pub(crate) struct Chosen {
    pub(crate) stage: String,
    pub(crate) provider: String,
    /// Whether the states of all stages are in one place.
    pub(crate) one_store: bool,
    /// The manifest's text, to say on which line the other place is.
    pub(crate) text: String,
}

impl Check<'_> {
    /// `wanted`'s text, if a thing of that kind and name is there.
    pub(crate) fn refer(&mut self, kind: ItemKind, wanted: Spanned<String>) -> Option<String> {
        self.used.insert((kind, wanted.value.clone()));
        match self.names.find(kind, &wanted.value, wanted.span, self.provider) {
            Ok(()) => Some(wanted.value),
            Err(problem) => {
                self.problems.push(*problem);
                // A slip of the pen uses what it meant.
                if let Some(meant) = self.names.meant(kind, &wanted.value) {
                    self.used.insert((kind, meant.to_owned()));
                }
                None
            }
        }
    }

    /// What `protect` says; where it is not said, what the stage's name does.
    pub(crate) fn protects(&self, field: Option<Spanned<bool>>) -> bool {
        field.map_or_else(|| self.stage.starts_with(PROTECTED_STAGES), |field| field.value)
    }

    /// A number, `default` if it is not said; out of range it is reported, and the default is taken.
    pub(crate) fn in_range(
        &mut self,
        what: &str,
        field: Option<Spanned<u32>>,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        match field {
            Some(number) if range.contains(&number.value) => number.value,
            Some(number) => {
                let (least, most) = range.into_inner();
                let message = format!("{what} is out of range: {}", number.value);
                let error = Diagnostic::error("out-of-range", number.span, message);
                self.problems.push(error.hint(format!("write a number from {least} to {most}")));
                default
            }
            None => default,
        }
    }

    /// A duration; out of range it is reported. `least` and `most` as they would stand in the manifest.
    pub(crate) fn period_in_range(
        &mut self,
        what: &str,
        field: Option<Spanned<Period>>,
        least: &str,
        most: &str,
    ) -> Option<Duration> {
        let period = field?;
        let bound = |text: &str| text.parse::<Period>().ok();
        if bound(least).is_some_and(|least| period.value < least)
            || bound(most).is_some_and(|most| period.value > most)
        {
            let message = format!("{what} is out of range: {}", period.value);
            let error = Diagnostic::error("out-of-range", period.span, message);
            self.problems.push(error.hint(format!("write a duration from {least} to {most}")));
        }
        Some(period.value.0)
    }
}

/// The App, as far as it could be made, and everything that is wrong. It is of use only if there is no error.
pub(crate) fn lower(mut manifest: Manifest, chosen: &Chosen) -> (Option<App>, Vec<Diagnostic>) {
    let Gathered { names, renames, problems } = names::gather(&mut manifest, &chosen.provider);
    let Chosen { stage, provider, .. } = chosen;
    let mut check = Check { names: &names, stage, provider, problems, used: BTreeSet::new() };
    let app = app(manifest, renames, chosen, &mut check);
    unused::check(&mut check);
    (app, check.problems)
}

fn app(manifest: Manifest, renames: Renames, chosen: &Chosen, check: &mut Check<'_>) -> Option<App> {
    let defaults = or_default(manifest.defaults);
    let authorizers = manifest.api.as_ref().and_then(|api| api.value.auth.as_ref());
    let authorizers =
        authorizers.map(|auth| auth.value.entries.keys().cloned().collect()).unwrap_or_default();
    let functions = entries(manifest.functions, |name, entry| {
        function::lower(name, entry.span, entry.value, &defaults, &authorizers, check)
    });
    http::check_duplicates(&functions, &chosen.text, check);
    calls::check_cycles(&functions, check);
    queues::check_listeners(&functions, &chosen.text, check);
    let providers = or_default(manifest.providers);
    for (name, span) in &providers.functions {
        check.refer(ItemKind::Function, Spanned { value: name.clone(), span: *span });
    }
    let settings = providers.selected.unwrap_or(Spanned {
        value: serde_json::Value::Object(serde_json::Map::new()),
        span: Span::default(),
    });
    let project = or_default(manifest.project);
    let state = or_default(manifest.state);
    let kept = check.in_range("`releases` in `state`", state.releases, 1..=1000, KEPT_RELEASES);
    let tags = or_default(project.tags).entries.into_iter();
    Some(App {
        tags: tags.map(|(key, entry)| (key, entry.value)).collect(),
        api: api::lower(or_default(manifest.api), check),
        functions,
        buckets: entries(manifest.buckets, |_, entry| Some(entry.value.lower(entry.span, check))),
        tables: entries(manifest.tables, |_, entry| entry.value.lower(entry.span, check)),
        queues: entries(manifest.queues, |_, entry| Some(entry.value.lower(entry.span, check))),
        topics: entries(manifest.topics, |_, entry| Some(entry.value.lower(entry.span))),
        secrets: entries(manifest.secrets, |_, entry| Some(entry.value.lower(entry.span, check))),
        workflows: entries(manifest.workflows, |_, entry| entry.value.lower(entry.span)),
        sockets: entries(manifest.sockets, |_, entry| Some(entry.value.lower(entry.span, check))),
        provider_settings: settings.value,
        provider_settings_span: settings.span,
        state_store: state.store.map(|store| store.value),
        one_store: chosen.one_store,
        renames,
        kept_releases: usize::try_from(kept).unwrap_or(usize::MAX),
        project: project.name?.value.0,
        stage: chosen.stage.clone(),
        provider: chosen.provider.clone(),
    })
}

/// Every entry of a section, lowered; those that could not be are left out.
fn entries<K, S, T>(
    section: Option<Spanned<Map<K, S>>>,
    mut lower: impl FnMut(&str, crate::decode::Entry<S>) -> Option<T>,
) -> BTreeMap<String, T> {
    or_default(section)
        .entries
        .into_iter()
        .filter_map(|(name, entry)| lower(&name, entry).map(|lowered| (name, lowered)))
        .collect()
}
