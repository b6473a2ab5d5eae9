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

const RENAMED: &str = r#"
sf = 1
[project]
name = "shop"
[functions.orders]
handler = "one.mjs#orders"
uses = { jobs = "write", post = "call" }
env = { JOBS = "${queue.jobs.url}", POST = "${function.post.name}" }
[functions.post]
was = "mail"
handler = "one.mjs#post"
[queues.jobs]
WAS
"#;

/// The address has the first name in it, which opens nothing for the code: better said than found out by a refused request.
#[test]
fn the_address_of_a_queue_that_was_renamed_is_refused() {
    let text = RENAMED.replace("WAS", "was = \"tasks\"");
    let found = SelfHosted.check(&load(&text).by_first_names());
    let said: Vec<_> = found.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("${queue.jobs.url}"), "{said:?}");
    assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("SF_DATA_URL")));
    assert_eq!(SelfHosted.check(&load(&RENAMED.replace("WAS", "")).by_first_names()), []);
}
