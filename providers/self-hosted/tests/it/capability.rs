use sf_provider::Backend;
use sf_provider_self_hosted::SelfHosted;

use crate::support::{load, render};

#[test]
fn everything_the_host_cannot_do_is_said_at_its_place() {
    let text = include_str!("fixtures/whole.toml");
    let app = load(text);
    insta::assert_snapshot!("whole", render(text, &SelfHosted.check(&app)));
}

#[test]
fn what_the_host_can_do_is_not_remarked_on() {
    let app = load(include_str!("fixtures/able.toml"));
    assert_eq!(SelfHosted.check(&app), []);
}

#[test]
fn settings_are_checked() {
    let text = r#"
sf = 1
[project]
name = "shop"
[functions.hello]
handler = "src/hello.mjs#hello"
runtime = "node18"
on = [{ schedule = "0 3 * * *" }]
[providers.self-hosted]
host = "127.0.0.1:7070"
port = 70000
region = "here"
"#;
    let app = load(text);
    insta::assert_snapshot!("settings", render(text, &SelfHosted.check(&app)));
}
