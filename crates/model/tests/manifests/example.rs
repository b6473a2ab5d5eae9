//! The whole example loads, for every stage and provider, as its lines say.

use std::time::Duration;

use crate::common::{example, load_text, source};
use sf_model::{Access, App, EnvPart, EventKind, Interface, RuntimeFamily, ScheduleExpr, render};

fn app(stage: Option<&str>, provider: Option<&str>) -> App {
    let loaded = load_text(&example(), stage, provider);
    assert_eq!(render(&source(&example()), &loaded.diagnostics, false), "");
    loaded.app.unwrap()
}

#[test]
fn defaults_and_selection() {
    let app = app(None, None);
    assert_eq!(
        (app.project.as_str(), app.stage.as_str(), app.provider.as_str()),
        ("talent-market", "dev", "self-hosted")
    );
    assert_eq!(app.tags["team"], "market");
    assert_eq!(app.provider_settings["host"], "http://127.0.0.1:7070");
    assert_eq!(app.state_store.as_deref(), Some(".sf/state"));
    let profile = &app.functions["profile"];
    assert_eq!(profile.memory, 256 << 20);
    assert_eq!(profile.timeout, Duration::from_secs(10));
    assert_eq!(profile.runtime.family, RuntimeFamily::Node);
    assert_eq!(profile.env["REGION_NAME"], [EnvPart::Text("local".into())]);
    assert_eq!(profile.warm, None);
    assert_eq!(app.functions["resize"].memory, 1 << 30);
}

#[test]
fn the_stage_s_overlay_is_merged() {
    let app = app(Some("prod"), Some("aws"));
    let profile = &app.functions["profile"];
    assert_eq!(profile.memory, 512 << 20);
    assert_eq!(profile.warm.map(|(count, _)| count), Some(2));
    let rollout = profile.rollout.as_ref().unwrap();
    assert_eq!(
        (rollout.kind.as_str(), &rollout.steps[..], rollout.every.as_secs()),
        ("canary", &[10, 50][..], 300)
    );
    assert_eq!(app.functions["resize"].memory, 1 << 30, "its own memory wins over the defaults");
    assert_eq!(app.provider_settings["region"], "ap-northeast-2");
}

#[test]
fn routes_and_api() {
    let app = app(None, None);
    let routes: Vec<String> = app
        .functions
        .values()
        .flat_map(|function| function.http.iter().map(|http| http.route.to_string()))
        .collect();
    assert_eq!(routes, ["ANY /orders/{proxy+}", "POST /match", "GET /profiles/{id}", "PUT /profiles/{id}"]);
    let put = &app.functions["profile"].http[1];
    assert_eq!(put.auth.as_deref(), Some("members"));
    assert_eq!(app.api.auth["members"].audience, ["market"]);
    assert!(app.api.domain.is_none(), "an empty domain is none");
    let cors = app.api.cors.as_ref().unwrap();
    assert_eq!((cors.max_age, cors.credentials), (Some(Duration::from_secs(3600)), false));
    assert_eq!(app.api.throttle.as_ref().map(|throttle| (throttle.rate, throttle.burst)), Some((100, 200)));
}

#[test]
fn events_interfaces_and_uses() {
    let app = app(None, None);
    let EventKind::Schedule(nightly) = &app.functions["report"].on[0].kind else {
        panic!("{:?}", app.functions["report"].on);
    };
    assert_eq!(nightly.expr, ScheduleExpr::Cron("0 3 * * *".into()));
    assert_eq!(nightly.timezone, "Asia/Seoul");
    assert!(
        matches!(&app.functions["send"].on[0].kind, EventKind::Queue { queue, batch: 10 } if queue == "mail")
    );
    assert_eq!(app.functions["resize"].uses["portraits"].access, Access::ReadWrite);
    assert_eq!(app.functions["send"].secrets["smtp-password"], "smtp-password");
    let legacy = &app.functions["legacy"];
    let handler = legacy.handler.as_ref().unwrap();
    assert_eq!(legacy.interface, Interface::Lambda);
    assert_eq!((handler.file.as_str(), handler.export.as_str()), ("legacy/orders", "handler"));
    assert!(!handler.file_has_extension);
    assert_eq!(app.functions["match"].runtime.family, RuntimeFamily::Web);
    assert_eq!(app.functions["report"].handler.as_ref().unwrap().export, "nightly");
}

#[test]
fn spans_point_at_the_text() {
    let text = example();
    let app = app(Some("prod"), None);
    let at = |span: sf_model::Span| &text[span.start..span.end];
    assert_eq!(at(app.functions["profile"].span), "[functions.profile]");
    assert_eq!(at(app.functions["profile"].warm.unwrap().1), "2");
    assert_eq!(at(app.functions["profile"].uses["portraits"].span), "portraits");
    assert_eq!(at(app.functions["report"].runtime.span), "\"python\"");
    assert_eq!(at(app.provider_settings_span), "[providers.self-hosted]");
    assert_eq!(at(app.buckets["reports"].span), "[buckets.reports]");
}

