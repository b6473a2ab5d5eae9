//! Files that a provider adds.

use std::borrow::Cow;
use std::fs::{self, File};

use sf_build::{Artifact, BuildError, ExtraFile, Extras};

use super::{Project, hello};

fn extras(files: &[(&str, &'static str, bool)]) -> Extras {
    let file = |&(path, text, executable): &(&str, &'static str, bool)| ExtraFile {
        path: path.to_owned(),
        bytes: Cow::Borrowed(text.as_bytes()),
        executable,
    };
    let files = files.iter().map(file).collect();
    Extras { of: "kit of aws".into(), files: [("hello".to_owned(), files)].into(), ..Extras::default() }
}

fn built(project: &Project, extras: &Extras) -> Artifact {
    project.try_build_with(extras).unwrap().into_values().next().unwrap()
}

fn refused(project: &Project, extras: &Extras) -> BuildError {
    project.try_build_with(extras).unwrap_err().remove(0)
}

#[test]
fn extra_files_are_in_the_zip_as_they_are_and_explained() {
    let wanted = extras(&[("bootstrap", "#!", true), (".sf-kit/aws/main.mjs", "1", false)]);
    let project = hello();
    let artifact = built(&project, &wanted);
    let explained = |path: &str| artifact.files.iter().find(|file| file.path == path).unwrap();
    let (program, module) = (explained("bootstrap"), explained(".sf-kit/aws/main.mjs"));
    assert_eq!((program.executable, program.size, program.why.as_str()), (true, 2, "kit of aws"));
    assert_eq!((module.executable, module.size), (false, 1));
    let mut zip = zip::ZipArchive::new(File::open(&artifact.zip).unwrap()).unwrap();
    for (path, mode, text) in [("bootstrap", 0o755, "#!"), (".sf-kit/aws/main.mjs", 0o644, "1")] {
        let mut entry = zip.by_name(path).unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, mode);
        assert_eq!(std::io::read_to_string(&mut entry).unwrap(), text);
    }
}

#[test]
fn extra_files_count_by_path_content_and_executable_bit_and_nothing_else() {
    let project = hello();
    let digest = |files| built(&project, &extras(files)).digest;
    let plain = digest(&[("x", "1", false)]);
    assert_ne!(plain, project.one().digest);
    assert_ne!(plain, digest(&[("x", "2", false)]));
    assert_ne!(plain, digest(&[("x", "1", true)]));
    assert_ne!(plain, digest(&[("y", "1", false)]));
    let named_otherwise = Extras { of: "kit of gcp".into(), ..extras(&[("x", "1", false)]) };
    let again = built(&project, &named_otherwise);
    assert_eq!((again.digest, again.cached), (plain, true));
    // Those of another function are not this one's.
    let mut of_another = extras(&[("x", "1", false)]);
    let files = of_another.files.remove("hello").unwrap();
    of_another.files.insert("goodbye".into(), files);
    assert_eq!(built(&project, &of_another).digest, project.one().digest);
}

#[test]
fn a_users_file_in_the_way_is_an_error_and_not_replaced() {
    let project = hello();
    for path in ["src/b.mjs", "src", "src/b.mjs/inner.mjs"] {
        let error = refused(&project, &extras(&[(path, "", false)]));
        assert!(error.cause.contains("is in the way of") && error.cause.contains(path), "{error}");
        assert!(error.cause.ends_with("which is part of the kit of aws"), "{error}");
        assert!(error.hint.unwrap().contains("package.exclude"));
    }
    project.write("sf_lambda.py", "");
    project.manifest(&format!("{}package.include = [\"*.py\"]\n", super::HELLO));
    let taken = extras(&[("sf_lambda.py", "", false)]);
    assert!(refused(&project, &taken).cause.starts_with("`sf_lambda.py` is in the way of `sf_lambda.py`"));
    project
        .manifest(&format!("{}package = {{ include = [\"*.py\"], exclude = [\"sf_*\"] }}\n", super::HELLO));
    built(&project, &taken);
}

#[test]
fn a_web_program_makes_room_for_the_one_that_starts_it() {
    let function = "[functions.hello]\ninterface = \"web\"\nhttp = \"GET /\"\n\
                    build = { command = \"mkdir -p out && cp server out/bootstrap\", output = \"out\" }\n";
    let project = Project::new(function, &[("server", "mine"), (".gitignore", "out/\n")]);
    assert_eq!(project.one().entry, "bootstrap");
    let artifact = built(&project, &extras(&[("bootstrap", "the kit's", true)]));
    assert_eq!(artifact.entry, "bootstrap.program");
    let mut zip = zip::ZipArchive::new(File::open(&artifact.zip).unwrap()).unwrap();
    for (path, text) in [("bootstrap", "the kit's"), ("bootstrap.program", "mine")] {
        assert_eq!(std::io::read_to_string(zip.by_name(path).unwrap()).unwrap(), text);
    }
    fs::write(project.root().join("out/bootstrap.program"), "mine too").unwrap();
    project.write(
        "sf.toml",
        &fs::read_to_string(project.root().join("sf.toml")).unwrap().replace("mkdir", "true; mkdir"),
    );
    let error = refused(&project, &extras(&[("bootstrap", "the kit's", true)]));
    assert!(error.cause.starts_with("`bootstrap` is in the way of `bootstrap`"), "{error}");
}
