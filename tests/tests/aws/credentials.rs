//! Where credentials, region and endpoint come from, as with AWS's own tools. Who the counterpart saw is what counts.

use serde_json::{Value as Json, json};
use sf_e2e::aws::{ACCOUNT, AT_ONCE, REGION};
use sf_e2e::{Answerer, Aws, Env, Issuer, Project};

use crate::support::pair;

/// Asks who one is: only where the provider is named.
pub(crate) const CHECK: [&str; 3] = ["check", "--provider", "aws"];

/// Keys that exist at the counterpart.
pub(crate) struct Keys {
    pub(crate) id: String,
    secret: String,
    token: Option<String>,
}

impl Keys {
    fn of(json: &Json) -> Self {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        Self {
            id: text("AccessKeyId").unwrap_or_else(|| panic!("no keys: {json}")),
            secret: text("SecretAccessKey").unwrap(),
            token: text("SessionToken"),
        }
    }

    /// A new user's, who may do this.
    pub(crate) fn of_user(aws: &Aws, name: &str, policy: &Json) -> Self {
        let policy = policy.to_string();
        Self::of(&aws.sdk(&format!(
            "[client('iam').create_user(UserName={name:?}), \
              client('iam').put_user_policy(UserName={name:?}, PolicyName='may', PolicyDocument={policy:?}), \
              client('iam').create_access_key(UserName={name:?})][-1]['AccessKey']"
        )))
    }

    /// Those of a session of a new role, which may do everything.
    fn of_session(aws: &Aws) -> Self {
        let Self { id, secret, .. } = Self::of_user(aws, "boss", &everything());
        let role = role(aws, "deployer", &json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:user/boss") }));
        Self::of(&aws.sdk(&format!(
            "client('sts', aws_access_key_id={id:?}, aws_secret_access_key={secret:?})\
             .assume_role(RoleArn={role:?}, RoleSessionName='test')['Credentials']"
        )))
    }

    /// As programs and metadata services give them, with that name for the token.
    fn document(&self, token: &str) -> Json {
        json!({ "Version": 1, "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2020-01-01T00:00:00Z",
                "AccessKeyId": self.id, "SecretAccessKey": self.secret, token: self.token,
                "Expiration": "2099-01-01T00:00:00Z" })
    }

    /// As a profile has them.
    pub(crate) fn lines(&self) -> String {
        let token = self.token.iter().map(|token| format!("aws_session_token = {token}\n"));
        format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", self.id, self.secret)
            + &token.collect::<String>()
    }

    /// As variables.
    pub(crate) fn enter(&self, env: &mut Env) {
        env.set("AWS_ACCESS_KEY_ID", self.id.clone());
        env.set("AWS_SECRET_ACCESS_KEY", self.secret.clone());
        env.set("AWS_SESSION_TOKEN", self.token.clone().unwrap_or_default());
    }
}

pub(crate) fn everything() -> Json {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] })
}

/// A role that may do everything, and who may assume it; its ARN.
fn role(aws: &Aws, name: &str, principal: &Json) -> String {
    let actions = json!(["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"]);
    let trust = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": principal, "Action": actions }] });
    let (trust, policy) = (trust.to_string(), everything().to_string());
    let made = aws.sdk(&format!(
        "[client('iam').create_role(RoleName={name:?}, AssumeRolePolicyDocument={trust:?}), \
          client('iam').put_role_policy(RoleName={name:?}, PolicyName='may', PolicyDocument={policy:?})][0]['Role']"
    ));
    made["Arn"].as_str().unwrap().to_owned()
}

/// A home without credentials, whose `sf` is led to the counterpart.
pub(crate) fn bare(aws: &Aws) -> Env {
    let mut env = Env::new();
    env.set("SF_PROVIDER", "aws");
    env.set("AWS_ENDPOINT_URL", aws.url.clone());
    env.set("AWS_REGION", REGION);
    env.set("AWS_EC2_METADATA_DISABLED", "true");
    env
}

