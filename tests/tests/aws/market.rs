//! The story of `examples/talent-market` on AWS: each event really reaches its function.

use sf_e2e::market::{ADA, CANARY, Clock, Market};
use sf_e2e::{Aws, Issuer, MailService};

use crate::support::{is_clean, leaves_nothing, nothing_changes};

#[test]
fn the_story_of_the_market() {
    let Some(aws) = Aws::start("the_story_of_the_market", &[]) else { return };
    let (mut env, issuer, mails) = (aws.env(), Issuer::start_tls(), MailService::start());
    env.set("ISSUER", issuer.url.clone());
    env.set("MAIL_URL", mails.url.clone());
    let project = env.example("talent-market");
    // Nobody waits for the night.
    project.edit("sf.toml", "schedule = \"0 3 * * *\"", "schedule = \"rate(1 minute)\"");
    project.edit("sf.toml", ", timezone = \"Asia/Seoul\"", "");
    let market = Market::open(&env, project, &issuer, &mails, Clock::Wall);
    nothing_changes(&aws, &market.project);
    market.only_the_owner_changes_a_profile();
    market.a_change_reaches_the_index();
    market.a_portrait_is_made_small();
    market.a_project_is_mailed_to_those_whom_it_concerns();
    market.everyone_hears_everyone();
    market.the_matcher_and_the_legacy_handler_answer();
    market.at_night_there_is_a_report();
    the_secret_stands_nowhere(&aws, &market);
    is_clean(&aws);
    assert_eq!(market.project.plan(), Vec::<String>::new());
    leaves_nothing(&aws, &market.project);
    assert_eq!(aws.warnings(), Vec::<String>::new());
}

/// In no request but the one that stores it, in nothing printed, in no file of the project.
fn the_secret_stands_nowhere(aws: &Aws, market: &Market<'_>) {
    for args in [&["info"] as &[_], &["secret", "list"], &["plan"], &["debug", "desired"], &["logs"]] {
        let _ = market.sf(args);
        let _ = market.sf(&[args, &["--json"]].concat());
    }
    assert!(!market.printed.borrow().contains(CANARY), "{}", market.printed.borrow());
    let knowing: Vec<_> = aws
        .log()
        .iter()
        .filter(|entry| entry.params.to_string().contains(CANARY))
        .map(|entry| entry.operation.clone())
        .collect();
    assert!(!knowing.is_empty(), "the log keeps no values: it proves nothing");
    assert!(
        knowing.iter().all(|operation| ["CreateSecret", "PutSecretValue"].contains(&operation.as_str())),
        "{knowing:?}"
    );
    let variables = functions_variables(aws);
    assert!(variables.contains("MAIL_URL") && !variables.contains(CANARY), "{variables}");
    assert!(!variables.contains(ADA));
}

/// What the console shows to everyone who may look at functions.
fn functions_variables(aws: &Aws) -> String {
    aws.sdk("client('lambda').list_functions()").to_string()
}
