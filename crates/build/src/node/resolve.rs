//! From a relative or private (`#x`) specifier to a file, by Node's rules: <https://nodejs.org/api/esm.html#resolution-algorithm>,
//! <https://nodejs.org/api/modules.html#all-together>. Packages are found in `packages`: they are taken whole.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::scan_cache::ImportKind;

/// What a specifier means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(PathBuf),
    /// A private import that stands for a package's specifier.
    Package(String),
}

/// Whether there is such a file: asked through the stat cache, which will need the answer anyway.
type IsFile<'a> = &'a dyn Fn(&Path) -> bool;

/// What `specifier`, which a file in `folder` asks for, means; `None` if nothing.
pub(super) fn resolve(
    folder: &Path,
    specifier: &str,
    kind: ImportKind,
    is_file: IsFile<'_>,
) -> Option<Target> {
    if specifier.starts_with('#') {
        return private(folder, specifier, kind, is_file);
    }
    let path = match kind {
        ImportKind::Require => specifier.to_owned(),
        // A URL: `?v=1` is no part of the file's name.
        _ => specifier.split(['?', '#']).next().unwrap_or_default().to_owned(),
    };
    // Without `..`, but with links as they are: the artifact has a file where it is asked for.
    let path = normal(&folder.join(path));
    let found = match kind {
        ImportKind::Require => required(&path, specifier.ends_with('/'), is_file),
        _ => is_file(&path).then_some(path),
    }?;
    Some(Target::File(found))
}

/// CommonJS leaves extensions out, and names folders.
fn required(path: &Path, folder_only: bool, is_file: IsFile<'_>) -> Option<PathBuf> {
    let with = |extension: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let files = ["", ".js", ".json", ".node"].map(with);
    if let Some(file) = files.into_iter().find(|file| !folder_only && is_file(file)) {
        return Some(file);
    }
    let main = json(&path.join("package.json")).and_then(|json| Some(json.get("main")?.as_str()?.to_owned()));
    if let Some(main) = main
        && let Some(found) = required(&normal(&path.join(main)), false, is_file)
    {
        return Some(found);
    }
    ["index.js", "index.json", "index.node"].iter().map(|name| path.join(name)).find(|file| is_file(file))
}

/// `imports` of the nearest `package.json`: <https://nodejs.org/api/packages.html#imports>.
fn private(folder: &Path, specifier: &str, kind: ImportKind, is_file: IsFile<'_>) -> Option<Target> {
    let package = folder.ancestors().find(|folder| folder.join("package.json").is_file())?;
    let json = json(&package.join("package.json"))?;
    let imports = json.get("imports")?.as_object()?;
    let (value, star) = match imports.get(specifier) {
        Some(value) => (value, ""),
        // The longest pattern with one `*` wins.
        None => imports
            .iter()
            .filter_map(|(pattern, value)| {
                let (before, after) = pattern.split_once('*')?;
                let star = specifier.strip_prefix(before)?.strip_suffix(after)?;
                Some((before.len(), value, star))
            })
            .max_by_key(|(length, ..)| *length)
            .map(|(_, value, star)| (value, star))?,
    };
    let target = conditional(value, kind)?.replace('*', star);
    match target.starts_with("./") {
        true => Some(normal(&package.join(&target))).filter(|file| is_file(file)).map(Target::File),
        false => Some(Target::Package(target)),
    }
}

/// The first target whose condition holds.
fn conditional(value: &Value, kind: ImportKind) -> Option<String> {
    let own = if kind == ImportKind::Require { "require" } else { "import" };
    match value {
        Value::String(target) => Some(target.clone()),
        Value::Array(targets) => targets.iter().find_map(|target| conditional(target, kind)),
        // Node takes the first in the file's order, which is lost here; the conditions exclude each other but for `default`.
        Value::Object(conditions) => [own, "node", "default"]
            .iter()
            .filter_map(|name| conditions.get(*name))
            .find_map(|value| conditional(value, kind)),
        _ => None,
    }
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// A path without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn as_node_does() {
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path();
        for (path, text) in [
            ("a.js", ""),
            ("data.json", "{}"),
            ("lib/index.js", ""),
            ("pkg/package.json", r#"{ "main": "./src/x" }"#),
            ("pkg/src/x.js", ""),
            ("src/deep/b.mjs", ""),
            (
                "package.json",
                r##"{ "imports": { "#a": { "require": "./a.js", "import": "./src/deep/b.mjs" }, "#x/*": "./src/*.mjs", "#p": "left-pad" } }"##,
            ),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let file = |from: &str, specifier: &str, kind| match resolve(
            &root.join(from),
            specifier,
            kind,
            &Path::is_file,
        ) {
            Some(Target::File(path)) => path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"),
            Some(Target::Package(name)) => format!("package {name}"),
            None => "none".into(),
        };
        use ImportKind::{Require, Static};
        assert_eq!(file("src", "../a.js?v=1", Static), "a.js");
        assert_eq!(file("src", "../a", Static), "none");
        assert_eq!(file("src", "../a", Require), "a.js");
        assert_eq!(file("", "./data", Require), "data.json");
        assert_eq!(file("", "./lib", Require), "lib/index.js");
        assert_eq!(file("", "./lib/", Require), "lib/index.js");
        assert_eq!(file("", "./pkg", Require), "pkg/src/x.js");
        assert_eq!(file("src/deep", "#a", Static), "src/deep/b.mjs");
        assert_eq!(file("src/deep", "#a", Require), "a.js");
        assert_eq!(file("src", "#x/deep/b", Static), "src/deep/b.mjs");
        assert_eq!(file("src", "#p", Static), "package left-pad");
        assert_eq!(file("src", "#none", Static), "none");
    }
}
