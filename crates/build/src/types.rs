//! The kits' type definitions, as a project has them in `.sf/types`: for editors and type checkers. No artifact has them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use sf_model::{App, Interface, RuntimeFamily};

use crate::files::write_if_changed;
use crate::kit;

const NODE: &str = include_str!("../../../kits/node/types/index.d.ts");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../kits/python/types");

/// Where they are, below the folder of `sf.toml`.
pub const FOLDER: &str = ".sf/types";

/// Writes the definitions for the languages of the App's portable functions. A file that is as it should be is left alone, so that no
/// editor and no `tsc --watch` reads it again.
///
/// # Errors
/// The first file that the system does not let be written.
pub fn write(app: &App, root: &Path) -> Result<(), TypesError> {
    for (path, bytes) in definitions(app) {
        let path = root.join(FOLDER).join(path);
        write_if_changed(&path, bytes).map_err(|cause| TypesError { path, cause })?;
    }
    Ok(())
}

/// A file of definitions that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write the type definitions `{}`: {cause}", path.display())]
pub struct TypesError {
    path: PathBuf,
    cause: io::Error,
}

fn definitions(app: &App) -> Vec<(PathBuf, &'static [u8])> {
    let portable = app.functions.values().filter(|function| function.interface == Interface::Portable);
    let languages: BTreeSet<RuntimeFamily> = portable.map(|function| function.runtime.family).collect();
    let mut files = Vec::new();
    for language in languages {
        match language {
            RuntimeFamily::Node => files.push((PathBuf::from("node.d.ts"), NODE.as_bytes())),
            RuntimeFamily::Python => {
                kit::walk(&PYTHON, &mut |file| files.push((file.path().to_owned(), file.contents())));
            }
            RuntimeFamily::Web => {}
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;

    struct Nothing;

    impl sf_model::Lookup for Nothing {
        fn env(&self, _: &str) -> Option<String> {
            None
        }
        fn file(&self, _: &str) -> Result<String, String> {
            Err("no files here".into())
        }
        fn git_sha(&self) -> Result<String, String> {
            Err("no git here".into())
        }
    }

    fn app(functions: &str) -> App {
        let text =
            format!("sf = 1\n[project]\nname = \"p\"\nprovider = \"self-hosted\"\n[functions]\n{functions}");
        let source = sf_model::Source { name: "sf.toml".into(), text };
        let loaded = sf_model::load(&source, &sf_model::Selection::default(), &Nothing);
        loaded.app.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    }

    const NODE_FUNCTION: &str = "a = { runtime = \"node\", handler = \"a.mjs#a\" }\n";
    const PYTHON_FUNCTION: &str = "b = { runtime = \"python\", handler = \"b.py:b\" }\n";
    const LAMBDA_FUNCTION: &str =
        "c = { runtime = \"node\", handler = \"c.handler\", interface = \"lambda\" }\n";

    #[test]
    fn a_project_gets_the_types_of_its_languages() {
        let paths = |functions: &str| -> Vec<_> {
            definitions(&app(functions)).into_iter().map(|(path, _)| path).collect()
        };
        let python = ["sf_kit/__init__.pyi", "sf_kit/py.typed"].map(PathBuf::from);
        assert_eq!(paths(NODE_FUNCTION), [PathBuf::from("node.d.ts")]);
        assert_eq!(paths(PYTHON_FUNCTION), python);
        assert_eq!(paths(&format!("{PYTHON_FUNCTION}{NODE_FUNCTION}")).len(), 3);
        // A Lambda handler is given nothing of the kit's.
        assert!(paths(LAMBDA_FUNCTION).is_empty());
    }

    #[test]
    fn only_what_differs_is_written() {
        let folder = tempfile::TempDir::new().unwrap();
        let (app, path) = (app(NODE_FUNCTION), folder.path().join(".sf/types/node.d.ts"));
        write(&app, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), NODE);
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        write(&app, folder.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
        fs::write(&path, "of an older sf").unwrap();
        write(&app, folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), NODE);
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join(".sf"), "a file").unwrap();
        let error = write(&app(NODE_FUNCTION), folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("write the type definitions `"), "{error}");
        assert!(error.contains("node.d.ts"), "{error}");
    }
}
