//! The canary on AWS: a secret's value goes to Secrets Manager, and nowhere else.

use serde_json::json;
use sf_e2e::{Aws, Run, holding};

use crate::support::manifest;

const CANARY: &str = "canary-on-aws-zqx-9f1b2c8";
const ROTATED: &str = "canary-on-aws-kvw-7a3d5e6";

const HANDLER: &str = "export async function one(request, ctx) {
  const value = await ctx.secret('key');
  return new Response(`${value.length} ${value.includes('kvw')}`);
}
";

#[test]
fn a_secrets_value_is_nowhere_but_in_secrets_manager() {
    let Some(aws) = Aws::start("a_secrets_value_is_nowhere_but_in_secrets_manager", &[]) else { return };
    let env = aws.env();
    let text = manifest(&[("one", "http = [\"GET /one\"]\nsecrets = [\"key\"]")]) + "\n[secrets.key]\n";
    let project = env.project("shop", &[("sf.toml", &text), ("one.mjs", HANDLER)]);
    let mut printed: Vec<Run> = Vec::new();
    let set = |value: &str| project.sf_given(&["secret", "set", "key", "-vvv"], &format!("{value}\n")).ok();
    printed.push(set(CANARY));
    printed.push(project.sf_within(sf_e2e::aws::LONG, &["deploy", "--yes", "-vvv"]).ok());
    printed.push(set(ROTATED));
    // One that fails: Lambda refuses.
    project.write("one.mjs", &format!("{HANDLER}// second\n"));
    let refused =
        json!({ "type": "error", "code": "InvalidParameterValueException", "status": 400, "message": "no" });
    aws.fault(
        &json!({ "service": "lambda", "operation": "UpdateFunctionCode", "count": 1, "action": refused }),
    );
    let failed = project.sf_within(sf_e2e::aws::LONG, &["deploy", "--yes", "-vvv"]);
    assert_eq!(failed.code, Some(1), "{}", failed.text());
    aws.clear_faults();
    printed.push(failed);
    for args in [
        &["deploy", "--yes", "--json", "-vvv"][..],
        &["plan", "--json", "-vvv"],
        &["drift", "--json", "-vvv"],
        &["secret", "list", "--json", "-vvv"],
        &["state", "list", "--json"],
        &["releases", "--all", "--json"],
        &["releases", "show", "1", "--json"],
        &["diff", "1", "--json"],
        &["debug", "plan"],
    ] {
        printed.push(project.sf_within(sf_e2e::aws::LONG, args).ok());
    }
    std::fs::remove_file(env.dir().join("input")).unwrap();
    for value in [CANARY, ROTATED] {
        for form in [value.to_owned(), value.bytes().map(|byte| format!("{byte:02x}")).collect()] {
            assert_eq!(holding(env.dir(), &form), Vec::<std::path::PathBuf>::new(), "{form}");
            for run in &printed {
                assert!(!run.text().contains(&form), "`{}` printed it", run.what);
            }
            let elsewhere: Vec<_> = aws
                .log()
                .into_iter()
                .filter(|entry| {
                    entry.params.to_string().contains(&form) && entry.operation != "PutSecretValue"
                })
                .map(|entry| entry.to_string())
                .collect();
            assert_eq!(elsewhere, Vec::<String>::new());
        }
    }
    let log = project.sf(&["releases", "show", "1", "--json"]).ok().json();
    let named = |operation: &str| {
        let events = log["events"].as_array().unwrap();
        events.iter().any(|event| {
            event["event"] == "api-call" && event["operation"] == operation && event["object"].is_string()
        })
    };
    assert!(named("CreateFunction") && named("CreateRole"), "{log}");
}
