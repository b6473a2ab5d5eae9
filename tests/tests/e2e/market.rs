//! The story of `examples/talent-market`, with the commands of its README: every event and resource there is, in three languages, and a
//! secret that stands nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sf_e2e::http;
use sf_e2e::market::{ADA, CANARY, Clock, Market};
use sf_e2e::{Env, Issuer, MailService, eventually, holding};

#[test]
fn the_story_of_the_market() {
    let (mut env, issuer, mails) = (Env::new(), Issuer::start(), MailService::start());
    env.set("ISSUER", issuer.url.clone());
    env.set("MAIL_URL", mails.url.clone());
    let market = Market::open(&env, env.example("talent-market"), &issuer, &mails, Clock::Host);
    market.only_the_owner_changes_a_profile();
    market.a_change_reaches_the_index();
    market.a_portrait_is_made_small();
    market.a_project_is_mailed_to_those_whom_it_concerns();
    the_secret_stands_nowhere(&env, &market);
    market.everyone_hears_everyone();
    market.the_matcher_and_the_legacy_handler_answer();
    market.at_night_there_is_a_report();
    nothing_is_left_of_it(&env, &market);
    the_secret_stands_nowhere_on_disk(&env, &market);
}

/// Not on disk, in nothing printed, and not in what the system shows of a process, while the function that knows it runs.
fn the_secret_stands_nowhere(env: &Env, market: &Market<'_>) {
    for args in [
        &["secret", "list"] as &[_],
        &["info"],
        &["plan"],
        &["debug", "desired"],
        &["debug", "plan"],
        &["logs"],
        &["queue", "list"],
        &["host", "status"],
        &["check"],
        &["build"],
        &["deploy", "--yes"],
    ] {
        let _ = market.sf(args);
        let _ = market.sf(&[args, &["--json"]].concat());
    }
    let _ = market.sf(&["deploy", "--yes", "-v"]);
    #[cfg(target_os = "linux")]
    the_secret_is_in_no_process(market);
    // Else the search would prove nothing: what is no secret is found in the data.
    assert!(!holding(&env.host_dir().join("data"), ADA).is_empty());
    the_secret_stands_nowhere_on_disk(env, market);
}

fn the_secret_stands_nowhere_on_disk(env: &Env, market: &Market<'_>) {
    for text in [CANARY.to_owned(), STANDARD.encode(CANARY)] {
        assert_eq!(holding(env.dir(), &text), Vec::<std::path::PathBuf>::new());
        assert!(!market.printed.borrow().contains(&text), "it was printed:\n{}", market.printed.borrow());
    }
}

#[cfg(target_os = "linux")]
fn the_secret_is_in_no_process(market: &Market<'_>) {
    let mut is_seen = false;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            // Not every entry is a process; some end meanwhile.
            let text = std::fs::read(process.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(CANARY), "{}/{file}: {text}", process.path().display());
            is_seen |= file == "environ" && text.contains(&market.mails.url);
        }
    }
    assert!(is_seen, "the worker that sends mails is not among the processes");
}

fn nothing_is_left_of_it(env: &Env, market: &Market<'_>) {
    let host = env.host();
    assert!(!host.resources("talent-market", "dev").is_empty());
    let _ =
        market.noted(market.project.sf(&["remove", "--yes"])).exits(7).says(&["table/profiles", "--data"]);
    assert_eq!(market.get("/profiles/1").status, 200);

    let _ = market.sf(&["remove", "--yes", "--data"]);
    assert_eq!(host.resources("talent-market", "dev"), Vec::<String>::new());
    assert_eq!(market.sf(&["host", "status", "--json"]).json()["apps"], json!([]));
    assert!(
        http::send("GET", &format!("{}/orders/1", market.url), &[], b"").is_err(),
        "its API still answers"
    );
    eventually("its workers are gone", || {
        // What is left is the host itself.
        (env.leftovers().len() == 1).then_some(())
    });
    for folder in ["data/objects", "unpacked", "logs"] {
        let path = env.host_dir().join(folder);
        eventually(&format!("{folder} is empty"), || (files(&path) == 0).then_some(()));
    }

    // Who comes back finds nothing of what was there.
    let _ = market.sf(&["deploy", "--yes"]).says(&["secret `smtp-password` has no value"]);
    for table in ["profiles", "skills", "chatters"] {
        assert_eq!(market.sf(&["table", "scan", table, "--json"]).json()["items"], json!([]), "{table}");
    }
    assert_eq!(market.objects("portraits").len() + market.objects("reports").len(), 0);
    let _ = market.sf(&["remove", "--yes", "--data"]);
}

/// How many there are, in folders too.
fn files(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
