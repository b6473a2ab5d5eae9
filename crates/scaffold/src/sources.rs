//! Where each template's files are.

use include_dir::{Dir, DirEntry, include_dir};

use crate::Template;

static TEMPLATES_FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// A template and where its files come from.
pub(crate) struct Source {
    pub(crate) template: Template,
    from: From,
}

enum From {
    /// A folder of `templates/`, and files that others have too.
    Folder(&'static [(&'static str, &'static str)]),
    /// Files of an example. Named one by one: a folder that was built in holds more.
    Example(&'static [(&'static str, &'static str)]),
}

/// Files of an example, by their paths in it.
macro_rules! example {
    ($example:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../../examples/", $example, "/", $path)))),+]
    };
}

pub(crate) static TEMPLATES: [Source; 5] = [
    Source {
        template: Template { name: "node-http", summary: "a function in JavaScript that answers HTTP" },
        from: From::Folder(&[]),
    },
    Source {
        template: Template { name: "node-ts", summary: "the same in TypeScript, with esbuild" },
        from: From::Folder(&[]),
    },
    Source {
        template: Template { name: "python-http", summary: "a function in Python that answers HTTP" },
        from: From::Folder(&[]),
    },
    Source {
        template: Template { name: "web-rust", summary: "a Rust program that serves HTTP on $PORT" },
        from: From::Folder(example!("hello-web": "src/main.rs", "src/http.rs")),
    },
    Source {
        template: Template {
            name: "market",
            summary: "a whole project: every kind of event and resource, in three languages",
        },
        from: From::Example(example!("talent-market":
            ".gitignore", "Cargo.lock", "Cargo.toml", "README.md", "legacy/orders.js", "sf.toml", "src/chat.mjs", "src/http.rs",
            "src/main.rs", "src/notify.mjs", "src/png.mjs", "src/profile.mjs", "src/projects.mjs", "src/report.py", "src/resize.mjs",
            "src/search.mjs",
        )),
    },
];

impl Source {
    /// Paths relative to the template, with their contents.
    pub(crate) fn files(&self) -> Vec<(String, &'static [u8])> {
        let own = |files: &'static [(&str, &str)]| {
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes()))
        };
        match self.from {
            From::Example(files) => own(files).collect(),
            From::Folder(more) => {
                let mut files: Vec<_> = own(more).collect();
                if let Some(folder) = TEMPLATES_FOLDER.get_dir(self.template.name) {
                    add(folder, self.template.name, &mut files);
                }
                files
            }
        }
    }
}

fn add(folder: &'static Dir<'static>, template: &str, files: &mut Vec<(String, &'static [u8])>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => add(inner, template, files),
            DirEntry::File(file) => {
                let path = file.path().to_string_lossy().replace('\\', "/");
                let path = path.strip_prefix(template).unwrap_or(&path).trim_start_matches('/').to_owned();
                files.push((path, file.contents()));
            }
        }
    }
}
