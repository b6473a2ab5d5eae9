//! Which names there are, and which of them this provider has.

use std::collections::BTreeMap;

use crate::decode::{Map, Spanned};
use crate::diagnostic::{Diagnostic, Span};
use crate::item::ItemKind;
use crate::manifest::{
    BucketSection, FirstName, FunctionSection, Manifest, ProviderName, QueueSection, SecretSection,
    SocketSection, TableSection, TopicSection, WorkflowSection, check_provider,
};
use crate::names;
use crate::renames::Renames;

/// Everything that the manifest declares by name.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<(ItemKind, String), Declared>);

#[derive(Debug)]
struct Declared {
    /// Where its name stands.
    key: Span,
    /// Whether `only` leaves it out on the selected provider.
    left_out: bool,
}

impl Names {
    /// The names of one kind.
    pub(crate) fn of(&self, kind: ItemKind) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().filter(move |(of, _)| *of == kind).map(|(_, name)| name.as_str())
    }

    /// Everything of one kind that is on the selected provider, with where it stands.
    pub(crate) fn present(&self, kind: ItemKind) -> impl Iterator<Item = (&str, Span)> {
        let of_kind = self.0.iter().filter(move |((of, _), declared)| *of == kind && !declared.left_out);
        of_kind.map(|((_, name), declared)| (name.as_str(), declared.key))
    }

    /// Whether `only` leaves out a function.
    pub(crate) fn functions_left_out(&self) -> bool {
        self.0.iter().any(|((kind, _), declared)| *kind == ItemKind::Function && declared.left_out)
    }

    /// The kinds of which something has this name.
    pub(crate) fn kinds(&self, name: &str) -> Vec<ItemKind> {
        let has = |kind: &ItemKind| self.0.contains_key(&(*kind, name.to_owned()));
        ItemKind::ALL.into_iter().filter(has).collect()
    }

    /// Whether a reference holds.
    ///
    /// # Errors
    /// What to say at `span` if not.
    pub(crate) fn find(
        &self,
        kind: ItemKind,
        name: &str,
        span: Span,
        provider: &str,
    ) -> Result<(), Box<Diagnostic>> {
        let word = kind.facts().singular;
        match self.0.get(&(kind, name.to_owned())) {
            Some(declared) if declared.left_out => {
                let message = format!("the {word} `{name}` does not exist on `{provider}`");
                let error = Diagnostic::error("left-out", span, message);
                Err(Box::new(error.hint(format!(
                    "its `only` leaves `{provider}` out: add it there, or limit what refers to it in the same way"
                ))))
            }
            Some(_) => Ok(()),
            None => {
                let error = Diagnostic::error(
                    &format!("unknown-{word}"),
                    span,
                    format!("there is no {word} `{name}`"),
                );
                Err(Box::new(error.hint(self.hint(kind, name))))
            }
        }
    }

    /// The one of this kind that a wrong name probably meant.
    pub(crate) fn meant(&self, kind: ItemKind, name: &str) -> Option<&str> {
        names::nearest(name, self.of(kind))
    }

    fn hint(&self, kind: ItemKind, name: &str) -> String {
        let facts = kind.facts();
        if let Some(other) = self.kinds(name).first() {
            return format!("`{name}` is a {}, not a {}", other.facts().singular, facts.singular);
        }
        if self.of(kind).next().is_none() {
            return format!("declare it: `[{}.{name}]`", facts.section);
        }
        let near = match self.meant(kind, name) {
            Some(near) => format!("did you mean `{near}`? "),
            None => String::new(),
        };
        format!("{near}the {} are {}", facts.section, names::list(self.of(kind)))
    }
}

/// What the names of all sections say.
pub(super) struct Gathered {
    pub(super) names: Names,
    pub(super) renames: Renames,
    pub(super) problems: Vec<Diagnostic>,
}

/// The names of all sections; what `only` leaves out is removed from them, with a note for each.
pub(super) fn gather(manifest: &mut Manifest, provider: &str) -> Gathered {
    let gathered = Gathered { names: Names::default(), renames: Renames::default(), problems: Vec::new() };
    let mut gather = Gather { provider, gathered };
    gather.section(ItemKind::Function, &mut manifest.functions);
    gather.section(ItemKind::Bucket, &mut manifest.buckets);
    gather.section(ItemKind::Table, &mut manifest.tables);
    gather.section(ItemKind::Queue, &mut manifest.queues);
    gather.section(ItemKind::Topic, &mut manifest.topics);
    gather.section(ItemKind::Secret, &mut manifest.secrets);
    gather.section(ItemKind::Workflow, &mut manifest.workflows);
    gather.section(ItemKind::Socket, &mut manifest.sockets);
    gather.gathered
}

struct Gather<'a> {
    provider: &'a str,
    gathered: Gathered,
}

impl Gather<'_> {
    fn section<K, S: Named>(&mut self, kind: ItemKind, section: &mut Option<Spanned<Map<K, S>>>) {
        let Some(section) = section else {
            return;
        };
        // On a provider that does not exist nothing would be left.
        let known = check_provider(self.provider).is_ok();
        let gathered = &mut self.gathered;
        section.value.entries.retain(|name, entry| {
            let only = entry.value.only();
            let left_out =
                known && only.is_some_and(|only| only.value.iter().all(|one| one.value.0 != self.provider));
            if let Some(only) = only.filter(|_| left_out) {
                let word = kind.facts().singular;
                let message = format!("the {word} `{name}` is left out on `{}`", self.provider);
                gathered.problems.push(Diagnostic::note("left-out", only.span, message));
            }
            let declared = Declared { key: entry.key, left_out };
            gathered.names.0.insert((kind, name.clone()), declared);
            !left_out
        });
        first_names(kind, &section.value, gathered);
    }
}

/// No two things of a kind may be the same thing for a provider.
fn first_names<K, S: Named>(kind: ItemKind, section: &Map<K, S>, gathered: &mut Gathered) {
    let mut owners = BTreeMap::new();
    // Those that never had another name come first: it is theirs.
    let (renamed, others): (Vec<_>, Vec<_>) =
        section.entries.iter().partition(|(_, entry)| entry.value.was().is_some());
    owners.extend(others.into_iter().map(|(name, _)| (name.as_str(), name.as_str())));
    for (name, entry) in renamed {
        let Some(was) = entry.value.was() else { continue };
        let first = was.value.0.as_str();
        let word = kind.facts().singular;
        if let Some(owner) = owners.insert(first, name) {
            let message =
                format!("the {word} `{name}` cannot go on as `{first}`, since `{owner}` is that already");
            let error = Diagnostic::error("taken-name", was.span, message);
            let hint = format!("give `{owner}` another name, and its own `was` if it is not new");
            gathered.problems.push(error.hint(hint));
        }
        if first != name {
            gathered.renames.add(kind, name, first);
        }
    }
}

/// What sections of named things have in common.
trait Named {
    /// `was`
    fn was(&self) -> Option<&Spanned<FirstName>>;
    /// `only`
    fn only(&self) -> Option<&Spanned<Vec<Spanned<ProviderName>>>>;
}

macro_rules! named {
    ($($type:ty),*) => {$(
        impl Named for $type {
            fn was(&self) -> Option<&Spanned<FirstName>> {
                self.was.as_ref()
            }

            fn only(&self) -> Option<&Spanned<Vec<Spanned<ProviderName>>>> {
                self.only.as_ref()
            }
        }
    )*};
}
named!(
    FunctionSection,
    BucketSection,
    TableSection,
    QueueSection,
    TopicSection,
    SecretSection,
    WorkflowSection,
    SocketSection
);
