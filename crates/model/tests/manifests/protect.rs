//! `protect`, and what the stage's name says where it is left out.

use crate::common::load_text;

const MANIFEST: &str = r#"
sf = 1
[project]
name = "shop"
[functions.one]
handler = "one.mjs#one"
uses = { people = "read", files = "read", drafts = "read" }
secrets = ["key"]
[tables.people]
key = { partition = "id:string" }
[buckets.files]
[buckets.drafts]
protect = false
[secrets.key]
protect = true
[stages.prod]
[stages.production-eu]
[stages.preprod]
[stages.preprod.tables.people]
protect = true
"#;

/// The names of what is protected.
fn protected(stage: Option<&str>) -> Vec<String> {
    let loaded = load_text(MANIFEST, stage, None);
    assert_eq!(loaded.diagnostics.len(), 0, "{:?}", loaded.diagnostics);
    let app = loaded.app.unwrap();
    let buckets = app.buckets.iter().map(|(name, bucket)| (name, bucket.protect));
    let secrets = app.secrets.iter().map(|(name, secret)| (name, secret.protect));
    let tables = app.tables.iter().map(|(name, table)| (name, table.protect));
    let all = buckets.chain(secrets).chain(tables).filter(|(_, protect)| *protect);
    all.map(|(name, _)| name.clone()).collect()
}

#[test]
fn data_of_production_is_protected_unless_the_manifest_says_otherwise() {
    assert_eq!(protected(None), ["key"]);
    assert_eq!(protected(Some("preprod")), ["key", "people"]);
    assert_eq!(protected(Some("prod")), ["files", "key", "people"]);
    assert_eq!(protected(Some("production-eu")), ["files", "key", "people"]);
}

#[test]
fn what_holds_no_data_cannot_be_protected() {
    let text = format!("{MANIFEST}\n[queues.mail]\nprotect = true\n");
    let loaded = load_text(&text, None, None);
    assert!(
        loaded.diagnostics.iter().any(|problem| problem.code == "unknown-key"),
        "{:?}",
        loaded.diagnostics
    );
}
