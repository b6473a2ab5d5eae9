//! One state in a bucket, and several machines that deploy from it.

use sf_e2e::{Azurite, Env, Gcs, skipped};

use crate::support::pair;

/// Two copies of a project, as two machines have them, with the state in this store.
pub(crate) fn machines_share(machine: &Env, store: &str) {
    let project = pair(machine, "pair");
    project.write(
        "sf.toml",
        &format!("{}\n[stages.prod]\n\n[state]\nstore = \"{store}\"\n", project.read("sf.toml")),
    );
    let _ = project.deploy().says(&["release 1"]);
    assert!(!project.dir.join(".sf/state").exists());
    let colleague = project.copy_to("colleague");
    let _ = colleague.deploy().says(&["nothing to change"]);
    let _ = colleague.sf(&["state", "unlock"]).ok().says(&["nobody holds the lock"]);
    let _ = colleague.sf(&["releases", "show", "1"]).ok().says(&["function/one"]);

    let moved = colleague.sf(&["state", "move", "function/one", "function/uno"]).ok();
    let _ = moved.says(&["is the same as before"]);
    let _ = project.sf(&["state", "show", "function/uno"]).ok();
    let taken = project.sf(&["state", "move", "function/two", "function/uno"]).exits(2);
    let _ = taken.says(&["recorded already"]);
    let _ = project.sf(&["state", "move", "function/uno", "function/one"]).ok();
    let _ = project.deploy().says(&["nothing to change"]);

    let _ = project.sf(&["state", "pull", "state.json"]).ok();
    colleague.write("one.mjs", &crate::support::answering("one", "uno"));
    let _ = colleague.deploy().says(&["release 2"]);
    let _ = project.sf(&["state", "push", "state.json"]).exits(1).says(&["has serial", "--force"]);
    let others = project.sf(&["state", "push", "state.json", "--force", "--stage", "prod"]).exits(1);
    let _ = others.says(&["it is of `pair/dev`, and this is `pair/prod`", "--stage"]);
    let _ = project.sf(&["state", "push", "state.json", "--force"]).ok();
    let _ = colleague.deploy().says(&["release 3"]);
    assert_eq!(project.get("/one").text(), "uno");

    let _ = colleague.sf(&["remove", "--yes"]).ok();
    let _ = project.sf(&["state", "list"]).ok().says(&["no objects recorded"]);
}

#[test]
fn a_container_of_azure_holds_the_state_of_machines() {
    let azurite = match Azurite::start() {
        Ok(azurite) => azurite,
        Err(reason) => return skipped("a_container_of_azure_holds_the_state_of_machines", &reason),
    };
    let mut machine = Env::new();
    azurite.enter(&mut machine);
    let project = pair(&machine, "early");
    let store = "az://devstoreaccount1/states/team";
    project.write("sf.toml", &format!("{}\n[state]\nstore = \"{store}\"\n", project.read("sf.toml")));
    let missing = project.sf(&["plan"]).exits(1);
    let _ = missing.says(&[
        "az://devstoreaccount1/states",
        "ContainerNotFound",
        "create the bucket or container",
    ]);
    azurite.make_container("states");
    machines_share(&machine, store);
}

#[test]
fn a_bucket_of_google_holds_the_state_of_machines() {
    let Some(google) = Gcs::start("a_bucket_of_google_holds_the_state_of_machines") else { return };
    let mut machine = Env::new();
    google.enter(&mut machine);
    let project = pair(&machine, "early");
    let store = "gs://sf-states/team";
    project.write("sf.toml", &format!("{}\n[state]\nstore = \"{store}\"\n", project.read("sf.toml")));
    let missing = project.sf(&["plan"]).exits(1);
    let _ = missing.says(&["gs://sf-states", "create the bucket or container"]);
    google.make_bucket("sf-states");
    machines_share(&machine, store);
    let left = google.objects("sf-states");
    assert!(left.iter().any(|name| name.ends_with("/dev.json")), "{left:?}");
    assert!(!left.iter().any(|name| name.ends_with("/dev.lock")), "{left:?}");
}
