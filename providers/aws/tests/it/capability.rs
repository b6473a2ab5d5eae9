use crate::support::{check, load, render};

fn remarks(text: &str) -> String {
    render(text, &check(&load(text)))
}

#[test]
fn everything_aws_cannot_do_is_said_at_its_place() {
    insta::assert_snapshot!("refused", remarks(include_str!("fixtures/refused.toml")));
}

#[test]
fn names_that_aws_needs_itself_are_refused() {
    insta::assert_snapshot!("clashes", remarks(include_str!("fixtures/clashes.toml")));
}

#[test]
fn what_aws_can_do_is_not_remarked_on() {
    assert_eq!(remarks(include_str!("fixtures/able.toml")), "");
    assert_eq!(remarks(include_str!("../../../../examples/talent-market/sf.toml")), "");
}

/// With settings that cannot be read nothing is said of what they would change.
#[test]
fn settings_are_checked() {
    let text = r#"
sf = 1
[project]
name = "shop"
[api]
domain = "shop.example"
[functions.hello]
handler = "src/hello.mjs#hello"
http = ["GET /"]
[providers.aws]
regoin = "eu-west-1"
log-retention = 31
[providers.aws.functions.hello]
tracing = "passive"
"#;
    insta::assert_snapshot!("settings", remarks(text));
}

/// `SF_KIT` counts: it is a variable like the others.
#[test]
fn an_environment_that_lambda_would_refuse_is_refused_before() {
    let with = |bytes: usize| {
        let value = "x".repeat(bytes);
        remarks(&format!(
            "sf = 1\n[project]\nname = \"shop\"\n[functions.f]\nhandler = \"f.mjs#f\"\nenv = {{ VALUE = \"{value}\" }}\n"
        ))
    };
    assert_eq!(with(3_900), "");
    assert!(with(4_000).contains("more than the 4096 that Lambda takes"));
}
