//! What is wrong with credentials, said at once and in words that help.

use std::time::{Duration, Instant};

use serde_json::json;
use sf_e2e::aws::AT_ONCE;
use sf_e2e::{Answerer, Aws, Env};

use crate::credentials::{CHECK, Keys, bare, everything, settings};
use crate::support::pair;

/// What a run may take with everything that it waits for, on a slow machine.
const SOON: Duration = Duration::from_secs(20);

#[track_caller]
fn fails(env: &Env, says: &[&str]) {
    let begin = Instant::now();
    let run = pair(env).sf(&CHECK).exits(1).says(says).says(&["hint: "]);
    assert!(begin.elapsed() < SOON, "{:?}: {run:?}", begin.elapsed());
}

/// Without a network that is AWS's: a metadata service that never answers is what an instance of others looks like.
#[test]
fn nobody() {
    let Some(aws) = Aws::start("nobody", AT_ONCE) else { return };
    let mut env = bare(&aws);
    fails(&env, &["connect to AWS: no credentials", "AWS_ACCESS_KEY_ID", "aws sso login", "OIDC"]);
    let silent = Answerer::start(|_| None);
    env.set("AWS_EC2_METADATA_DISABLED", "false");
    env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url.clone());
    fails(&env, &["connect to AWS: no credentials"]);
    // The service is asked for the region as well.
    env.unset("AWS_REGION");
    fails(&env, &["connect to AWS: no region is set", "AWS_REGION", "[providers.aws]"]);
    assert!(aws.log().is_empty(), "{:?}", aws.log());
}

#[test]
fn a_profile_that_does_not_exist() {
    let Some(aws) = Aws::start("a_profile_that_does_not_exist", AT_ONCE) else { return };
    let mut env = bare(&aws);
    settings(&env, "config", "[profile other]\nregion = eu-west-1\n");
    env.set("AWS_PROFILE", "shpo");
    fails(&env, &["connect to AWS: ", "`shpo`", "AWS_PROFILE", "~/.aws/config"]);
    env.unset("AWS_REGION");
    fails(&env, &["connect to AWS: ", "`shpo`"]);
    // It names another that is not there.
    settings(
        &env,
        "config",
        "[profile shpo]\nrole_arn = arn:aws:iam::000000000000:role/x\nsource_profile = base\n",
    );
    env.set("AWS_REGION", "eu-west-1");
    fails(&env, &["connect to AWS: ", "`base`"]);
}

#[test]
fn a_role_that_may_not_be_assumed() {
    let Some(aws) = Aws::start("a_role_that_may_not_be_assumed", AT_ONCE) else { return };
    let env = bare(&aws);
    let ann = Keys::of_user(&aws, "ann", &everything());
    let role = "role_arn = arn:aws:iam::000000000000:role/nobodys\nsource_profile = base\n";
    settings(&env, "config", &format!("[profile base]\n{}\n[default]\n{role}", ann.lines()));
    fails(
        &env,
        &[
            "connect to AWS: no credentials",
            "AccessDenied",
            "not authorized to perform: sts:AssumeRole",
            "trust policy",
        ],
    );
}

#[test]
fn keys_that_aws_does_not_know() {
    let Some(aws) = Aws::start("keys_that_aws_does_not_know", AT_ONCE) else { return };
    let mut env = bare(&aws);
    Keys::of_user(&aws, "ann", &everything()).enter(&mut env);
    env.set("AWS_SECRET_ACCESS_KEY", "another");
    fails(&env, &["ask AWS whose credentials these are: SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"]);
    env.set("AWS_ACCESS_KEY_ID", "AKIANOBODYSKEY00000");
    fails(&env, &["ask AWS whose credentials these are: InvalidClientTokenId", "access key"]);
}

/// What AWS refuses that no counterpart can bring about.
#[test]
fn keys_that_have_expired_and_clocks_that_are_wrong() {
    let Some(aws) = Aws::start("keys_that_have_expired_and_clocks_that_are_wrong", AT_ONCE) else { return };
    let env = aws.env();
    let cases = [
        ("ExpiredToken", "The security token included in the request is expired", "log in again"),
        ("SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than …", "clock"),
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            "clock",
        ),
    ];
    for (code, message, hint) in cases {
        aws.clear_faults();
        aws.fault(&json!({ "service": "sts", "operation": "GetCallerIdentity",
            "action": { "type": "error", "code": code, "status": 403, "message": message } }));
        fails(&env, &["ask AWS whose credentials these are: ", code, hint]);
    }
}

/// A port at which nobody listens: said after three attempts, not after those that a deploy makes.
#[test]
fn nobody_answers() {
    let mut env = Env::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    env.set("SF_PROVIDER", "aws");
    env.set("AWS_ENDPOINT_URL", format!("http://{gone}"));
    for (name, value) in
        [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")]
    {
        env.set(name, value);
    }
    fails(&env, &["ask AWS whose credentials these are: Unreachable", "refused", "AWS_ENDPOINT_URL"]);
}
