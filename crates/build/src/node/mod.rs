//! JavaScript and TypeScript: the files that the handler's imports reach, by Node's own rules, or what esbuild makes of them.

mod esbuild;
mod packages;
mod resolve;
mod scan;

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use sf_model::Handler;

use self::packages::Packages;
use self::resolve::Target;
use crate::collect::{self, Collected, Source, inside};
use crate::scan_cache::{Import, ImportKind, Scan};
use crate::{Cause, tree};

/// Languages that Node does not run as they are.
const TYPED: [&str; 5] = ["ts", "mts", "cts", "tsx", "jsx"];
/// Files that can import others.
const CODE: [&str; 8] = ["mjs", "cjs", "js", "ts", "mts", "cts", "tsx", "jsx"];

/// What all functions of a build share.
#[derive(Default)]
pub(crate) struct Shared {
    packages: packages::Listings,
    esbuild: esbuild::Found,
    /// The `package.json` that rules a folder, by the folder.
    scopes: Mutex<HashMap<PathBuf, Option<PathBuf>>>,
}

impl Shared {
    /// The nearest `package.json`, in a folder or above it.
    fn scope(&self, folder: &Path) -> Option<PathBuf> {
        let known =
            |folder: &Path| self.scopes.lock().unwrap_or_else(PoisonError::into_inner).get(folder).cloned();
        if let Some(scope) = known(folder) {
            return scope;
        }
        let own = folder.join("package.json");
        let scope = match own.is_file() {
            true => Some(own),
            false => folder.parent().and_then(|above| self.scope(above)),
        };
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), scope.clone());
        scope
    }
}

/// Collects a function's files; `file` is its handler's, relative to the root.
pub(crate) fn collect(
    handler: &Handler,
    file: &str,
    shared: &collect::Shared<'_>,
) -> Result<Collected, Cause> {
    let path = shared.root.join(file);
    let found = scan_file(&path, shared).map_err(|cause| cause.at(handler.span))?;
    collect::check_export(handler, file, &found)?;
    let typed = TYPED.contains(&extension(file));
    match esbuild::find(typed, shared) {
        Some(esbuild) => esbuild::collect(&esbuild, file, shared),
        None if typed => Err(Cause::new(format!("`{file}` needs esbuild, which is not installed"))
            .hint("npm install --save-dev esbuild")
            .at(handler.span)),
        None => Graph::new(shared).collect(file),
    }
}

fn extension(path: &str) -> &str {
    path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension)
}

fn scan_file(path: &Path, shared: &collect::Shared<'_>) -> Result<Arc<Scan>, Cause> {
    let extension = extension(path.to_str().unwrap_or_default());
    shared.scan(extension, path, |text| scan::scan(extension, text))
}

/// The walk along the imports.
struct Graph<'a, 'b> {
    shared: &'a collect::Shared<'b>,
    collected: Collected,
    packages: Packages<'a, 'b>,
    waiting: VecDeque<(String, PathBuf)>,
    /// Folders whose `package.json` was looked for.
    scoped: HashSet<PathBuf>,
}

impl<'a, 'b> Graph<'a, 'b> {
    fn new(shared: &'a collect::Shared<'b>) -> Self {
        let (collected, waiting, scoped) = Default::default();
        Self { shared, collected, packages: Packages::new(shared), waiting, scoped }
    }

    fn collect(mut self, entry: &str) -> Result<Collected, Cause> {
        self.collected.entry = entry.to_owned();
        self.add(&self.shared.root.join(entry), "handler")?;
        while let Some((path, file)) = self.waiting.pop_front() {
            self.follow(&path, &file)?;
        }
        let Self { packages, mut collected, .. } = self;
        packages.add_to(&mut collected)?;
        Ok(collected)
    }

    /// Adds one of the project's own files, and what decides how Node reads it.
    fn add(&mut self, file: &Path, why: &str) -> Result<(), Cause> {
        let real = inside(file, self.shared).map_err(|cause| {
            cause.hint("make it a package of a workspace, or put sf.toml into the folder that holds both")
        })?;
        // The path it is imported by, not the one that a link leads to: the importer will ask for that.
        let path = tree::relative(&self.shared.root, file)?;
        if self.collected.files.contains_key(&path) {
            return Ok(());
        }
        self.collected.add(path.clone(), Source::File(real), why);
        if CODE.contains(&extension(&path)) {
            self.add_scope(file)?;
            self.waiting.push_back((path, file.to_owned()));
        }
        Ok(())
    }

