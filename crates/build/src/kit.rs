//! The kits, as they are embedded in `sf`.

use include_dir::{Dir, DirEntry, include_dir};
use sf_model::RuntimeFamily;

static NODE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/node/runtime");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/python/runtime");

/// The files of a runtime's kit, with their paths in an artifact.
pub(crate) fn files(family: RuntimeFamily) -> Vec<(String, &'static [u8])> {
    let mut files = Vec::new();
    match family {
        RuntimeFamily::Node => add(&NODE, &mut files),
        RuntimeFamily::Python => add(&PYTHON, &mut files),
        RuntimeFamily::Web => {}
    }
    files
}

fn add(folder: &'static Dir<'static>, files: &mut Vec<(String, &'static [u8])>) {
    for entry in folder.entries() {
        match entry {
            // Left behind by whoever ran the kit's tests before `sf` was compiled.
            DirEntry::Dir(inner) if inner.path().ends_with("__pycache__") => {}
            DirEntry::Dir(inner) => add(inner, files),
            DirEntry::File(file) => {
                let path = file.path().to_string_lossy().replace('\\', "/");
                files.push((format!(".sf-kit/{path}"), file.contents()));
            }
        }
    }
}
