//! Buckets as S3 clients see them: the AWS CLI and boto3 as users install them, and links.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value as Json;
use sf_e2e::{Env, Host, Python, Run, Running, http, run, skipped};

use crate::shared_state::machines_share;

/// Pinned, so that a new release of theirs fails when somebody looks, not when nobody changed anything. `crt`: checksums that plain Python does not compute.
const CLIENTS: [&str; 2] = ["awscli==1.46.3", "boto3[crt]==1.44.8"];

/// A host with two buckets, and what opens them.
struct Buckets {
    env: Env,
    access: Json,
}

impl Buckets {
    fn new() -> Self {
        let env = Env::new();
        let _ = env.run(env.dir(), &["host", "start"]).ok();
        let host = env.host();
        for name in ["raw", "more-files"] {
            put_bucket(&host, name);
        }
        let access = host.call("GET", "/v1/s3", "").json();
        Self { env, access }
    }

    fn url(&self) -> &str {
        self.access["url"].as_str().expect("a URL")
    }

    /// A program of an environment, in the test's folder, with the credentials of the host and nobody else's.
    fn command(&self, python: &Python, program: &str) -> Command {
        let mut command = python.command(program);
        let value = |name: &str| self.access[name].as_str().expect("a text").to_owned();
        command.current_dir(self.env.dir()).env("HOME", self.env.dir().join("home"));
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env_remove(name);
        }
        command.env("AWS_ENDPOINT_URL_S3", self.url()).env("AWS_REGION", value("region"));
        command.env("AWS_DEFAULT_REGION", value("region"));
        command.env("AWS_ACCESS_KEY_ID", value("access_key"));
        command.env("AWS_SECRET_ACCESS_KEY", value("secret_key"));
        command.env("NO_PROXY", "127.0.0.1").env("PYTHONUTF8", "1");
        command
    }

    fn aws(&self, python: &Python, args: &[&str]) -> Run {
        run(self.command(python, "aws").args(args))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.env.dir().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of one's own");
        std::fs::write(&path, bytes).expect("a file of one's own");
        path
    }
}

fn put_bucket(host: &Host, name: &str) {
    let put = host.call("PUT", &format!("/v1/apps/shop/dev/resources/bucket/{name}"), r#"{"spec": {}}"#);
    assert_eq!(put.status, 200, "{}", put.text());
}

/// Bytes of which no two stretches are alike.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(size).collect()
}

#[test]
fn the_aws_cli_works_with_buckets() {
    let python = match Python::with(&CLIENTS) {
        Ok(python) => python,
        Err(reason) => return skipped("the_aws_cli_works_with_buckets", &reason),
    };
    let buckets = Buckets::new();
    let aws = |args: &[&str]| buckets.aws(&python, args);
    let _ = aws(&["s3", "ls"]).ok().says(&["shop-dev-raw", "shop-dev-more-files"]);

    let small = buckets.file("small.txt", b"hello\n");
    let _ = aws(&["s3", "cp", path(&small), "s3://shop-dev-raw/folder/small.txt"]).ok();
    let _ = aws(&["s3", "ls", "s3://shop-dev-raw/folder/"]).ok().says(&["6 small.txt"]);
    assert_eq!(aws(&["s3", "cp", "s3://shop-dev-raw/folder/small.txt", "-"]).ok().stdout, "hello\n");
    let odd = "s3://shop-dev-raw/a/../ü b+c&.txt";
    let _ = aws(&["s3", "cp", path(&small), odd]).ok();
    let _ = aws(&["s3", "ls", "s3://shop-dev-raw/a/"]).ok().says(&["PRE ../"]);
    assert_eq!(aws(&["s3", "cp", odd, "-"]).ok().stdout, "hello\n");

    // Above 8 MB the client uploads, copies and downloads in parts.
    let large = buckets.file("large", &noise(20_000_000));
    let back = buckets.env.dir().join("back");
    let _ = aws(&["s3", "cp", "--no-progress", path(&large), "s3://shop-dev-raw/large"]).ok();
    let _ =
        aws(&["s3", "mv", "--no-progress", "s3://shop-dev-raw/large", "s3://shop-dev-more-files/large"]).ok();
    let _ = aws(&["s3", "ls", "s3://shop-dev-raw/large"]).exits(1);
    let _ = aws(&["s3", "cp", "--no-progress", "s3://shop-dev-more-files/large", path(&back)]).ok();
    assert!(std::fs::read(&large).unwrap() == std::fs::read(&back).unwrap(), "20 MB come back as they went");

    let _ = buckets.file("tree/one", b"1");
    let _ = buckets.file("tree/deep/two", b"2");
    let sync = ["s3", "sync", "--delete", "tree", "s3://shop-dev-raw/tree"];
    let _ = aws(&sync).ok().says(&["tree/one", "tree/deep/two"]);
    assert_eq!(aws(&sync).ok().stdout, "", "nothing is uploaded twice");
    std::fs::remove_file(buckets.env.dir().join("tree/one")).unwrap();
    let _ = aws(&sync).ok().says(&["delete: s3://shop-dev-raw/tree/one"]);
    let _ = aws(&["s3", "rm", "--recursive", "s3://shop-dev-raw/tree"]).ok();
    let _ = aws(&["s3", "ls", "s3://shop-dev-raw/tree/"]).exits(1);

    let refused =
        run(buckets.command(&python, "aws").args(["s3", "ls"]).env("AWS_SECRET_ACCESS_KEY", "wrong"));
    assert!(refused.code != Some(0));
    let _ = refused.says(&["SignatureDoesNotMatch"]);
    let _ = aws(&["s3", "mb", "s3://by-hand"]).exits(1).says(&["AccessDenied", "sf deploy"]);
}

