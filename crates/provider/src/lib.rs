//! The contract of a backend. A backend is three things: what it can do and how it compiles an App (pure),
//! what it knows of its kinds ([`sf_plan::Schemas`], data), and a [`Driver`] that makes the calls.
//!
//! Every argument and result is a serde value, so that the same traits can be served by another process.

mod context;
mod contract;
mod data;
mod renamed;
pub mod testkit;

pub use context::{ArtifactSource, Cx, Progress, Scope, Stop, StopHandle, stop_pair};
pub use contract::{
    Artifacts, Backend, BuiltArtifact, Driver, Endpoint, Identity, Info, Invocation, InvokeResult, KitFile,
    LogLine, LogQuery, LogStream, Operate, PythonTarget, Right,
};
pub use data::{
    Body, ByteStream, Inbox, InboxId, Item, ItemPage, ItemQuery, Items, Message, Messages, ObjectInfo,
    ObjectPage, ObjectQuery, Objects, SecretState, Secrets, UrlMethod,
};
pub use renamed::Renamed;
