use serde_json::json;

use super::*;
use crate::testing::with_settings as app;

fn problems(settings: Json) -> Vec<String> {
    let problems = Settings::read(&app(settings)).unwrap_err();
    problems.into_iter().map(|problem| format!("{}: {}", problem.message, problem.hint.unwrap())).collect()
}

#[test]
fn nothing_said_is_what_most_want() {
    assert_eq!(Settings::read(&app(json!({}))).unwrap(), Settings::default());
    let app = app(json!({}));
    assert_eq!(Settings::default().architecture(&app.functions["f"]), Architecture::Arm64);
}

#[test]
fn everything_can_be_said() {
    let app = app(json!({
        "region": "eu-west-1",
        "profile": "shop",
        "endpoint": "http://127.0.0.1:4566",
        "certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/ab",
        "log-retention": "14",
        "functions": {"f": {
            "architecture": "x86_64",
            "layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:fonts:3"],
            "vpc": {"subnets": ["subnet-1"], "security-groups": ["sg-1"]},
            "tracing": "active",
            "ephemeral-storage": "1GiB",
            "reserved-concurrency": 0,
        }},
    }));
    let settings = Settings::read(&app).unwrap();
    assert_eq!(settings.log_retention, 14);
    let function = settings.of("f");
    assert_eq!(function.ephemeral_storage, Some(1024));
    assert_eq!(function.reserved_concurrency, Some(0));
    assert!(function.traced);
    assert_eq!(settings.architecture(&app.functions["f"]), Architecture::X86_64);
    assert_eq!(settings.of("g"), FunctionSettings::default());
}

#[test]
fn an_unknown_setting_is_told_with_what_was_meant() {
    let found = problems(json!({"regoin": "eu-west-1", "functions": {"f": {"layer": []}}}));
    assert_eq!(
        found,
        [
            "provider `aws` has no setting `functions.f.layer`: did you mean `layers`? there are `architecture`, \
             `layers`, `vpc`, `tracing`, `ephemeral-storage`, `reserved-concurrency`",
            "provider `aws` has no setting `regoin`: did you mean `region`? there are `region`, `profile`, \
             `endpoint`, `certificate`, `log-retention`, `functions`",
        ]
    );
}

#[test]
fn an_unusable_value_is_told_with_a_good_one() {
    for (settings, words) in [
        (json!({"log-retention": 31}), "log-retention = 30"),
        (json!({"region": "Ireland"}), "`eu-west-1`"),
        (json!({"functions": {"f": 1}}), "a table"),
        (json!({"functions": {"f": {"tracing": true}}}), "`active`"),
        (json!({"functions": {"f": {"vpc": {"subnets": ["subnet-1"]}}}}), "security-groups"),
        (json!({"functions": {"f": {"ephemeral-storage": "100MiB"}}}), "512MiB"),
        (json!({"functions": {"f": {"architecture": "arm"}}}), "`arm64`"),
    ] {
        let found = problems(settings.clone());
        assert_eq!(found.len(), 1, "{settings}: {found:?}");
        assert!(found[0].contains(words), "{found:?}");
    }
}
