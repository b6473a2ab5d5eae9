//! npm packages: which are needed, and where they go in the artifact.
//!
//! npm, pnpm, Yarn and workspaces lay `node_modules` out differently, with links. The artifact has no links, so packages are laid out
//! anew: at the top where the name is free, beside the importer where another version has it (what npm does). It is done breadth-first,
//! so that all of a package's dependencies have their places before anything below them looks for its own.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::collect::{Collected, Shared, Source};
use crate::{Cause, tree};

/// The part of `package.json` that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PackageJson {
    dependencies: BTreeMap<String, serde::de::IgnoredAny>,
    optional_dependencies: BTreeMap<String, serde::de::IgnoredAny>,
    peer_dependencies: BTreeMap<String, serde::de::IgnoredAny>,
}

/// An installed package.
struct Package {
    json: PackageJson,
    /// Relative to its folder, with where each is.
    files: Vec<(String, PathBuf)>,
}

/// Packages that were looked at in this build, by their folder.
#[derive(Default)]
pub(super) struct Listings {
    known: Mutex<BTreeMap<PathBuf, Arc<Package>>>,
}

impl Listings {
    fn get(&self, folder: &Path) -> Result<Arc<Package>, Cause> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(folder) {
            return Ok(known.clone());
        }
        let path = folder.join("package.json");
        let text = std::fs::read(&path).map_err(|error| Cause::io("read", &path, &error))?;
        let json = serde_json::from_slice(&text)
            .map_err(|error| Cause::new(format!("parse `{}`: {error}", path.display())))?;
        let mut files = Vec::new();
        for file in tree::list_all(folder, "")? {
            let at = folder.join(&file);
            // A package's links lead to build leftovers at best; npm itself packs none.
            if at.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                files.push((file, at));
            }
        }
        let package = Arc::new(Package { json, files });
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), package.clone());
        Ok(package)
    }
}

/// The packages of one artifact.
pub(super) struct Packages<'a, 'b> {
    shared: &'a Shared<'b>,
    /// By their place in the artifact: where they are now.
    places: BTreeMap<String, PathBuf>,
    waiting: VecDeque<(String, PathBuf, String)>,
}

impl<'a, 'b> Packages<'a, 'b> {
    pub(super) fn new(shared: &'a Shared<'b>) -> Self {
        Self { shared, places: BTreeMap::new(), waiting: VecDeque::new() }
    }

    /// A file of the project (`path` in the artifact) imports a package. Whether it is installed.
    pub(super) fn import(&mut self, path: &str, file: &Path, name: &str) -> bool {
        let Some(found) = find(file.parent().unwrap_or(file), name) else { return false };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.place(folder, name, found, format!("package {name}, imported by {path}"));
        true
    }

    /// Gives a package a place where `importer` (a folder of the artifact) finds it.
    fn place(&mut self, importer: &str, name: &str, real: PathBuf, why: String) {
        let seen = lookups(importer, name).find_map(|place| self.places.get(&place));
        let place = match seen {
            Some(there) if *there == real => return,
            Some(_) => lookups(importer, name).next(),
            None => lookups(importer, name).last(),
        };
        let Some(place) = place else { return };
        self.places.insert(place.clone(), real.clone());
        self.waiting.push_back((place, real, why));
    }

    /// Adds the packages' files, and those of what they depend on.
    pub(super) fn add_to(mut self, collected: &mut Collected) -> Result<(), Cause> {
        while let Some((place, real, why)) = self.waiting.pop_front() {
            let package = self.shared.node.packages.get(&real)?;
            for (path, file) in &package.files {
                collected.add(format!("{place}/{path}"), Source::File(file.clone()), why.as_str());
            }
            let json = &package.json;
            let name = place.rsplit_once("node_modules/").map_or(place.as_str(), |(_, name)| name).to_owned();
            let wanted = json
                .dependencies
                .keys()
                .chain(json.optional_dependencies.keys())
                .chain(json.peer_dependencies.keys());
            for dependency in wanted {
                if let Some(found) = find(&real, dependency) {
                    self.place(&place, dependency, found, format!("package {dependency}, needed by {name}"));
                } else if json.dependencies.contains_key(dependency)
                    && !json.optional_dependencies.contains_key(dependency)
                {
                    let hint = "run your package manager's install again";
                    collected.warnings.push(format!(
                        "package `{name}` needs `{dependency}`, which is not installed ({hint})"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Where Node looks for a package from a folder of the artifact, nearest first.
fn lookups(importer: &str, name: &str) -> impl Iterator<Item = String> {
    let parts: Vec<&str> = importer.split('/').filter(|part| !part.is_empty()).collect();
    (0..=parts.len()).rev().filter_map(move |count| {
        let folder = parts.get(..count)?;
        if folder.last() == Some(&"node_modules") {
            return None;
        }
        Some(folder.iter().chain(&["node_modules", name]).copied().collect::<Vec<_>>().join("/"))
    })
}

/// The installed package that a file in `folder` gets by this name, with links followed.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = folder.ancestors().filter(|folder| !folder.ends_with("node_modules"));
    let found = folders.find_map(|folder| {
        let package = folder.join("node_modules").join(name);
        package.join("package.json").is_file().then_some(package)
    })?;
    found.canonicalize().ok()
}

/// `@scope/name` of `@scope/name/path`; `None` for a path, a URL, or a private import (`#x`).
pub(super) fn name_of(specifier: &str) -> Option<&str> {
    if specifier.starts_with(['.', '/', '#']) || specifier.contains(':') || specifier.is_empty() {
        return None;
    }
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier.match_indices('/').nth(parts - 1).map_or(specifier.len(), |(at, _)| at);
    specifier.get(..end)
}

/// The package that a file under `node_modules` belongs to.
pub(super) fn holding(file: &Path) -> Option<String> {
    let path = file.to_str()?.replace('\\', "/");
    let (_, within) = path.rsplit_once("/node_modules/")?;
    name_of(within).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(name_of("a/b"), Some("a"));
        assert_eq!(name_of("@a/b/c"), Some("@a/b"));
        assert_eq!(name_of("./a"), None);
        assert_eq!(name_of("node:fs"), None);
    }

    #[test]
    fn node_looks_upward() {
        let from = |importer: &str| lookups(importer, "x").collect::<Vec<_>>();
        assert_eq!(from("src/a"), ["src/a/node_modules/x", "src/node_modules/x", "node_modules/x"]);
        assert_eq!(from("node_modules/y"), ["node_modules/y/node_modules/x", "node_modules/x"]);
    }
}
