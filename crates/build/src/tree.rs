//! The project's own files: what git would not ignore, in the order of their bytes.

use std::path::Path;

use ignore::WalkBuilder;

use crate::Cause;

/// Never part of a project's sources.
const NEVER: [&str; 4] = [".git", ".sf", "node_modules", "__pycache__"];

/// Paths relative to the root, `/` between parts, sorted. `.gitignore` counts whether or not this is a git repository; the machine's
/// own git settings do not.
pub(crate) fn list(root: &Path) -> Result<Vec<String>, Cause> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).parents(false).ignore(false).git_global(false).git_exclude(false).require_git(false);
    collect(root, &mut walk)
}

/// As [`list`], of a folder or file within the root, with what git would ignore.
pub(crate) fn list_all(root: &Path, base: &str) -> Result<Vec<String>, Cause> {
    let mut walk = WalkBuilder::new(root.join(base));
    walk.standard_filters(false);
    collect(root, &mut walk)
}

fn collect(root: &Path, walk: &mut WalkBuilder) -> Result<Vec<String>, Cause> {
    walk.filter_entry(|entry| entry.depth() == 0 || !NEVER.iter().any(|name| entry.file_name() == *name));
    let mut paths = Vec::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| Cause::new(format!("walk the project: {error}")))?;
        if entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        paths.push(relative(root, entry.path())?);
    }
    paths.sort();
    Ok(paths)
}

/// A path in an artifact.
pub(crate) fn relative(root: &Path, path: &Path) -> Result<String, Cause> {
    let outside = || Cause::new(format!("`{}` is outside the project", path.display()));
    let inside = path.strip_prefix(root).map_err(|_| outside())?;
    let mut parts = Vec::new();
    for part in inside.components() {
        let std::path::Component::Normal(part) = part else { return Err(outside()) };
        let text = part.to_str().ok_or_else(|| {
            Cause::new(format!("the name of `{}` is not UTF-8", path.display()))
                .hint("rename it: a zip cannot hold it")
        })?;
        parts.push(text);
    }
    Ok(parts.join("/"))
}
