//! The lines of a log. `docs/events.md` tells people what they mean, and `schema/events.schema.json` programs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sf_plan::{Change, Event, Failure, Json, ObjectKey};

/// The version of the schema. It changes only where a reader of the old one would misunderstand a line; fields and events may be added at any time.
pub const EVENTS_VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// When it was recorded: milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum What {
    /// The run began: the first line.
    RunStarted(Started),
    /// What was there before anything was decided.
    Observed(Observation),
    /// What is to be done, with the reason for each change. Objects that are kept are only counted.
    Planned {
        /// The changes, in the order of their objects.
        changes: Vec<Change>,
        /// How many objects stay as they are.
        keep: usize,
    },
    /// A call for an object was begun.
    Started {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
    },
    /// A call that takes long said how far it is.
    Progress {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
        /// One line for a person.
        message: String,
    },
    /// It was done.
    Finished {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
    },
    /// It turned out that there was nothing to do.
    Unchanged {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
    },
    /// It failed.
    Failed {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
        /// Why.
        error: Failure,
    },
    /// Its turn never came: what it needs failed, or the run was stopped.
    Skipped {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: ObjectKey,
    },
    /// A call failed for a passing reason, and is made again.
    Retried {
        /// The step of the plan.
        step: usize,
        /// The object.
        key: String,
        /// Which attempt failed, counted from 1.
        attempt: u32,
        /// The cause.
        cause: String,
    },
    /// A request was made of the provider's API.
    ApiCall(ApiCall),
    /// The state was made durable.
    StateSaved {
        /// Its serial.
        serial: u64,
        /// How long that took.
        duration_ms: u64,
    },
    /// The run is to end early.
    Stopping {
        /// `signal` or `timeout`.
        cause: String,
    },
    /// The run ended: the last line. A log without it is of a run that was killed, or goes on.
    RunEnded(Ended),
}

/// Who began what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// The version of the log's schema.
    pub version: u32,
    /// The version of `sf`.
    pub sf: String,
    /// The run's id.
    pub run: String,
    /// `sf deploy`
    pub command: String,
    /// The user's name.
    pub who: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The project's name.
    pub project: String,
    /// The stage.
    pub stage: String,
    /// The provider.
    pub provider: String,
    /// Where the state is.
    pub state: String,
    /// Which history of states this is.
    pub lineage: String,
    /// The state's serial before the run.
    pub base_serial: u64,
    /// The commit of the project, if it is in a repository.
    #[serde(default)]
    pub git_commit: Option<String>,
}

/// What was there before anything was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// How many objects are recorded.
    pub objects: usize,
    /// How many of them were found by their tags, since no state was recorded.
    pub adopted: usize,
    /// Objects at which an earlier run was cut short, and whether they exist.
    pub recovered: BTreeMap<String, bool>,
}

/// A request of the provider's API: never its headers or its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiCall {
    /// `lambda`, `iam`, …; `host` for the self-hosted provider.
    pub service: String,
    /// `CreateFunction`, `put function/hello`
    pub operation: String,
    /// The object that it was made for; absent where it was made for none (the state's observation, for example).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The step of the plan that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Counted from 1.
    pub attempt: u32,
    /// The status of the answer; absent where nobody answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// From the sending to the answer's beginning. The line's time is that of the answer.
    pub duration_ms: u64,
    /// The provider's name for the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The code of the error, and why nobody answered where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it is made again because of that.
    #[serde(default)]
    pub again: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Everything was done.
    Done,
    /// Something failed.
    Failed,
    /// Nobody consented to what it deletes: nothing was changed.
    Refused,
    /// Stopped by Ctrl-C or a signal.
    Interrupted,
    /// Stopped by `--timeout`.
    TimedOut,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// How it ended.
    pub outcome: RunOutcome,
    /// What it said, if it ended with an error.
    #[serde(default)]
    pub error: Option<String>,
    /// Objects that were put or deleted.
    pub done: usize,
    /// Objects at which there was nothing to do.
    pub unchanged: usize,
    /// Objects that failed.
    pub failed: usize,
    /// Objects whose turn never came.
    pub skipped: usize,
    /// The release that it is, if it is one.
    #[serde(default)]
    pub release: Option<u64>,
}

impl From<&Event> for What {
    fn from(event: &Event) -> Self {
        match event.clone() {
            Event::Started { step, key } => Self::Started { step: step.0, key },
            Event::Progress { step, key, message } => Self::Progress { step: step.0, key, message },
            // What the provider answered is in the state.
            Event::Finished { step, key, .. } => Self::Finished { step: step.0, key },
            Event::Unchanged { step, key } => Self::Unchanged { step: step.0, key },
            Event::Failed { step, key, error } => Self::Failed { step: step.0, key, error },
            Event::Skipped { step, key } => Self::Skipped { step: step.0, key },
        }
    }
}

/// Reads a log. What is no line of this version is left out: the last one of a killed run, or an event of a later `sf`.
pub fn read_events(log: &[u8]) -> Vec<Record> {
    log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The JSON Schema of a line.
pub fn events_schema() -> Json {
    let mut schema = schemars::schema_for!(Record);
    schema.insert("$id".into(), "events.schema.json".into());
    schema.insert("title".into(), "A line of the event log of a run of sf".into());
    schema.to_value()
}
