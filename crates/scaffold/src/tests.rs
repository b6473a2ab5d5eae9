use super::*;

struct World;

impl sf_model::Lookup for World {
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

#[test]
fn every_template_makes_a_valid_project() {
    for template in list() {
        let files = render(template.name, "a-0").unwrap();
        assert_eq!(files, render(template.name, "a-0").unwrap());
        let text = String::from_utf8(files["sf.toml"].bytes.clone()).unwrap();
        let source = sf_model::Source { name: "sf.toml".into(), text };
        let loaded = sf_model::load(&source, &sf_model::Selection::default(), &World);
        assert!(loaded.diagnostics.is_empty(), "{}: {:#?}", template.name, loaded.diagnostics);
        let app = loaded.app.unwrap();
        assert_eq!(app.project, "a-0");
        for function in app.functions.values() {
            if let Some(handler) = &function.handler {
                // A Lambda handler leaves the extension out.
                let file =
                    files.contains_key(&handler.file) || files.contains_key(&format!("{}.js", handler.file));
                assert!(file, "{}: {}", template.name, handler.file);
            }
        }
        for file in [".gitignore", "README.md"] {
            assert!(files.contains_key(file), "{} has no {file}", template.name);
        }
    }
}

/// The list of the market's files is written by hand.
#[test]
fn the_market_is_the_whole_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/talent-market");
    let mut expected = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !["target", ".sf", "__pycache__"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.is_file() {
                expected.push(path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    expected.sort();
    assert_eq!(render("market", "m").unwrap().into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn no_other_template_and_no_other_name() {
    let hint = |template: &str| render(template, "a").unwrap_err().hint().unwrap();
    assert_eq!(hint("node-htp"), "did you mean `node-http`?");
    for template in ["../templates/node-http", "/etc", "..", ""] {
        assert!(hint(template).starts_with("there are `node-http`"), "{template}");
    }
    for name in ["", "A", "1a", "../a", "a/b", "a b", &"a".repeat(32)] {
        assert!(matches!(render("node-http", name), Err(ScaffoldError::BadName(_))), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_left_behind() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = render("node-http", "a").unwrap();
    let target = folder.path().join("a");
    write(&target, &files).unwrap();
    assert!(target.join("src/hello.mjs").is_file());
    assert!(matches!(write(&target, &files), Err(ScaffoldError::NotEmpty(_))));
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(matches!(write(&file, &files), Err(ScaffoldError::NotEmpty(_))));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    // A file in place of a folder: writing fails midway.
    let bad = Files::from([
        ("x".to_owned(), FileContent { bytes: vec![] }),
        ("x/y".to_owned(), FileContent { bytes: vec![] }),
    ]);
    assert!(write(&folder.path().join("b"), &bad).is_err());
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a", "file"]);
}