#[test]
fn boto3_works_with_buckets() {
    let python = match Python::with(&CLIENTS) {
        Ok(python) => python,
        Err(reason) => return skipped("boto3_works_with_buckets", &reason),
    };
    let buckets = Buckets::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/s3/client.py");
    let mut command = buckets.command(&python, "python");
    command.arg(script).args(["shop-dev-raw", "shop-dev-more-files"]);
    // Some 6,000 requests, half of them synced to the disk.
    let _ = Running::start(&mut command).wait_within(Duration::from_secs(300)).ok();
}

#[test]
fn links_outlive_the_host_but_not_their_time() {
    let python = match Python::with(&CLIENTS) {
        Ok(python) => python,
        Err(reason) => return skipped("links_outlive_the_host_but_not_their_time", &reason),
    };
    let buckets = Buckets::new();
    let object = buckets.file("object", b"kept");
    let _ = buckets.aws(&python, &["s3", "cp", path(&object), "s3://shop-dev-raw/object"]).ok();
    let presign = |seconds: &str| {
        let args = ["s3", "presign", "s3://shop-dev-raw/object", "--expires-in", seconds];
        buckets.aws(&python, &args).ok().stdout.trim().to_owned()
    };
    let (long, short) = (presign("600"), presign("1"));
    let _ = buckets.env.run(buckets.env.dir(), &["host", "stop"]).ok();
    let _ = buckets.env.run(buckets.env.dir(), &["host", "start"]).ok();
    let kept = http::send("GET", &long, &[], b"").unwrap();
    assert_eq!((kept.status, kept.text().as_str()), (200, "kept"));
    assert_eq!(kept.header("access-control-allow-origin"), Some("*"));
    let expired = sf_e2e::eventually("the link expires", || {
        let answer = http::send("GET", &short, &[], b"").unwrap();
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(expired.status, 403);
    assert!(expired.text().contains("Request has expired"), "{}", expired.text());
    let _ = buckets.env.run(buckets.env.dir(), &["host", "status"]).ok().says(&[buckets.url()]);
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Two machines keep one state in a bucket of a third one's host.
#[test]
fn a_bucket_holds_the_state_of_other_machines() {
    let buckets = Buckets::new();
    let value = |name: &str| buckets.access[name].as_str().expect("a text").to_owned();
    let (url, region) = (buckets.url(), value("region"));
    let mut machine = Env::new();
    machine.set("AWS_ACCESS_KEY_ID", value("access_key"));
    machine.set("AWS_SECRET_ACCESS_KEY", value("secret_key"));
    machines_share(&machine, &format!("s3://shop-dev-raw/states?endpoint={url}&region={region}"));
}