/// Writes a file below `~/.aws`.
pub(crate) fn settings(env: &Env, file: &str, text: &str) {
    let path = env.dir().join("home/.aws").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Who asked the counterpart meanwhile, without those who only asked STS for other credentials.
#[track_caller]
fn callers(aws: &Aws, run: impl FnOnce()) -> Vec<String> {
    let before = aws.now();
    run();
    let log = aws.log_since(before).into_iter();
    let mut callers: Vec<_> = log
        // Whoever has a token only signs nothing.
        .filter(|entry| !entry.operation.starts_with("AssumeRole") && !entry.caller.is_empty())
        .map(|entry| {
            assert_ne!(entry.status, Some(403), "{}", entry.in_full());
            entry.caller
        })
        .collect();
    callers.dedup();
    callers
}

#[track_caller]
fn check(project: &Project<'_>, user: &str) {
    let _ = project.sf(&CHECK).ok().says(&[ACCOUNT, user]);
}

#[test]
fn keys_of_the_environment() {
    let Some(aws) = Aws::start("keys_of_the_environment", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let keys = Keys::of_user(&aws, "ann", &everything());
    keys.enter(&mut env);
    // They go before any profile.
    env.set("AWS_PROFILE", "other");
    settings(&env, "credentials", "[other]\naws_access_key_id = x\naws_secret_access_key = y\n");
    assert_eq!(callers(&aws, || check(&pair(&env), "user/ann")), [keys.id]);
}

#[test]
fn keys_of_a_profile() {
    let Some(aws) = Aws::start("keys_of_a_profile", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let (ann, ben) = (Keys::of_user(&aws, "ann", &everything()), Keys::of_user(&aws, "ben", &everything()));
    settings(&env, "credentials", &format!("[default]\n{}\n[ben]\n{}", ann.lines(), ben.lines()));
    assert_eq!(callers(&aws, || check(&pair(&env), "user/ann")), [ann.id.as_str()]);
    env.set("AWS_PROFILE", "ben");
    assert_eq!(callers(&aws, || check(&pair(&env), "user/ben")), [ben.id]);
    // The manifest goes before the variable, and that is said.
    let project = pair(&env);
    project.edit("sf.toml", "[functions.one]", "[providers.aws]\nprofile = \"default\"\n\n[functions.one]");
    let asked = callers(&aws, || {
        let _ = project.sf(&CHECK).ok().says(&["user/ann", "`ben` of AWS_PROFILE"]);
    });
    assert_eq!(asked, [ann.id]);
}

/// A whole deploy asks STS once.
#[test]
fn a_role_is_assumed_once() {
    let Some(aws) = Aws::start("a_role_is_assumed_once", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let ann = Keys::of_user(&aws, "ann", &everything());
    let role = role(&aws, "deployer", &json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:user/ann") }));
    settings(
        &env,
        "config",
        &format!(
            "[profile base]\n{}\n[profile deploy]\nrole_arn = {role}\nsource_profile = base\nrole_session_name = me\n",
            ann.lines()
        ),
    );
    env.set("AWS_PROFILE", "deploy");
    let project = pair(&env);
    let before = aws.now();
    let asked = callers(&aws, || drop(project.deploy()));
    assert!(matches!(&asked[..], [session] if session.starts_with("ASIA")), "{asked:?}");
    let assumed: Vec<_> =
        aws.log_since(before).into_iter().filter(|entry| entry.operation == "AssumeRole").collect();
    assert_eq!(assumed.iter().map(|entry| entry.caller.as_str()).collect::<Vec<_>>(), [ann.id.as_str()]);
    let _ = callers(&aws, || check(&project, "assumed-role/deployer/me"));
    assert_eq!(project.get("/one").text(), "one");
}

/// As in CI: a token of the runner's issuer, and no key anywhere.
#[test]
fn a_web_identity() {
    let Some(aws) = Aws::start("a_web_identity", AT_ONCE) else { return };
    let (mut env, issuer) = (bare(&aws), Issuer::start());
    let host = issuer.url.split_once("://").unwrap().1;
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}");
    let role = role(&aws, "ci", &json!({ "Federated": provider }));
    let token = env.dir().join("token");
    std::fs::write(&token, issuer.token("sts.amazonaws.com", &json!({ "sub": "repo:shop/shop" }))).unwrap();
    env.set("AWS_ROLE_ARN", role);
    env.set("AWS_ROLE_SESSION_NAME", "run-7");
    env.set("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    let asked = callers(&aws, || check(&pair(&env), "assumed-role/ci/run-7"));
    assert!(matches!(&asked[..], [session] if session.starts_with("ASIA")), "{asked:?}");
}

#[test]
fn a_program_that_gives_credentials() {
    let Some(aws) = Aws::start("a_program_that_gives_credentials", AT_ONCE) else { return };
    let (env, keys) = (bare(&aws), Keys::of_session(&aws));
    let document = env.dir().join("keys.json");
    std::fs::write(&document, keys.document("SessionToken").to_string()).unwrap();
    settings(&env, "config", &format!("[default]\ncredential_process = cat {}\n", document.display()));
    assert_eq!(callers(&aws, || check(&pair(&env), "assumed-role/deployer")), [keys.id]);
}

#[test]
fn the_role_of_an_instance() {
    let Some(aws) = Aws::start("the_role_of_an_instance", AT_ONCE) else { return };
    let (mut env, keys) = (bare(&aws), Keys::of_session(&aws));
    let document = keys.document("Token").to_string();
    let metadata = Answerer::start(move |asked| {
        let is_known = asked.header("x-aws-ec2-metadata-token") == Some("the-token");
        Some(match (asked.method.as_str(), asked.path.trim_end_matches('/')) {
            ("PUT", "/latest/api/token") => (200, "the-token".to_owned()),
            ("GET", _) if !is_known => (401, String::new()),
            ("GET", "/latest/meta-data/placement/region") => (200, REGION.to_owned()),
            ("GET", "/latest/meta-data/iam/security-credentials") => (200, "deployer".to_owned()),
            ("GET", "/latest/meta-data/iam/security-credentials/deployer") => (200, document.clone()),
            _ => (404, String::new()),
        })
    });
    env.set("AWS_EC2_METADATA_DISABLED", "false");
    env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url.clone());
    // Its region is the instance's, too.
    env.unset("AWS_REGION");
    assert_eq!(callers(&aws, || check(&pair(&env), "assumed-role/deployer")), [keys.id]);
}

#[test]
fn the_role_of_a_container() {
    let Some(aws) = Aws::start("the_role_of_a_container", AT_ONCE) else { return };
    let (mut env, keys) = (bare(&aws), Keys::of_session(&aws));
    let document = keys.document("Token").to_string();
    let agent = Answerer::start(move |asked| {
        let is_known = asked.header("authorization") == Some("the-token") && asked.path == "/keys";
        Some(if is_known { (200, document.clone()) } else { (403, String::new()) })
    });
    env.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/keys", agent.url));
    env.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-token");
    assert_eq!(callers(&aws, || check(&pair(&env), "assumed-role/deployer")), [keys.id]);
}

/// After `aws sso login`: a token in a file, and a portal that gives keys for it.
#[test]
fn a_single_sign_on() {
    let Some(aws) = Aws::start("a_single_sign_on", AT_ONCE) else { return };
    let (mut env, keys) = (bare(&aws), Keys::of_session(&aws));
    let given = json!({ "roleCredentials": { "accessKeyId": keys.id, "secretAccessKey": keys.secret,
        "sessionToken": keys.token, "expiration": 4_070_908_800_000_u64 } });
    let portal = Answerer::start(move |asked| {
        let is_known = asked.header("x-amz-sso_bearer_token") == Some("the-token");
        let is_ours = asked.path.starts_with("/federation/credentials?")
            && asked.path.contains("role_name=deployer")
            && asked.path.contains(&format!("account_id={ACCOUNT}"));
        Some(if is_known && is_ours { (200, given.to_string()) } else { (401, "{}".to_owned()) })
    });
    settings(
        &env,
        "config",
        &format!(
            "[default]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = deployer\n\n\
             [sso-session corp]\nsso_region = {REGION}\nsso_start_url = https://corp.example/start\n"
        ),
    );
    let token = json!({ "accessToken": "the-token", "expiresAt": "2099-01-01T00:00:00Z",
        "region": REGION, "startUrl": "https://corp.example/start" });
    // The name is the SHA-1 of `corp`.
    let file = "sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    settings(&env, file, &token.to_string());
    env.set("AWS_ENDPOINT_URL_SSO", portal.url.clone());
    assert_eq!(callers(&aws, || check(&pair(&env), "assumed-role/deployer")), [keys.id]);
    // It has ended.
    let ended = json!({ "accessToken": "the-token", "expiresAt": "2020-01-01T00:00:00Z" });
    settings(&env, file, &ended.to_string());
    let _ = pair(&env).sf(&CHECK).exits(1).says(&["connect to AWS", "aws sso login"]);
}

/// Manifest, variable, profile: in this order.
#[test]
fn the_region() {
    let Some(aws) = Aws::start("the_region", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let keys = Keys::of_user(&aws, "ann", &everything());
    settings(&env, "config", &format!("[default]\nregion = eu-north-1\n{}", keys.lines()));
    env.unset("AWS_REGION");
    let identity = |project: &Project<'_>| {
        project.sf(&["check", "--provider", "aws", "--json"]).ok().json()["identity"].clone()
    };
    assert_eq!(identity(&pair(&env))["location"], "eu-north-1");
    env.set("AWS_REGION", "eu-west-3");
    assert_eq!(identity(&pair(&env))["location"], "eu-west-3");
    let project = pair(&env);
    project.edit("sf.toml", "[functions.one]", "[providers.aws]\nregion = \"us-west-2\"\n\n[functions.one]");
    let found = identity(&project);
    assert_eq!(found["location"], "us-west-2");
    assert!(found["notes"][0].as_str().unwrap().contains("`eu-west-3` of AWS_REGION"), "{found}");
}

/// For all services or one, by variable or by profile.
#[test]
fn the_endpoint() {
    let Some(aws) = Aws::start("the_endpoint", AT_ONCE) else { return };
    let mut env = bare(&aws);
    let keys = Keys::of_user(&aws, "ann", &everything());
    keys.enter(&mut env);
    // Nobody answers there but for Lambda, and that one alone is asked there.
    let lambda =
        Answerer::start(|_| Some((400, "{\"Type\":\"User\",\"message\":\"no lambda here\"}".to_owned())));
    env.set("AWS_ENDPOINT_URL_LAMBDA", lambda.url.clone());
    let _ = pair(&env).sf(&["deploy", "--yes"]).exits(1).says(&["no lambda here"]);
    assert!(aws.log().iter().all(|entry| entry.service != "lambda"));
    env.unset("AWS_ENDPOINT_URL_LAMBDA");
    env.unset("AWS_ENDPOINT_URL");
    let profile = format!(
        "[default]\nendpoint_url = {}\nservices = mine\n\n[services mine]\nlambda =\n  endpoint_url = {}\n",
        aws.url, lambda.url
    );
    settings(&env, "config", &profile);
    check(&pair(&env), "user/ann");
    let _ = pair(&env).sf(&["deploy", "--yes"]).exits(1).says(&["no lambda here"]);
    assert!(aws.log().iter().all(|entry| entry.service != "lambda"));
    settings(&env, "config", "");
    let project = pair(&env);
    let lines = format!("[providers.aws]\nendpoint = \"{}\"\n\n[functions.one]", aws.url);
    project.edit("sf.toml", "[functions.one]", &lines);
    check(&project, "user/ann");
}

/// By TLS, with an authority of one's own: as behind a proxy that looks into it.
#[test]
fn an_endpoint_behind_tls() {
    let Some(aws) = Aws::start("an_endpoint_behind_tls", AT_ONCE) else { return };
    let mut env = aws.env();
    env.set("AWS_ENDPOINT_URL", aws.behind_tls());
    let project = pair(&env);
    env_refuses(&project);
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let mut env = aws.env();
        env.set("AWS_ENDPOINT_URL", aws.behind_tls());
        env.set(name, Issuer::certificate());
        let _ = pair(&env).sf(&CHECK).ok().says(&[ACCOUNT]);
    }
    let mut env = aws.env();
    env.set("AWS_CA_BUNDLE", env.dir().join("nothing.pem"));
    let _ = pair(&env).sf(&CHECK).exits(1).says(&["AWS_CA_BUNDLE", "nothing.pem", "PEM"]);
}

#[track_caller]
fn env_refuses(project: &Project<'_>) {
    let _ = project.sf(&CHECK).exits(1).says(&["Unreachable", "certificate"]);
}
