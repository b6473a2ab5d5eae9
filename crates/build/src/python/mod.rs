//! Python: the modules that the handler's imports reach, and the packages of `requirements.txt`.
//!
//! Modules are looked for where the kit looks at run time: beside the handler, then in the project's folder.

mod requirements;
mod scan;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use sf_model::Handler;

pub(crate) use self::requirements::Shared;
use crate::collect::{self, Collected, Source, inside};
use crate::extra::PythonTarget;
use crate::{Cause, tree};

/// Collects a function's files; `file` is its handler's, relative to the root.
pub(crate) fn collect(
    handler: &Handler,
    file: &str,
    target: Option<&PythonTarget>,
    shared: &collect::Shared<'_>,
) -> Result<Collected, Cause> {
    let path = shared.root.join(file);
    let found = shared.scan("py", &path, scan::scan).map_err(|cause| cause.at(handler.span))?;
    collect::check_export(handler, file, &found)?;
    let folder = path.parent().unwrap_or(&shared.root).to_owned();
    let mut roots = vec![folder.clone(), shared.root.clone()];
    roots.dedup();
    let mut graph = Graph { shared, collected: Collected::default(), roots, waiting: VecDeque::new() };
    graph.collected.entry = file.to_owned();
    graph.add(&path, "handler")?;
    while let Some((path, file)) = graph.waiting.pop_front() {
        graph.follow(&path, &file)?;
    }
    let mut collected = graph.collected;
    requirements::add(&folder, target, &mut collected, shared)?;
    Ok(collected)
}

/// The walk along the imports.
struct Graph<'a, 'b> {
    shared: &'a collect::Shared<'b>,
    collected: Collected,
    roots: Vec<PathBuf>,
    waiting: VecDeque<(String, PathBuf)>,
}

impl Graph<'_, '_> {
    fn add(&mut self, file: &Path, why: &str) -> Result<(), Cause> {
        let path = tree::relative(&self.shared.root, file)?;
        if !self.collected.files.contains_key(&path) {
            self.collected.add(path.clone(), Source::File(inside(file, self.shared)?), why);
            self.waiting.push_back((path, file.to_owned()));
        }
        Ok(())
    }

    fn follow(&mut self, path: &str, file: &Path) -> Result<(), Cause> {
        let found = self.shared.scan("py", file, scan::scan)?;
        if found.dynamic {
            self.collected.warnings.push(format!(
                "`{path}` imports something whose name only the running program knows; add it with package.include"
            ));
        }
        let why = format!("imported by {path}");
        for import in &found.imports {
            let dots = import.name.len() - import.name.trim_start_matches('.').len();
            let parts: Vec<&str> = import
                .name
                .get(dots..)
                .unwrap_or_default()
                .split('.')
                .filter(|part| !part.is_empty())
                .collect();
            if dots > 0 {
                // One dot is the file's own package.
                let Some(package) = file.ancestors().nth(dots) else { continue };
                if package.starts_with(&self.shared.root) {
                    self.package(package, &why)?;
                    self.module(package, &parts, &why)?;
                }
                continue;
            }
            let roots = self.roots.clone();
            for root in roots {
                if self.module(&root, &parts, &why)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Adds a module and the packages on the way to it. Whether at least the first part was there: the rest may be a name in it.
    fn module(&mut self, root: &Path, parts: &[&str], why: &str) -> Result<bool, Cause> {
        let mut at = root.to_owned();
        let mut any = false;
        for part in parts {
            let (folder, file) = (at.join(part), at.join(format!("{part}.py")));
            // A package wins over a module of its name.
            if folder.join("__init__.py").is_file() {
                self.package(&folder, why)?;
            } else if file.is_file() {
                self.add(&file, why)?;
                return Ok(true);
            } else if !folder.is_dir() {
                return Ok(any);
            }
            // Folders without `__init__.py` are packages too (PEP 420), but alone they prove nothing.
            any |= folder.join("__init__.py").is_file();
            at = folder;
        }
        Ok(any)
    }

    fn package(&mut self, folder: &Path, why: &str) -> Result<(), Cause> {
        let init = folder.join("__init__.py");
        if init.is_file() { self.add(&init, why) } else { Ok(()) }
    }
}
