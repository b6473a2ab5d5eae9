//! Built code for functions of tests, and what a function needs to be there before it.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use sf_plan::{Digest, Object};
use sf_provider::{ArtifactSource, Cx};
use tempfile::TempDir;

use super::Thing;
use crate::oracle::Aws;

/// A function's role, as the role's output will be.
pub(super) const ROLE: &str = "arn:{aws:partition}:iam::{aws:account}:role/sf/shop/dev/shop-dev-hello";
/// Its alias.
pub(super) const ALIAS: &str =
    "arn:{aws:partition}:lambda:{aws:region}:{aws:account}:function:shop-dev-hello:live";
/// Where its code is kept.
pub(super) const BUCKET: &str = "shop-dev-sf-artifacts-{aws:suffix}";

/// Zips by their digests.
pub(super) struct Zips(TempDir);

impl ArtifactSource for Zips {
    fn path(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.file(&digest.0)).filter(|file| file.exists())
    }
}

impl Zips {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(TempDir::new().unwrap()))
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.0.path().join(format!("{digest}.zip"))
    }

    /// A zip of one module. Equal code is equal bytes.
    pub(super) fn put(&self, digest: &str, code: &str) {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(self.file(digest)).unwrap());
        let options = zip::write::SimpleFileOptions::default()
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        zip.start_file("index.mjs", options).unwrap();
        zip.write_all(code.as_bytes()).unwrap();
        zip.finish().unwrap();
    }

    /// As if it had been built on another machine.
    pub(super) fn forget(&self, digest: &str) {
        std::fs::remove_file(self.file(digest)).unwrap();
    }
}

/// An AWS with code `1` to deploy, and what functions need: the bucket, a role and a log group.
pub(super) async fn ready(aws: &mut Aws) -> Arc<Zips> {
    let zips = Zips::new();
    zips.put("d1", "export const handler = async (event) => ({ code: 1, event });");
    aws.cx = Cx::new(aws.cx.scope.clone(), zips.clone());
    aws.make(&Thing::new("artifacts", "artifacts", json!({ "Bucket": BUCKET }))).await;
    aws.make(&log_group()).await;
    aws.make(&role(&["logs:PutLogEvents"])).await;
    zips
}

/// `ready`, with the function and its alias.
pub(super) async fn deployed(aws: &mut Aws) -> (Arc<Zips>, Object, Object) {
    let zips = ready(aws).await;
    let function = aws.make(&function(&json!({}))).await;
    let alias = aws.make(&alias("1", &json!({}))).await;
    (zips, function, alias)
}

pub(super) fn log_group() -> Thing {
    let inputs = json!({ "LogGroupName": "/aws/lambda/shop-dev-hello", "RetentionInDays": 14 });
    Thing::new("log-group", "hello", inputs)
}

pub(super) fn role(actions: &[&str]) -> Thing {
    let group = "arn:{aws:partition}:logs:{aws:region}:{aws:account}:log-group:/aws/lambda/shop-dev-hello:*";
    let queue = "arn:{aws:partition}:sqs:{aws:region}:{aws:account}:shop-dev-hello-failed";
    let inputs = json!({
        "RoleName": "shop-dev-hello",
        "Path": "/sf/shop/dev/",
        "Service": "lambda.amazonaws.com",
        "Statement": [
            { "Effect": "Allow", "Action": actions, "Resource": [group] },
            { "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [queue] },
        ],
    });
    Thing::new("role", "hello", inputs)
}

/// The function, with what differs.
pub(super) fn function(differing: &Json) -> Thing {
    let inputs = json!({
        "FunctionName": "shop-dev-hello",
        "Code": { "$artifact": "d1" },
        "Artifacts": BUCKET,
        "Role": ROLE,
        "Handler": "index.handler",
        "Runtime": "nodejs22.x",
        "MemorySize": 256,
        "Timeout": 10,
        "Architectures": ["arm64"],
        "Environment": { "GREETING": "hello" },
        "LogGroup": "/aws/lambda/shop-dev-hello",
    });
    Thing::new("function", "hello", with(inputs, differing))
}

pub(super) fn alias(version: &str, differing: &Json) -> Thing {
    let inputs = json!({ "FunctionName": "shop-dev-hello", "Name": "live", "FunctionVersion": version });
    Thing::new("alias", "hello", with(inputs, differing))
}

fn with(mut inputs: Json, differing: &Json) -> Json {
    for (name, value) in differing.as_object().unwrap() {
        inputs[name] = value.clone();
    }
    inputs
}
