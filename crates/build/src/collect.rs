//! Function -> the files of its artifact, each with the reason why it is there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rustc_hash::FxHashMap;
use sf_model::{Function, Handler, Interface, RuntimeFamily};

use crate::extra::{self, Extra, Extras};
use crate::files::Files;
use crate::scan_cache::{Scan, Scans};
use crate::{Cause, Layout, Progress, kit, node, python, tree, web};

/// What the functions of one build share.
pub(crate) struct Shared<'a> {
    pub(crate) layout: &'a Layout,
    /// The project's folder without links in its path.
    pub(crate) root: PathBuf,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) files: Files,
    pub(crate) scans: Scans,
    pub(crate) node: node::Shared,
    pub(crate) python: python::Shared,
    pub(crate) web: web::Shared,
    pub(crate) extras: extra::Shared<'a>,
    listing: OnceLock<Result<Vec<String>, Cause>>,
    /// Folders without links in their paths, by how they were named.
    folders: RwLock<FxHashMap<OsString, PathBuf>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn open(layout: &'a Layout, extras: &'a Extras, progress: &'a dyn Progress) -> Self {
        let root = layout.root.canonicalize().unwrap_or_else(|_| layout.root.clone());
        let (files, scans) = rayon::join(|| Files::open(&layout.cache, &root), || Scans::open(&layout.cache));
        Self {
            layout,
            progress,
            files,
            scans,
            node: node::Shared::default(),
            python: python::Shared::default(),
            web: web::Shared::default(),
            extras: extra::Shared::of(extras),
            listing: OnceLock::new(),
            folders: RwLock::default(),
            root,
        }
    }

    /// The project's own files; walked once, and only if somebody asks.
    pub(crate) fn listing(&self) -> Result<&[String], Cause> {
        match self.listing.get_or_init(|| tree::list(&self.root)) {
            Ok(paths) => Ok(paths),
            Err(cause) => Err(cause.clone()),
        }
    }

    /// A file's scan, which an unchanged file has already.
    pub(crate) fn scan(
        &self,
        extension: &str,
        file: &Path,
        scan: impl Fn(&str) -> Scan,
    ) -> Result<Arc<Scan>, Cause> {
        let found =
            self.files.hash(file).and_then(|hashed| self.scans.get(extension, &hashed.sha256, file, scan));
        let found = found.map_err(|error| Cause::io("read", file, &error))?;
        match &found.problem {
            Some(problem) => {
                Err(Cause::new(format!("`{}` has a syntax error at {problem}", self.shown(file))))
            }
            None => Ok(found),
        }
    }

    /// A path without links. Folders are asked about once, files only if they are links themselves.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return path.canonicalize();
        };
        if self.files.hash(path).map_or(true, |hashed| hashed.is_link) {
            return path.canonicalize();
        }
        self.real_folder(folder).map(|folder| folder.join(name))
    }

    fn real_folder(&self, folder: &Path) -> io::Result<PathBuf> {
        if folder == self.root {
            return Ok(self.root.clone());
        }
        if let Some(real) =
            self.folders.read().unwrap_or_else(PoisonError::into_inner).get(folder.as_os_str())
        {
            return Ok(real.clone());
        }
        let real = match (folder.parent(), folder.file_name()) {
            (Some(above), Some(name)) if above.starts_with(&self.root) && !folder.is_symlink() => {
                self.real_folder(above)?.join(name)
            }
            _ => folder.canonicalize()?,
        };
        self.folders
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(folder.as_os_str().to_owned(), real.clone());
        Ok(real)
    }

    /// A path as the user knows it: relative to the manifest where it can be.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string().replace('\\', "/")
    }

    pub(crate) fn save(&self) {
        self.files.save();
        self.scans.save();
    }
}

