//! What the function is started with: the variable `SF_KIT` of `docs/providers/aws.md`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The variable.
pub(crate) const VARIABLE: &str = "SF_KIT";

/// Its value, as far as a web program needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct Kit {
    pub(crate) project: String,
    pub(crate) stage: String,
    pub(crate) function: String,
    /// The file to start, in the artifact.
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) from: From,
    #[serde(default)]
    pub(crate) schedules: BTreeMap<String, Schedule>,
}

/// The manifest's names of resources, by the physical ones that events hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct From {
    pub(crate) queue: BTreeMap<String, String>,
    pub(crate) topic: BTreeMap<String, String>,
    pub(crate) bucket: BTreeMap<String, String>,
    pub(crate) table: BTreeMap<String, String>,
    pub(crate) socket: BTreeMap<String, String>,
}

/// A schedule as the manifest says it.
#[derive(Debug, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) expression: String,
    #[serde(default)]
    pub(crate) timezone: Option<String>,
}

/// The manifest's name of a resource; the physical one of what the manifest does not have.
pub(crate) fn named<'n>(names: &'n BTreeMap<String, String>, physical: &'n str) -> &'n str {
    names.get(physical).map_or(physical, String::as_str)
}
