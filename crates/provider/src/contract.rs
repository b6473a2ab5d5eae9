//! The traits that a backend implements.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_model::{App, Diagnostic, Function};
use sf_plan::{Call, Desired, Digest, Failure, Intent, Json, Object, ObjectKey, Outcome, Schemas};
use tokio::sync::mpsc;

use crate::context::Cx;
use crate::data::{Items, Messages, Objects, Secrets};

/// The built code of each function, by the function's name.
pub type Artifacts = BTreeMap<String, BuiltArtifact>;

/// One function's built code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltArtifact {
    /// The content digest that names it everywhere.
    pub digest: Digest,
    /// Bytes of the zip.
    pub size: u64,
    /// The file that the runtime loads or runs, in the artifact.
    pub entry: String,
}

/// What a Python function runs on. The system is Linux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonTarget {
    /// `3.13`
    pub version: String,
    /// As wheels call it: `aarch64`, `x86_64`.
    pub architecture: String,
    /// The newest glibc that a wheel may want: `2_28`.
    pub glibc: String,
}

/// A file that a provider needs beside a function's code: what turns its calling convention into the function's interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KitFile {
    /// In the artifact: parts with `/` between them.
    pub path: String,
    /// What is in it.
    pub bytes: Cow<'static, [u8]>,
    /// Whether it is a program.
    pub executable: bool,
}

/// The pure half of a backend, and its registration.
pub trait Backend: Send + Sync {
    /// The name after `--provider` and in `[providers.…]`.
    fn name(&self) -> &'static str;

    /// What this provider cannot do of this App, each with its span, the feature, and the nearest thing that works.
    /// Runs before anything is built. Warnings are allowed (a setting without effect here).
    fn check(&self, app: &App) -> Vec<Diagnostic>;

    /// What a function's artifact holds here besides its code and the kit that every provider's artifacts have; part of the artifact's
    /// digest. Called only if `check` had no error.
    fn kit(&self, app: &App, function: &Function) -> Vec<KitFile> {
        let _ = (app, function);
        Vec::new()
    }

    /// What a Python function runs on here, which its compiled packages must fit; `None`: a machine like the one that builds.
    fn python(&self, app: &App, function: &Function) -> Option<PythonTarget> {
        let _ = (app, function);
        None
    }

    /// The objects that make up the App. Pure: equal inputs give equal outputs. Called only if `check` had no error.
    fn compile(&self, app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>>;

    /// What whoever deploys the App must be allowed to do, sorted. Pure, and known without artifacts. Called only if `check` had no error.
    /// Nothing where a provider knows no such thing.
    fn rights(&self, app: &App) -> Vec<Right> {
        let _ = app;
        Vec::new()
    }

    /// What the planner asks of its kinds.
    fn schemas(&self) -> &dyn Schemas;
}

/// The effects of a backend. Each call is safe to repeat: it may have taken effect though its answer was lost.
#[async_trait]
pub trait Driver: Send + Sync {
    /// How many calls of one run may be under way at once. Where most of a call is waiting for the provider, more make a deploy shorter; the
    /// provider's limits are kept by the driver itself.
    fn concurrency(&self) -> usize {
        16
    }

    /// For how long at most this provider may answer a question as if a call had not been made, or make it after its caller died. What became
    /// of a call whose end is not recorded is asked only after that.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    /// The object as it is now, or `None` if it is gone.
    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure>;

    /// Which of the provider's places calls go to, in words: `account 123456789012, eu-west-1`. It is recorded, so that a record is never taken
    /// for another place's. `None`: there is one place only.
    async fn place(&self, cx: &Cx) -> Result<Option<String>, Failure> {
        let _ = cx;
        Ok(None)
    }

    /// Makes one call of a plan.
    async fn call(&self, cx: &Cx, call: &Call) -> Outcome;

    /// What became of a create or an update whose end was never recorded: the object, found by its deterministic name and ownership
    /// tag, or `None` if it does not exist.
    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure>;

    /// Everything that this scope owns, found by tags, for when the state was lost. What each object uses belongs to it, and what a change that
    /// was made by half began to use: users are deleted before what they use.
    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure>;