/// A file's content.
pub(crate) enum Source {
    File(PathBuf),
    /// Made by the build.
    Bytes(Vec<u8>),
    /// Embedded in `sf`.
    Kit(&'static kit::KitFile),
    /// Asked for by the caller.
    Extra(Extra),
}

/// A file of an artifact, and why.
pub(crate) struct Picked {
    pub(crate) source: Source,
    pub(crate) why: String,
}

/// All files of an artifact.
#[derive(Default)]
pub(crate) struct Collected {
    /// By their path in the artifact.
    pub(crate) files: BTreeMap<String, Picked>,
    pub(crate) entry: String,
    pub(crate) warnings: Vec<String>,
    /// The bundler and its version, if one made the code: another one may make other code.
    pub(crate) bundler: String,
}

impl Collected {
    /// Adds a file, unless one with its path is there already: the first reason is the better one.
    pub(crate) fn add(&mut self, path: String, source: Source, why: impl Into<String>) {
        self.files.entry(path).or_insert_with(|| Picked { source, why: why.into() });
    }
}

/// Collects a function's files.
pub(crate) fn collect(function: &Function, shared: &Shared<'_>) -> Result<Collected, Cause> {
    let mut collected = match (function.interface, &function.handler) {
        (Interface::Web, _) | (_, None) => web::collect(function, shared)?,
        (_, Some(handler)) => {
            let file = handler_file(handler, function.runtime.family, shared)?;
            match function.runtime.family {
                RuntimeFamily::Node => node::collect(handler, &file, shared)?,
                RuntimeFamily::Python => {
                    python::collect(handler, &file, shared.extras.python(function), shared)?
                }
                RuntimeFamily::Web => web::collect(function, shared)?,
            }
        }
    };
    include(function, &mut collected, shared)?;
    exclude(function, &mut collected)?;
    for file in kit::files(function.runtime.family, function.interface) {
        let picked = Picked { source: Source::Kit(file), why: "kit".into() };
        collected.files.insert(file.path.clone(), picked);
    }
    extra::add(function, &mut collected, shared)?;
    Ok(collected)
}

/// The handler's file, relative to the root. Lambda style leaves the extension out.
fn handler_file(handler: &Handler, family: RuntimeFamily, shared: &Shared<'_>) -> Result<String, Cause> {
    let extensions: &[&str] = match (handler.file_has_extension, family) {
        (true, _) => &[""],
        (false, RuntimeFamily::Node) => &[".mjs", ".cjs", ".js", ".mts", ".cts", ".ts"],
        (false, RuntimeFamily::Python) => &[".py"],
        (false, RuntimeFamily::Web) => &[],
    };
    let mut candidates = extensions.iter().map(|extension| format!("{}{extension}", handler.file));
    if let Some(file) = candidates.find(|file| shared.root.join(file).is_file()) {
        inside(&shared.root.join(&file), shared).map_err(|cause| cause.at(handler.span))?;
        return Ok(file);
    }
    let missing = Cause::new(format!("handler file `{}` does not exist", handler.file)).at(handler.span);
    let hint = match (shared.root.join(&handler.file).is_dir(), nearest(&handler.file, shared.listing()?)) {
        (true, _) => Some("it is a folder; a handler is `file#export`".to_owned()),
        (false, Some(near)) => Some(format!("did you mean `{near}`?")),
        (false, None) => Some("paths are relative to the folder of sf.toml".to_owned()),
    };
    Err(Cause { hint, ..missing })
}

/// Whether the handler's file has what the manifest names, as far as its text can tell.
pub(crate) fn check_export(handler: &Handler, file: &str, found: &Scan) -> Result<(), Cause> {
    if found.more_exports || found.exports.contains(&handler.export) {
        return Ok(());
    }
    let cause =
        Cause::new(format!("handler file `{file}` has no export `{}`", handler.export)).at(handler.span);
    Err(match found.exports.is_empty() {
        true => cause.hint("it exports nothing"),
        false => cause.hint(format!("it exports: {}", found.exports.join(", "))),
    })
}

/// The file whose path is most like the wanted one.
pub(crate) fn nearest<'p>(wanted: &str, paths: &'p [String]) -> Option<&'p str> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let score = |path: &&String| {
        let whole = strsim::jaro_winkler(wanted, path);
        let name =
            if name(wanted) == name(path) { 1.0 } else { strsim::jaro_winkler(&name(wanted), &name(path)) };
        whole.max(name * 0.95)
    };
    let best = paths.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) > 0.8).then_some(best.as_str())
}

