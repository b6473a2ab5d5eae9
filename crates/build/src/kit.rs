//! The kits, as they are embedded in `sf`.

use std::sync::LazyLock;

use include_dir::{Dir, DirEntry, include_dir};
use sf_model::RuntimeFamily;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;

static NODE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/node/runtime");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/python/runtime");

/// A file of a kit.
pub(crate) struct KitFile {
    /// In an artifact.
    pub(crate) path: String,
    pub(crate) bytes: &'static [u8],
    pub(crate) sha256: String,
}

/// The files of a runtime's kit; hashed once, since every function has them.
pub(crate) fn files(family: RuntimeFamily) -> &'static [KitFile] {
    static NODE_FILES: LazyLock<Vec<KitFile>> = LazyLock::new(|| hashed(&NODE));
    static PYTHON_FILES: LazyLock<Vec<KitFile>> = LazyLock::new(|| hashed(&PYTHON));
    match family {
        RuntimeFamily::Node => &NODE_FILES,
        RuntimeFamily::Python => &PYTHON_FILES,
        RuntimeFamily::Web => &[],
    }
}

fn hashed(kit: &'static Dir<'static>) -> Vec<KitFile> {
    let mut files = Vec::new();
    add(kit, &mut files);
    files
}

fn add(folder: &'static Dir<'static>, files: &mut Vec<KitFile>) {
    for entry in folder.entries() {
        match entry {
            // Left behind by whoever ran the kit's tests before `sf` was compiled.
            DirEntry::Dir(inner) if inner.path().ends_with("__pycache__") => {}
            DirEntry::Dir(inner) => add(inner, files),
            DirEntry::File(file) => {
                let path = format!(".sf-kit/{}", file.path().to_string_lossy().replace('\\', "/"));
                let bytes = file.contents();
                files.push(KitFile { path, bytes, sha256: hex(&Sha256::digest(bytes)) });
            }
        }
    }
}
