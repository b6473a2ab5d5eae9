//! `was`: what a project calls otherwise than it did, and what goes on by the name that it had first.
//!
//! Names of objects at a provider are made of names in the manifest, and most providers cannot change them: a new name would be a new object,
//! without what the old one holds. So that backends, states and releases know a thing by its first name only, and whatever people and code
//! say or hear is translated where it comes in or goes out.

use std::collections::BTreeMap;

use crate::app::{App, EnvPart, Event, EventKind, Function, Socket};
use crate::item::ItemKind;

/// What is called otherwise than it was: by kind and name in the manifest, the first name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames(BTreeMap<ItemKind, BTreeMap<String, String>>);

impl Renames {
    /// Notes that what is called `now` was called `first`.
    pub(crate) fn add(&mut self, kind: ItemKind, now: &str, first: &str) {
        self.0.entry(kind).or_default().insert(now.to_owned(), first.to_owned());
    }

    /// Whether all is called as it was from the beginning.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first name of what the manifest calls `now`.
    pub fn first<'a>(&'a self, kind: ItemKind, now: &'a str) -> &'a str {
        self.0.get(&kind).and_then(|names| names.get(now)).map_or(now, String::as_str)
    }

    /// What the manifest calls the thing with this first name.
    pub fn now<'a>(&'a self, kind: ItemKind, first: &'a str) -> &'a str {
        let names = self.0.get(&kind).into_iter().flatten();
        names.into_iter().find(|(_, one)| *one == first).map_or(first, |(now, _)| now)
    }

    /// Kind, name in the manifest and first name of each, in that order.
    pub fn iter(&self) -> impl Iterator<Item = (ItemKind, &str, &str)> {
        self.0
            .iter()
            .flat_map(|(kind, names)| names.iter().map(|(now, first)| (*kind, now.as_str(), first.as_str())))
    }
}

impl App {
    /// The App as backends see it: everything by its first name. What a function itself says stays: see [`crate::Use`].
    #[must_use]
    pub fn by_first_names(&self) -> Self {
        if self.renames.is_empty() {
            return self.clone();
        }
        let renames = &self.renames;
        let mut app = self.clone();
        app.functions = rekeyed(app.functions, ItemKind::Function, renames);
        for (name, function) in &mut app.functions {
            function.name.clone_from(name);
            rename_within(function, renames);
        }
        app.buckets = rekeyed(app.buckets, ItemKind::Bucket, renames);
        app.tables = rekeyed(app.tables, ItemKind::Table, renames);
        app.queues = rekeyed(app.queues, ItemKind::Queue, renames);
        app.topics = rekeyed(app.topics, ItemKind::Topic, renames);
        app.secrets = rekeyed(app.secrets, ItemKind::Secret, renames);
        app.workflows = rekeyed(app.workflows, ItemKind::Workflow, renames);
        app.sockets = rekeyed(app.sockets, ItemKind::Socket, renames);
        for Socket { connect, message, disconnect, .. } in app.sockets.values_mut() {
            for function in [connect, message, disconnect].into_iter().flatten() {
                rename(function, ItemKind::Function, renames);
            }
        }
        // A backend's settings of single functions are keyed by the function, whatever else is in them.
        if let Some(settings) = app.provider_settings.get_mut("functions").and_then(|of| of.as_object_mut()) {
            *settings = std::mem::take(settings)
                .into_iter()
                .map(|(name, value)| (renames.first(ItemKind::Function, &name).to_owned(), value))
                .collect();
        }
        app
    }
}

fn rekeyed<T>(items: BTreeMap<String, T>, kind: ItemKind, renames: &Renames) -> BTreeMap<String, T> {
    items.into_iter().map(|(now, item)| (renames.first(kind, &now).to_owned(), item)).collect()
}

fn rename(name: &mut String, kind: ItemKind, renames: &Renames) {
    let first = renames.first(kind, name);
    if first != name {
        *name = first.to_owned();
    }
}

fn rename_within(function: &mut Function, renames: &Renames) {
    for used in function.uses.values_mut() {
        rename(&mut used.name, used.kind, renames);
    }
    for name in function.secrets.values_mut() {
        rename(name, ItemKind::Secret, renames);
    }
    for Event { kind, .. } in &mut function.on {
        match kind {
            EventKind::Queue { queue, .. } => rename(queue, ItemKind::Queue, renames),
            EventKind::Topic { topic, .. } => rename(topic, ItemKind::Topic, renames),
            EventKind::Bucket { bucket, .. } => rename(bucket, ItemKind::Bucket, renames),
            EventKind::Table { table } => rename(table, ItemKind::Table, renames),
            EventKind::Schedule(_) => {}
        }
    }
    // Their order follows from their contents, which the first names are now.
    function.on.sort_by(|a, b| a.kind.cmp(&b.kind));
    for part in function.env.values_mut().flatten() {
        if let EnvPart::Output { kind, name, .. } = part
            && let Some(kind) = ItemKind::from_singular(kind)
        {
            rename(name, kind, renames);
        }
    }
}
