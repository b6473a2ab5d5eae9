//! `protect` on AWS: tables have DynamoDB's deletion protection, so that nobody else deletes them either; the rest has a tag.

use sf_e2e::{Aws, Env, Project};

use crate::support::{changes, fixture, is_clean, leaves_nothing, nothing_changes};

const TABLE: &str = "shop-dev-items";

fn protected(env: &Env) -> Project<'_> {
    let project = fixture(env, "events");
    for section in ["[tables.items]", "[buckets.files]", "[secrets.key]"] {
        project.edit("sf.toml", section, &format!("{section}\nprotect = true"));
    }
    project
}

fn is_guarded(aws: &Aws) -> bool {
    let table = format!("client('dynamodb').describe_table(TableName='{TABLE}')['Table']");
    aws.sdk(&format!("{table}['DeletionProtectionEnabled']")) == true
}

#[test]
fn what_is_protected_stays_until_it_is_asked_for() {
    let Some(aws) = Aws::start("what_is_protected_stays_until_it_is_asked_for", &[]) else { return };
    let env = aws.env();
    let project = protected(&env);
    let _ = project.deploy();
    is_clean(&aws);
    nothing_changes(&aws, &project);
    assert!(is_guarded(&aws));
    let before = aws.state();
    let asked = changes(&aws, || {
        let all = "bucket/files, secret/key, table/items are protected";
        let _ = project.sf(&["remove", "--yes"]).exits(7).says(&[all, "--data"]);
    });
    assert_eq!(asked, Vec::<String>::new());
    assert_eq!(aws.state(), before);
    // Nor when the record is lost: AWS itself says what is protected.
    std::fs::remove_dir_all(project.dir.join(".sf/state")).unwrap();
    let _ = project
        .sf(&["remove", "--yes"])
        .exits(7)
        .says(&["bucket/files, secret/key, table/items are protected"]);
    assert_eq!(aws.state(), before);
    leaves_nothing(&aws, &project);
}

#[test]
fn the_protection_of_a_table_follows_the_manifest() {
    let Some(aws) = Aws::start("the_protection_of_a_table_follows_the_manifest", &[]) else { return };
    let env = aws.env();
    let project = protected(&env);
    let _ = project.deploy();
    // Somebody turns it off.
    aws.sdk(&format!(
        "client('dynamodb').update_table(TableName='{TABLE}', DeletionProtectionEnabled=False)"
    ));
    let _ = project.sf(&["drift"]).ok().says(&["table/items", "DeletionProtectionEnabled"]);
    let _ = project.sf(&["deploy", "--refresh"]).ok().says(&["1 updated"]);
    assert!(is_guarded(&aws));

    project.edit("sf.toml", "[tables.items]\nprotect = true", "[tables.items]\nprotect = false");
    project.edit("sf.toml", "[buckets.files]\nprotect = true", "[buckets.files]");
    let asked = changes(&aws, || {
        let _ = project.deploy();
    });
    assert_eq!(asked.len(), 2, "{asked:#?}");
    assert!(asked.contains(&format!("UpdateTable {TABLE}")), "{asked:#?}");
    assert!(!is_guarded(&aws));
    nothing_changes(&aws, &project);

    // What somebody else protects is not deleted behind their back.
    aws.sdk(&format!("client('dynamodb').update_table(TableName='{TABLE}', DeletionProtectionEnabled=True)"));
    let _ = project.sf(&["remove", "--yes", "--data"]).exits(1).says(&["table/items", "deletion protection"]);
    assert!(is_guarded(&aws));
    aws.sdk(&format!(
        "client('dynamodb').update_table(TableName='{TABLE}', DeletionProtectionEnabled=False)"
    ));
    leaves_nothing(&aws, &project);
}
