//! Azure's Blob Storage on this machine: Azurite, which is Microsoft's own, as npm has it. Made on first use below `target/`, kept for the next run.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

use crate::env::Env;
use crate::http;
use crate::python::output;
use crate::skip::target;

/// Pinned, so that a new release fails when somebody looks, not when nobody changed anything.
const PACKAGE: &str = "azurite@3.35.0";

/// The account and the key that every Azurite has.
/// <https://learn.microsoft.com/en-us/azure/storage/common/storage-connect-azurite>
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The requests' version of the protocol.
const VERSION: &str = "2021-12-02";

/// A running one; it ends when it is dropped, and with the test's process.
pub struct Azurite {
    url: String,
    process: Child,
}

impl Azurite {
    /// Starts one that keeps everything in memory.
    ///
    /// # Errors
    /// There is no Node.js, or the package is not to be had: the reason, for [`crate::skipped`].
    ///
    /// # Panics
    /// If it is there and does not start.
    pub fn start() -> Result<Self, String> {
        let main = installed()?.join("node_modules/azurite/dist/src/blob/main.js");
        let leash = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/azurite/leash.cjs");
        let mut command = Command::new("node");
        command.arg("--require").arg(leash).arg(main).args(["--blobHost", "127.0.0.1", "--blobPort", "0"]);
        // `--skipApiVersionCheck`: clients are newer than it is.
        command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = piped.spawn().expect("Node.js starts");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut said = lines.filter_map(|line| line.split_once("listens on ").map(|(_, url)| url.to_owned()));
        let url = said.next().expect("Azurite says where it listens");
        Ok(Self { url: format!("{}/{ACCOUNT}", url.trim()), process })
    }

    /// Lets the `sf` of a home keep states in it: `az://devstoreaccount1/CONTAINER`.
    pub fn enter(&self, env: &mut Env) {
        env.set("SF_AZURE_ENDPOINT", self.url.clone());
        env.set("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned());
    }

    /// Makes a container.
    /// <https://learn.microsoft.com/en-us/rest/api/storageservices/authorize-with-shared-key>
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn make_container(&self, name: &str) {
        // What time it is, it says itself, in the format that it wants.
        let anybody = http::get(&self.url);
        let date = anybody.header("date").expect("an answer has a date");
        let headers = format!("x-ms-date:{date}\nx-ms-version:{VERSION}");
        let text = format!("PUT{}{headers}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container", "\n".repeat(12));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(KEY).expect("base64"));
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let authorization = format!("SharedKey {ACCOUNT}:{signature}");
        let headers =
            [("x-ms-date", date), ("x-ms-version", VERSION), ("authorization", authorization.as_str())];
        let url = format!("{}/{name}?restype=container", self.url);
        let answer = http::send("PUT", &url, &headers, b"").expect("Azurite answers");
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The folder with the package. The first test that wants it makes it, others wait.
fn installed() -> Result<PathBuf, String> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let dir = target().join("test-node").join(PACKAGE);
    std::fs::create_dir_all(&dir).expect("a folder for packages");
    let lock = File::create(dir.with_extension("lock")).expect("a file to lock");
    lock.lock().expect("a lock");
    let done = dir.join("done");
    if !done.exists() {
        let mut install = Command::new(npm);
        install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        output(install.arg(&dir).arg(PACKAGE))?;
        File::create(done).expect("a file that says so");
    }
    Ok(dir)
}