    fn follow(&mut self, path: &str, file: &Path) -> Result<(), Cause> {
        let found = scan_file(file, self.shared)?;
        if found.dynamic {
            self.collected.warnings.push(format!(
                "`{path}` imports something whose name only the running program knows; add it with package.include"
            ));
        }
        for import in &found.imports {
            self.import(path, file, import)?;
        }
        Ok(())
    }

    fn import(&mut self, path: &str, file: &Path, import: &Import) -> Result<(), Cause> {
        let why = format!("imported by {path}");
        if packages::name_of(&import.name).is_some() {
            return self.package(path, file, import, &import.name);
        }
        if import.name.contains(':') {
            // `node:fs`, `data:…`, `https:…`: nothing that could be in an artifact.
            return Ok(());
        }
        let folder = file.parent().unwrap_or(&self.shared.root);
        match resolve::resolve(folder, &import.name, import.kind, &|path| self.shared.files.has(path)) {
            Some(Target::Package(specifier)) => self.package(path, file, import, &specifier),
            Some(Target::File(found)) => match packages::holding(&found) {
                Some(name) if self.packages.import(path, file, &name) => Ok(()),
                _ => self.add(&found, &why),
            },
            None if import.kind == ImportKind::Asset => Ok(()),
            None => {
                let missing = Cause::new(format!("`{path}` imports `{}`, which does not exist", import.name));
                let wanted = resolve::normal(&Path::new(path).with_file_name("").join(&import.name));
                let wanted = wanted.to_string_lossy().replace('\\', "/");
                let missing = match collect::nearest(&wanted, self.shared.listing()?) {
                    Some(near) => missing.hint(format!("did you mean `{near}`?")),
                    None => missing,
                };
                self.missing(import, missing)
            }
        }
    }

    fn package(&mut self, path: &str, file: &Path, import: &Import, specifier: &str) -> Result<(), Cause> {
        let Some(name) = packages::name_of(specifier) else { return Ok(()) };
        if nodejs_built_in_modules::is_nodejs_builtin_module(specifier)
            || self.packages.import(path, file, name)
        {
            return Ok(());
        }
        let missing = format!("`{path}` imports the package `{name}`, which is not installed");
        self.missing(import, Cause::new(missing).hint(format!("npm install {name}")))
    }

    /// What is missing when the file is loaded breaks it; what is asked for later may be meant to be optional.
    fn missing(&mut self, import: &Import, cause: Cause) -> Result<(), Cause> {
        if import.kind == ImportKind::Static {
            return Err(cause);
        }
        let hint = cause.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.collected.warnings.push(format!("{}{hint}", cause.text));
        Ok(())
    }

    /// The nearest `package.json`, as far as Node needs it to read the file: the rest of it (scripts, versions) changes nothing.
    fn add_scope(&mut self, file: &Path) -> Result<(), Cause> {
        let folder = file.parent().unwrap_or(&self.shared.root);
        if !self.scoped.insert(folder.to_owned()) {
            return Ok(());
        }
        let scope = &self.shared.node.scope(folder);
        let Some(scope) = scope else { return Ok(()) };
        let text = std::fs::read(scope).map_err(|error| Cause::io("read", scope, &error))?;
        let whole: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| Cause::new(format!("parse `{}`: {error}", self.shared.shown(scope))))?;
        let kept = whole
            .into_iter()
            .filter(|(key, _)| matches!(key.as_str(), "type" | "imports" | "exports" | "name"));
        // Sorted, so that the order of the lines does not count.
        let mut kept: Map<String, Value> = kept.collect();
        kept.sort_keys();
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|error| Cause::new(error.to_string()))?;
        // One above the project rules all of it.
        let path = tree::relative(&self.shared.root, scope).unwrap_or_else(|_| "package.json".into());
        self.collected.add(path, Source::Bytes(bytes), "says how Node reads the files beside it (reduced)");
        Ok(())
    }
}
