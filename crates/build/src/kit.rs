//! The kits, as they are embedded in `sf`.

use std::sync::LazyLock;

use include_dir::{Dir, DirEntry, File, include_dir};
use sf_model::{Interface, RuntimeFamily};
use sha2::{Digest as _, Sha256};

static NODE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/node/runtime");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/python/runtime");

/// A file of a kit.
pub(crate) struct KitFile {
    /// In an artifact.
    pub(crate) path: String,
    pub(crate) bytes: &'static [u8],
    pub(crate) sha256: String,
}

/// What only the `lambda` interface needs: a file or folder of the kit whose path begins so. Everyone else's artifact is smaller without.
const LAMBDA_ONLY: [&str; 2] = [".sf-kit/lambda", ".sf-kit/sf_kit/aws/"];

/// The files of a runtime's kit that a function of that interface needs; hashed once, since every function has them.
pub(crate) fn files(family: RuntimeFamily, interface: Interface) -> impl Iterator<Item = &'static KitFile> {
    static NODE_FILES: LazyLock<Vec<KitFile>> = LazyLock::new(|| hashed(&NODE));
    static PYTHON_FILES: LazyLock<Vec<KitFile>> = LazyLock::new(|| hashed(&PYTHON));
    let files: &'static [KitFile] = match (interface, family) {
        (Interface::Web, _) | (_, RuntimeFamily::Web) => &[],
        (Interface::Portable | Interface::Lambda, RuntimeFamily::Node) => &NODE_FILES,
        (Interface::Portable | Interface::Lambda, RuntimeFamily::Python) => &PYTHON_FILES,
    };
    files.iter().filter(move |file| interface == Interface::Lambda || !is_for_lambda(file))
}

fn is_for_lambda(file: &KitFile) -> bool {
    LAMBDA_ONLY.iter().any(|start| file.path.starts_with(start))
}

fn hashed(kit: &'static Dir<'static>) -> Vec<KitFile> {
    let mut files = Vec::new();
    walk(kit, &mut |file| {
        let path = format!(".sf-kit/{}", file.path().to_string_lossy().replace('\\', "/"));
        let bytes = file.contents();
        files.push(KitFile { path, bytes, sha256: hex::encode(Sha256::digest(bytes)) });
    });
    files
}

/// Shows every embedded file of a folder, those of its subfolders included.
pub(crate) fn walk(folder: &'static Dir<'static>, each: &mut impl FnMut(&'static File<'static>)) {
    for entry in folder.entries() {
        match entry {
            // Left behind by whoever ran the kit's tests before `sf` was compiled.
            DirEntry::Dir(inner) if inner.path().ends_with("__pycache__") => {}
            DirEntry::Dir(inner) => walk(inner, each),
            DirEntry::File(file) => each(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(family: RuntimeFamily, interface: Interface) -> Vec<&'static str> {
        files(family, interface).map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn only_lambda_handlers_carry_what_is_for_lambda() {
        for (family, its_own) in [
            (RuntimeFamily::Node, ".sf-kit/lambda.mjs"),
            (RuntimeFamily::Python, ".sf-kit/sf_kit/aws/__init__.py"),
        ] {
            let (portable, lambda) = (paths(family, Interface::Portable), paths(family, Interface::Lambda));
            assert!(lambda.contains(&its_own), "{lambda:?}");
            assert!(!portable.contains(&its_own), "{portable:?}");
            assert!(portable.iter().all(|path| lambda.contains(path)));
            let start = if family == RuntimeFamily::Node { ".sf-kit/main.mjs" } else { ".sf-kit/main.py" };
            assert!(portable.contains(&start));
        }
        assert!(paths(RuntimeFamily::Web, Interface::Web).is_empty());
    }
}
