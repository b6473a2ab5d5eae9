//! `was`: what has another name in the manifest stays what it is.

use std::fs;

use sf_e2e::{Env, Renaming};

/// What the host has but releases, whose names do not change.
fn resources(env: &Env) -> Vec<String> {
    env.host().resources("shop", "dev")
}

#[test]
fn everything_can_have_another_name_and_loses_nothing() {
    let env = Env::new();
    let mut shop = Renaming::new(&env, "self-hosted");
    shop.set_secret();
    let _ = shop.project.deploy();
    shop.works();
    shop.commands_know_it();
    let before = resources(&env);

    shop.rename();
    // Only what the code calls things, and the code itself, is new.
    let changes =
        ["update function/hear", "update function/mail", "update function/sales", "update release/current"];
    assert_eq!(shop.project.plan(), changes);
    let _ = shop.project.sf(&["plan"]).ok().says(&["function/sales is `orders` in the manifest"]);
    let _ = shop.project.deploy();
    assert_eq!(resources(&env), before);
    shop.still_has("sales");
    shop.works();
    shop.commands_know_it();
    let _ = shop.project.sf(&["logs", "orders"]).ok();
    let _ = shop.project.deploy().says(&["nothing to change"]);

    // An earlier release has the code's earlier words.
    let _ = shop.project.sf(&["rollback", "1", "--yes"]).ok();
    assert_eq!(shop.reads()["function"], "sales");
    let _ = shop.project.deploy();
    shop.still_has("sales");

    // A lost state is found again as it was.
    fs::remove_dir_all(shop.project.dir.join(".sf/state")).unwrap();
    let _ = shop.project.sf(&["state", "rebuild"]).ok();
    assert_eq!(shop.project.plan(), Vec::<String>::new());

    let _ = shop.project.sf(&["remove", "--yes", "--data"]).ok();
    assert_eq!(resources(&env), Vec::<String>::new());
}

/// Old names are not left open: code has what the manifest grants it, under the names that it has there.
#[test]
fn an_earlier_name_opens_nothing() {
    let env = Env::new();
    let mut shop = Renaming::new(&env, "self-hosted");
    shop.set_secret();
    shop.rename();
    let _ = shop.project.deploy();
    shop.works();
    shop.project.edit("shop.mjs", "ctx.table(\"people\").get", "ctx.table(\"profiles\").get");
    let _ = shop.project.deploy();
    let refused = shop.project.get("/");
    assert_eq!(refused.status, 500);
    let _ = shop.project.sf(&["logs", "orders"]).ok().says(&["may not read table", "profiles"]);
    let _ = shop.project.sf(&["table", "scan", "profiles"]).exits(2).says(&["profiles"]);
}