    /// Whether the provider still has the code of an earlier release, so that a rollback needs no build. A driver whose calls take code from
    /// [`Cx::artifacts`] also writes the zip to the file `to`, which does not exist yet; one whose calls only name it need not.
    async fn artifact(&self, cx: &Cx, digest: &Digest, to: &Path) -> Result<bool, Failure> {
        let _ = (cx, digest, to);
        Ok(false)
    }
}

/// One invocation from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The function.
    pub function: String,
    /// What it is given.
    pub payload: Json,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvokeResult {
    /// Whether the function returned (rather than threw, crashed or timed out).
    pub ok: bool,
    /// What it returned, or the error.
    pub payload: Json,
    /// The lines it logged meanwhile.
    pub logs: Vec<LogLine>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// Which log lines to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Only this function's; all if `None`.
    pub function: Option<String>,
    /// Only since then: milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// At most so many of the newest.
    pub tail: Option<usize>,
    /// Go on with new ones as they come.
    pub follow: bool,
}

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Whose.
    pub function: String,
    /// `stdout`, `stderr` or `system` (the platform's own words: a crash, a time-out).
    pub stream: String,
    /// The line, without its end.
    pub message: String,
}

/// Log lines as they come; closed at the end, or never when following.
pub type LogStream = mpsc::Receiver<Result<LogLine, Failure>>;

/// A URL at which something of the App answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `api`, `socket` or `function`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where it answers.
    pub url: String,
}

/// What is deployed, as the provider says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Where it answers.
    pub endpoints: Vec<Endpoint>,
    /// The functions' names.
    pub functions: Vec<String>,
    /// Routes, as `METHOD /path -> function`.
    pub routes: Vec<String>,
    /// Schedules, as `expression -> function`.
    pub schedules: Vec<String>,
    /// What else calls functions, as `topic projects -> function`.
    #[serde(default)]
    pub events: Vec<String>,
    /// Versions that take over in steps, one sentence each: `10 % of calls go to the new version of hello`.
    #[serde(default)]
    pub rollouts: Vec<String>,
    /// The release that answers now.
    pub release: Option<String>,
    /// What does not work as deployed, one sentence each: a port that another program took, a worker that cannot start.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// Who is connected to what, as the provider sees it; absent where a provider has no such notion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What pays and owns: an AWS account, a Google project, an Azure subscription.
    pub account: Option<String>,
    /// Who is signed in: an ARN, a mail address.
    pub user: Option<String>,
    /// Where things are put: a region, a folder.
    pub location: Option<String>,
    /// Where the provider was asked, if that is to be said: always on one's own host, on a cloud only where it was overridden.
    pub endpoint: Option<String>,
    /// The version of what answers, where it has one.
    pub version: Option<String>,
    /// What a deploy needs and is not there: a permission, a service that is not enabled, one sentence each.
    #[serde(default)]
    pub missing: Vec<String>,
    /// What else is good to know, one sentence each: a variable that has no effect, a right that could not be asked about.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What whoever deploys an App must be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// As the provider calls it: `lambda:CreateFunction`.
    pub action: String,
    /// To what: a pattern of the provider's, with its placeholders for what is not known without asking.
    pub on: String,
}

/// What people do with a deployed App.
#[async_trait]
pub trait Operate: Send + Sync {
    /// Calls a function and waits for its answer.
    async fn invoke(&self, cx: &Cx, invocation: &Invocation) -> Result<InvokeResult, Failure>;
    /// Reads logs.
    async fn logs(&self, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure>;
    /// What is deployed; `None` if nothing is.
    async fn info(&self, cx: &Cx) -> Result<Option<Info>, Failure>;

    /// Whether the provider has nothing at all where a record says that there is something: its data was lost, or it is another one than last
    /// time. Asked before each deploy: only by providers that can tell at once.
    async fn is_bare(&self, cx: &Cx) -> Result<bool, Failure> {
        let _ = cx;
        Ok(false)
    }

    /// Where recorded objects answer, told from the record alone; `None` where only the provider knows.
    fn endpoints(&self, objects: &BTreeMap<ObjectKey, Object>) -> Option<Vec<Endpoint>> {
        let _ = objects;
        None
    }

    /// Who is connected to what, and what a deploy would miss: of these rights (of [`Backend::rights`]) those that are not given. Changes
    /// nothing. `None` where the provider cannot tell.
    async fn identity(&self, cx: &Cx, rights: &[Right]) -> Result<Option<Identity>, Failure> {
        let _ = (cx, rights);
        Ok(None)
    }

    /// The secrets' values. For this and the following: `None` where the provider cannot (yet).
    fn secrets(&self) -> Option<&dyn Secrets> {
        None
    }
    /// Queues and topics.
    fn messages(&self) -> Option<&dyn Messages> {
        None
    }
    /// Buckets.
    fn objects(&self) -> Option<&dyn Objects> {
        None
    }
    /// Tables.
    fn items(&self) -> Option<&dyn Items> {
        None
    }
}
