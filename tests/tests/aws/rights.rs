//! What whoever deploys must be allowed to do: `sf check` says what is missing, and what it asks about is enough.

use serde_json::{Value as Json, json};
use sf_e2e::Aws;
use sf_e2e::aws::{ACCOUNT, AT_ONCE, LONG, REGION};

use crate::credentials::{CHECK, Keys, bare, everything};
use crate::support::{fixture, pair};

/// The policy in the documentation.
fn documented() -> Json {
    let document = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers/aws.md");
    let text = std::fs::read_to_string(document).unwrap();
    let policy = text.split("```json deployer\n").nth(1).and_then(|rest| rest.split("```").next());
    let policy = policy.expect("the policy is in the documentation");
    let policy = policy.replace("REGION", REGION).replace("ACCOUNT", ACCOUNT);
    let mut policy: Json = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    // The counterpart takes no notice of the paths of roles.
    let roles = format!("arn:aws:iam::{ACCOUNT}:role/");
    let mut of_roles = statements.iter_mut().filter(|one| one["Resource"] == format!("{roles}sf/shop/dev/*"));
    let of_roles = of_roles.next().expect("a statement for roles");
    of_roles["Resource"] = json!([format!("{roles}sf/shop/dev/*"), format!("{roles}shop-dev-*")]);
    statements.push(nameless());
    policy
}

/// What the counterpart knows no resource for though AWS does, or takes for another one (the schedules of every group).
fn nameless() -> Json {
    let actions = [
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "lambda:CreateEventSourceMapping",
        "lambda:CreateFunction",
        // Its name for GetAlias.
        "lambda:ListAliases",
        "scheduler:CreateSchedule",
        "scheduler:DeleteSchedule",
        "scheduler:GetSchedule",
        "scheduler:ListTagsForResource",
        "scheduler:TagResource",
        "scheduler:UntagResource",
        "scheduler:UpdateSchedule",
        "sns:ListTagsForResource",
        "sns:TagResource",
        "sns:UntagResource",
    ];
    json!({ "Effect": "Allow", "Action": actions, "Resource": "*" })
}

/// Nothing but what is documented: a deploy of everything, one that changes it, and its removal.
#[test]
fn the_documented_policy_is_enough() {
    let Some(aws) = Aws::start("the_documented_policy_is_enough", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let keys = Keys::of_user(&aws, "deployer", &documented());
    keys.enter(&mut env);
    let project = fixture(&env, "events");
    let _ = project.sf(&CHECK).ok();
    let _ = project.sf_within(LONG, &["deploy", "--yes"]).ok();
    project.edit("sf.toml", "team = \"tests\"", "owner = \"tests\"");
    let _ = project.sf_within(LONG, &["deploy", "--yes", "--refresh"]).ok();
    let _ = project.sf_within(LONG, &["remove", "--yes", "--data"]).ok();
    let refused = aws
        .log()
        .into_iter()
        .filter(|entry| entry.error.as_deref().is_some_and(|error| error.contains("AccessDenied")));
    assert_eq!(refused.map(|entry| entry.in_full()).collect::<Vec<_>>(), [] as [String; 0]);
}

#[test]
fn a_right_that_is_missing_is_said() {
    let Some(aws) = Aws::start("a_right_that_is_missing_is_said", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let mut policy = everything();
    let no = json!({ "Effect": "Deny", "Action": ["lambda:PublishVersion", "sqs:*"], "Resource": "*" });
    policy["Statement"].as_array_mut().unwrap().push(no);
    Keys::of_user(&aws, "ann", &policy).enter(&mut env);
    let said = format!("lambda:PublishVersion on arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-dev-*");
    // It has no queue.
    let run = pair(&env).sf(&CHECK).exits(1).says(&["1 thing missing", &said]);
    assert!(!run.text().contains("sqs:"), "{run:?}");
    let own = aws.log().into_iter().filter(|entry| entry.caller != "test");
    assert_eq!(own.filter(|entry| entry.is_mutating()).count(), 0);
}

/// Whoever may not ask about rights can deploy all the same.
#[test]
fn rights_that_may_not_be_asked_about_are_no_failure() {
    let Some(aws) = Aws::start("rights_that_may_not_be_asked_about_are_no_failure", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let mut policy = everything();
    let no = json!({ "Effect": "Deny", "Action": "iam:SimulatePrincipalPolicy", "Resource": "*" });
    policy["Statement"].as_array_mut().unwrap().push(no);
    Keys::of_user(&aws, "ann", &policy).enter(&mut env);
    let said = "the rights could not be asked about";
    let _ = pair(&env).sf(&CHECK).ok().says(&["user/ann", said, "iam:SimulatePrincipalPolicy"]);
}
