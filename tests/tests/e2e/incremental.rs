//! A deploy does what changed content asks for, and nothing else.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use sf_e2e::{Env, Project};

use crate::support::{answering, calls, manifest, pair};

/// What a deploy asks of the host.
fn deploy(env: &Env, project: &Project<'_>) -> Vec<String> {
    let before = env.requests().len();
    let _ = project.deploy();
    calls(&env.requests()[before..])
}

#[test]
fn a_second_deploy_makes_no_call_and_says_so() {
    let env = Env::new();
    let project = pair(&env, "pair");
    assert!(!deploy(&env, &project).is_empty());
    let before = env.requests();
    let again = project.deploy();
    assert_eq!(env.requests(), before);
    let _ = again.says(&["nothing to change: 0 calls, 0 uploads"]);
}

#[test]
fn a_changed_file_updates_its_function_alone() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.write("two.mjs", &answering("two", "second"));
    assert_eq!(deploy(&env, &project), ["PUT artifact", "PUT function/two", "PUT release/current"]);
    assert_eq!(project.get("/two").text(), "second");
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn a_changed_module_updates_those_who_import_it() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write("words.mjs", "export const word = 'first';\n");
    project.write(
        "one.mjs",
        "import { word } from './words.mjs';\nexport function one() {\n  return new Response(word);\n}\n",
    );
    let _ = project.deploy();
    assert_eq!(project.get("/one").text(), "first");
    project.write("words.mjs", "export const word = 'second';\n");
    assert_eq!(deploy(&env, &project), ["PUT artifact", "PUT function/one", "PUT release/current"]);
    assert_eq!(project.get("/one").text(), "second");
}

#[test]
fn times_of_files_are_no_change() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    for file in ["one.mjs", "two.mjs", "sf.toml"] {
        let file = File::options().write(true).open(project.dir.join(file)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
    }
    assert!(deploy(&env, &project).is_empty());
}

#[test]
fn another_path_is_no_change() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let clone = project.copy_to("elsewhere/of a name with spaces");
    sf_e2e::copy(&project.dir.join(".sf/state"), &clone.dir.join(".sf/state"));
    assert!(deploy(&env, &clone).is_empty());
}

#[cfg(unix)]
#[test]
fn another_umask_is_no_change_but_an_executable_bit_is() {
    use std::os::unix::fs::PermissionsExt;
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let mode =
        |mode| fs::set_permissions(project.dir.join("one.mjs"), fs::Permissions::from_mode(mode)).unwrap();
    for other in [0o600, 0o666, 0o640] {
        mode(other);
        assert!(deploy(&env, &project).is_empty(), "{other:o}");
    }
    mode(0o755);
    assert_eq!(deploy(&env, &project), ["PUT artifact", "PUT function/one", "PUT release/current"]);
    mode(0o700);
    assert!(deploy(&env, &project).is_empty());
}

#[test]
fn another_order_of_the_manifest_is_no_change() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    let text = manifest("pair", &[("two", "http = [\"GET /two\"]"), ("one", "http = [\"GET /one\"]")]);
    project.write(
        "sf.toml",
        &text.replace(
            "name = \"pair\"\nprovider = \"self-hosted\"",
            "provider = \"self-hosted\"\nname = \"pair\"",
        ),
    );
    assert!(deploy(&env, &project).is_empty());
}

#[test]
fn a_file_that_belongs_to_no_function_is_no_change() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.write("README.md", "Nobody imports this.\n");
    assert!(deploy(&env, &project).is_empty());
}

#[test]
fn a_function_that_goes_is_deleted_with_its_route() {
    let env = Env::new();
    let project = pair(&env, "pair");
    let _ = project.deploy();
    project.write("sf.toml", &manifest("pair", &[("one", "http = [\"GET /one\"]")]));
    // Nobody can be asked here, so it takes --yes.
    let _ = project.sf(&["deploy"]).exits(7).says(&["function/two", "--yes"]);
    assert_eq!(project.get("/two").text(), "two");
    assert_eq!(
        deploy(&env, &project),
        ["DELETE function/two", "DELETE route/GET /two", "PUT release/current"]
    );
    assert_eq!(project.get("/two").status, 404);
    assert_eq!(project.get("/one").text(), "one");
}

#[test]
fn two_clones_build_the_same_bytes() {
    let env = Env::new();
    let project = pair(&env, "pair");
    project.write("words.mjs", "export const word = 'first';\n");
    project.write(
        "one.mjs",
        "import { word } from './words.mjs';\nexport function one() {\n  return new Response(word);\n}\n",
    );
    let clone = project.copy_to("clone");
    // Another age, and another order in the folder.
    fs::remove_file(clone.dir.join("words.mjs")).unwrap();
    clone.write("words.mjs", "export const word = 'first';\n");
    let _ = project.sf(&["build"]).ok();
    let _ = clone.sf(&["build"]).ok();
    let (one, other) = (project.artifacts(), clone.artifacts());
    assert_eq!(one.len(), 2);
    assert!(one == other, "{:?} {:?}", one.keys(), other.keys());
}
