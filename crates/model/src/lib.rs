//! The manifest `sf.toml`: text with spans -> validation -> [`App`]. Pure: what the outside world says
//! (environment, files, git) comes through [`Lookup`].
//!
//! ```text
//! text ─ node ─> Node(spans) ─ overlay ─> Node ─ decode + interpolate ─> Manifest ─ validate ─> App
//! ```
//!
//! No step stops at the first problem: each goes on with what it could read.

mod app;
mod decode;
mod diagnostic;
mod interpolate;
mod item;
mod load;
mod manifest;
mod names;
mod node;
mod overlay;
mod renames;
mod render;
mod runtime;
mod schedule;
mod units;
mod validate;

pub use app::{
    Access, Api, App, Bucket, BuildCommand, Cors, EnvPart, Event, EventKind, Function, Handler, HttpRoute,
    Interface, JwtAuth, KeyType, Method, Package, PathPattern, Payload, Queue, Rollout, Route, Secret,
    Segment, Socket, Table, TableKey, Throttle, Topic, Use, Workflow,
};
pub use diagnostic::{Diagnostic, Invalid, Severity, Span};
pub use item::ItemKind;
pub use load::load;
pub use manifest::schema::json_schema;
pub use renames::Renames;
pub use render::{Position, render, to_json};
pub use runtime::{RUNTIMES, RUNTIMES_AS_OF, Runtime, RuntimeFacts, RuntimeFamily};
pub use schedule::{Schedule, ScheduleExpr};
pub use units::{ByteSize, Period};

/// The outside world, as far as `${…}` can ask for it.
pub trait Lookup {
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// A file's text, by its path relative to the manifest; `Err` says why not.
    fn file(&self, path: &str) -> Result<String, String>;
    /// The commit checked out; `Err` says why not.
    fn git_sha(&self) -> Result<String, String>;
}

/// A manifest's text and the name to show for it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Shown in messages: `sf.toml`.
    pub name: String,
    /// The text; all spans are byte offsets into it.
    pub text: String,
}

/// What the command line chose; the manifest's defaults apply where it did not.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `--stage`
    pub stage: Option<String>,
    /// `--provider`
    pub provider: Option<String>,
}

/// A manifest that was read, with everything that is to be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The App; `None` if there was an error.
    pub app: Option<App>,
    /// All problems at once, in the order of their spans.
    pub diagnostics: Vec<Diagnostic>,
}
