//! Every example deploys, answers, deploys again without a call, and leaves nothing.

use sf_e2e::{Aws, Env, Project, http};

use crate::support::{is_clean, leaves_nothing, nothing_changes};

/// An example's life, with what it must answer in the middle.
fn lives(example: &str, answers: impl FnOnce(&Project<'_>, &str)) {
    let Some(aws) = Aws::start(example, &[]) else { return };
    assert!(aws.state().is_empty(), "{:?}", aws.state());
    let env: Env = aws.env();
    let project = env.example(example);
    let _ = project.sf_within(sf_e2e::aws::LONG, &["deploy", "--yes"]).ok();
    answers(&project, &project.url());
    nothing_changes(&aws, &project);
    is_clean(&aws);
    leaves_nothing(&aws, &project);
    assert_eq!(aws.warnings(), Vec::<String>::new());
}

fn says_hello(url: &str) {
    let answer = http::get(&format!("{url}/hello/world"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["message"], "Hello, world!");
    assert_eq!(http::get(&format!("{url}/nobody")).status, 404);
}

fn echoes(url: &str) {
    let echo = http::send("POST", &format!("{url}/echo"), &[], b"said").unwrap();
    assert_eq!((echo.status, echo.text().as_str()), (200, "said"));
}

#[test]
fn hello_node() {
    lives("hello-node", |_, url| {
        says_hello(url);
        echoes(url);
    });
}

#[test]
fn hello_python() {
    lives("hello-python", |project, url| {
        says_hello(url);
        // The schedule is an hour's; who calls it by hand sees that it would work.
        let ticked = project.sf(&["invoke", "tick", "--json"]).ok().json();
        assert_eq!(ticked["ok"], true, "{ticked}");
    });
}

#[test]
fn hello_web() {
    lives("hello-web", |_, url| {
        says_hello(url);
        echoes(url);
    });
}

/// What holds data is refused without a word about it.
#[test]
fn data_is_removed_only_if_asked_for() {
    let Some(aws) = Aws::start("data_is_removed_only_if_asked_for", &[]) else { return };
    let env = aws.env();
    let project = crate::support::fixture(&env, "events");
    let _ = project.deploy();
    let before = aws.state();
    let _ = project.sf(&["remove", "--yes"]).exits(7).says(&["table/items", "--data"]);
    assert_eq!(aws.state(), before);
    let bucket = before.of_kind("buckets").iter().find(|name| name.contains("files")).unwrap();
    // Versions and markers of deletions are removed as well as objects.
    aws.sdk(&format!("client('s3').put_object(Bucket='{bucket}', Key='left', Body=b'x')"));
    leaves_nothing(&aws, &project);
}