/// A link may not lead out of the project: what it leads to is not the project's, and differs from machine to machine.
pub(crate) fn inside(path: &Path, shared: &Shared<'_>) -> Result<PathBuf, Cause> {
    let real = shared.real(path).map_err(|error| Cause::io("read", path, &error))?;
    if real.starts_with(&shared.root) {
        return Ok(real);
    }
    Err(Cause::new(format!(
        "`{}` is a link to outside the project, `{}`",
        shared.shown(path),
        real.display()
    ))
    .hint("copy the file into the project"))
}

/// `package.include`: the project's files that match. A pattern that begins with an ignored folder's name (`dist/**`) reaches into it:
/// who names it means it.
fn include(function: &Function, collected: &mut Collected, shared: &Shared<'_>) -> Result<(), Cause> {
    for pattern in &function.package.include {
        let glob = globs(std::slice::from_ref(pattern))?;
        let listing = shared.listing()?;
        let mut found: Vec<Cow<'_, str>> =
            listing.iter().filter(|path| glob.is_match(path)).map(Cow::from).collect();
        if found.is_empty()
            && let Some(base) = literal_base(pattern)
            && shared.root.join(&base).exists()
        {
            let hidden = tree::list_all(&shared.root, &base)?;
            found = hidden.into_iter().filter(|path| glob.is_match(path)).map(Cow::from).collect();
        }
        if found.is_empty() {
            collected.warnings.push(format!("package.include \"{pattern}\" matches no file"));
        }
        for path in found {
            let file = inside(&shared.root.join(&*path), shared)?;
            if file.is_dir() {
                return Err(Cause::new(format!(
                    "`{path}` is a link to a folder, which package.include does not follow"
                ))
                .hint("include the folder itself"));
            }
            collected.add(path.into_owned(), Source::File(file), format!("package.include \"{pattern}\""));
        }
    }
    Ok(())
}

/// `package.exclude`, which the entry is safe from.
fn exclude(function: &Function, collected: &mut Collected) -> Result<(), Cause> {
    let glob = globs(&function.package.exclude)?;
    let Collected { files, entry, .. } = collected;
    files.retain(|path, _| path == entry || !glob.is_match(path));
    Ok(())
}

fn globs(patterns: &[String]) -> Result<GlobSet, Cause> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let bad = |error: globset::Error| Cause::new(format!("pattern \"{pattern}\": {}", error.kind()));
        set.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(bad)?);
    }
    set.build().map_err(|error| Cause::new(format!("patterns: {error}")))
}

/// The part of a pattern before its first wildcard, in whole folders.
fn literal_base(pattern: &str) -> Option<String> {
    let wild = |part: &&str| part.contains(['*', '?', '[', '{']);
    let parts: Vec<_> = pattern.split('/').take_while(|part| !wild(part)).collect();
    let safe = !parts.is_empty() && parts.iter().all(|part| !matches!(*part, "" | "." | ".."));
    safe.then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file() {
        let paths = ["src/profile.mjs".to_owned(), "src/report.py".into(), "lib/a.mjs".into()];
        assert_eq!(nearest("src/profle.mjs", &paths), Some("src/profile.mjs"));
        assert_eq!(nearest("report.py", &paths), Some("src/report.py"));
        assert_eq!(nearest("zzz", &paths), None);
    }

    #[test]
    fn the_literal_base_of_a_pattern() {
        assert_eq!(literal_base("dist/client/**"), Some("dist/client".into()));
        assert_eq!(literal_base("dist/a.txt"), Some("dist/a.txt".into()));
        assert_eq!(literal_base("**/*.txt"), None);
        assert_eq!(literal_base("../x/**"), None);
    }
}