#[test]
fn placeholders() {
    let text = r#"
        sf = 1
        [project]
        name = "p"
        [functions.f]
        handler = "a.mjs#f"
        env = { A = "${env:SET}/${env:UNSET, b c }/${stage}/${project}/${provider}", B = "$${x} ${file:motd.txt}!", C = "${git:sha}", D = "x${queue.q.url}y${api.url}", E = "" }
        [queues.q]
    "#;
    let app = load_text(text, None, None).app.unwrap();
    let env = &app.functions["f"].env;
    assert_eq!(env["A"], [EnvPart::Text("from-env/b c/dev/p/self-hosted".into())]);
    assert_eq!(env["B"], [EnvPart::Text("${x} hello!".into())]);
    assert!(matches!(&env["C"][..], [EnvPart::Text(sha)] if sha.len() == 40));
    assert_eq!(env["E"], [EnvPart::Text(String::new())]);
    let [
        EnvPart::Text(x),
        EnvPart::Output { kind, name, output, span },
        EnvPart::Text(_),
        EnvPart::Output { .. },
    ] = &env["D"][..]
    else {
        panic!("{:?}", env["D"]);
    };
    assert_eq!((x.as_str(), kind.as_str(), name.as_str(), output.as_str()), ("x", "queue", "q", "url"));
    assert_eq!(&text[span.start..span.end], "${queue.q.url}");
}

#[test]
fn a_stage_that_is_not_selected_is_not_resolved_but_its_shape_is_checked() {
    let text = |key: &str| {
        format!(
            "sf = 1\nproject.name = \"p\"\nfunctions.f.handler = \"a.mjs#f\"\n\
             [stages.prod]\nfunctions.f.{key} = \"${{env:NOT_SET}}\"\n"
        )
    };
    assert!(load_text(&text("memory"), None, None).app.is_some());
    let codes = |text: &str, stage| -> Vec<String> {
        let diagnostics = load_text(text, stage, None).diagnostics;
        diagnostics.into_iter().map(|diagnostic| diagnostic.code).collect()
    };
    assert_eq!(codes(&text("memory"), Some("prod")), ["unset-variable"]);
    assert_eq!(codes(&text("memroy"), None), ["unknown-key"]);
}

#[test]
fn only_leaves_out_with_a_note() {
    let text = "sf = 1\nproject.name = \"p\"\n[functions.f]\nhandler = \"a.mjs#f\"\nonly = [\"aws\"]\nuses = { b = \"read\" }\n\
                [buckets.b]\nonly = [\"aws\", \"gcp\"]\n";
    let on_gcp = load_text(text, None, Some("gcp"));
    assert_eq!(on_gcp.diagnostics.len(), 1, "the bucket is not called unused: {:?}", on_gcp.diagnostics);
    let loaded = load_text(text, None, None);
    let app = loaded.app.unwrap();
    assert!(app.functions.is_empty() && app.buckets.is_empty());
    assert_eq!(loaded.diagnostics.len(), 2, "{:?}", loaded.diagnostics);
    assert!(loaded.diagnostics.iter().all(|diagnostic| diagnostic.severity == sf_model::Severity::Note));
    let app = load_text(text, None, Some("aws")).app.unwrap();
    assert_eq!((app.functions.len(), app.buckets.len()), (1, 1));
}

#[test]
fn a_url_of_its_own_and_single_values() {
    let text = "sf = 1\nproject.name = \"p\"\nqueues.q = {}\n[functions.f]\nhandler = \"a.mjs#f\"\nhttp = \"url\"\non = { queue = \"q\" }\n\
                [functions.g]\nhandler = \"a.mjs#g\"\nhttp = { route = \"GET /\" }\n[functions.h]\nhandler = \"a.mjs#h\"\nhttp = \"GET /h\"\n";
    let app = load_text(text, None, None).app.unwrap();
    assert!(app.functions["f"].url.is_some() && app.functions["f"].http.is_empty());
    assert_eq!(app.functions["f"].on.len(), 1);
    assert_eq!(app.functions["g"].http[0].route.to_string(), "GET /");
    assert_eq!(app.functions["h"].http.len(), 1);
}

#[test]
fn a_stage_may_have_a_state_elsewhere() {
    let text =
        "sf = 1\n[project]\nname = \"p\"\n[state]\nreleases = 3\n[stages.prod.state]\nreleases = 100\n";
    let load = |text: &str, stage| load_text(text, stage, None).app.unwrap();
    assert_eq!((load(text, None).kept_releases, load(text, Some("prod")).kept_releases), (3, 100));
    assert!(load(text, Some("prod")).one_store);
    let apart = format!("{text}store = \"elsewhere\"\n");
    for stage in [None, Some("prod")] {
        assert!(!load(&apart, stage).one_store, "{stage:?}");
    }
}
