//! `[functions.NAME]`, everything about it but what calls it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::Event;
use super::route::HttpRoute;
use crate::diagnostic::Span;
use crate::item::ItemKind;
use crate::runtime::Runtime;

/// `[functions.NAME]`, defaults applied.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where its table stands (the header).
    pub span: Span,
    /// How it is called.
    pub interface: Interface,
    /// Where `interface` is said, or the function's span.
    pub interface_span: Span,
    /// For `lambda`: the shape in which HTTP requests reach it.
    pub payload: Payload,
    /// File and export; `None` only for `web`.
    pub handler: Option<Handler>,
    /// How a `web` program is built.
    pub build: Option<BuildCommand>,
    /// The language.
    pub runtime: Runtime,
    /// Bytes.
    pub memory: u64,
    /// The longest one call may take.
    pub timeout: Duration,
    /// Environment; parts, since some refer to outputs of resources.
    pub env: BTreeMap<String, Vec<EnvPart>>,
    /// Its routes.
    pub http: Vec<HttpRoute>,
    /// `http = "url"`: an address of its own besides the API's routes, with where that is said.
    pub url: Option<Span>,
    /// What else calls it.
    pub on: Vec<Event>,
    /// What it may use, by what its code calls it.
    pub uses: BTreeMap<String, Use>,
    /// Secrets it may read, by what its code calls them: their names.
    pub secrets: BTreeMap<String, String>,
    /// Instances kept ready, with where that is said.
    pub warm: Option<(u32, Span)>,
    /// How a new version takes over.
    pub rollout: Option<Rollout>,
    /// What goes into its artifact besides what is found.
    pub package: Package,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// Fetch `Request`/`Response` and CloudEvents.
    Portable,
    /// An AWS Lambda handler.
    Lambda,
    /// A program that serves HTTP on `$PORT`.
    Web,
}

/// The version of API Gateway's payload, in which a Lambda handler gets HTTP requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payload {
    /// `1.0`: of REST APIs.
    V1,
    /// `2.0`: of HTTP APIs and function URLs.
    #[default]
    V2,
}

/// `src/profile.mjs#profile`, `src/report.py:nightly`, `legacy/orders.handler` (lambda).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// The file, relative to the manifest, `/` between its parts. Lambda style leaves the extension out: see `file_has_extension`.
    pub file: String,
    /// The exported name.
    pub export: String,
    /// Whether `file` has its extension (`false` for `legacy/orders.handler`).
    pub file_has_extension: bool,
    /// Where.
    pub span: Span,
}

/// `build = { command, output }`
#[derive(Clone, Debug)]
pub struct BuildCommand {
    /// Run by the shell in the project's root.
    pub command: String,
    /// The file or folder that it makes.
    pub output: String,
    /// Where.
    pub span: Span,
}

/// A piece of an environment value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvPart {
    /// Text.
    Text(String),
    /// `${bucket.portraits.name}`: an output of a resource, known at apply.
    Output {
        /// `bucket`, `queue`, `table`, `topic`, `function`, `socket`, `api`.
        kind: String,
        /// The resource's name; empty for `api`.
        name: String,
        /// `name`, `url`.
        output: String,
        /// Where.
        span: Span,
    },
}

/// An entry of `uses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What is used.
    pub kind: ItemKind,
    /// Which of that kind: in an App [by first names](crate::App::by_first_names) not always what the code calls it.
    pub name: String,
    /// What is granted.
    pub access: Access,
    /// Where.
    pub span: Span,
}

/// What `uses` grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `read-write`
    ReadWrite,
    /// `call` (another function)
    Call,
}

/// `rollout`
#[derive(Clone, Debug)]
pub struct Rollout {
    /// `all-at-once`, `canary` or `linear`.
    pub kind: String,
    /// Percentages, ascending.
    pub steps: Vec<u8>,
    /// Between steps.
    pub every: Duration,
    /// Where.
    pub span: Span,
}

/// `package`
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Globs of files to add.
    pub include: Vec<String>,
    /// Globs of files to leave out.
    pub exclude: Vec<String>,
}

impl Payload {
    /// As it stands in the manifest: `2.0`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}

impl Access {
    /// As it stands in the manifest: `read-write`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
            Self::Call => "call",
        }
    }
}
