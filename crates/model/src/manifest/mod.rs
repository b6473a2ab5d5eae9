//! The manifest as it is written: one section a file, nothing interpreted beyond what one value can say by itself.
//! Every struct here is declared with [`section!`](crate::decode::section), so that the keys that are accepted, the
//! JSON Schema and the documentation cannot differ.

mod api;
mod event;
mod function;
mod project;
mod provider;
mod resource;
pub(crate) mod scalar;
pub(crate) mod schema;
mod stage;

pub(crate) use api::{ApiSection, AuthSection, CorsSection, ThrottleSection};
pub(crate) use event::EventEntry;
pub(crate) use function::{
    BuildSection, DefaultsSection, FunctionSection, HttpField, HttpSection, PackageSection, RolloutSection,
};
use project::{ProjectSection, StateSection};
use provider::Providers;
pub(crate) use resource::{
    BucketSection, QueueSection, SecretSection, SocketSection, TableSection, TopicSection, WorkflowSection,
};
pub(crate) use scalar::{
    AnyKey, EnvKey, FirstName, HandlerText, Name, ProviderName, Runtimes, check_provider,
};
use stage::Stages;
pub(crate) use stage::{NOT_IN_OVERLAYS, misplaced};

use crate::decode::{Map, section};

section! {
    /// The manifest of an `sf` project: its functions, what calls them and what they use.
    Manifest {
        /// The manifest's version: 1.
        sf: u32 = required,
        /// The project itself.
        project: ProjectSection = required,
        /// What every function inherits that does not say it itself.
        defaults: DefaultsSection,
        /// The project's HTTP API.
        api: ApiSection,
        /// The functions, by name.
        functions: Map<Name, FunctionSection>,
        /// Buckets for files, by name.
        buckets: Map<Name, BucketSection>,
        /// Tables for records, by name.
        tables: Map<Name, TableSection>,
        /// Queues, by name. Each has a dead-letter queue.
        queues: Map<Name, QueueSection>,
        /// Topics for notifications, by name.
        topics: Map<Name, TopicSection>,
        /// Secrets, by name. Their values are set with `sf secret set` and never stand in this file.
        secrets: Map<Name, SecretSection>,
        /// Workflows, by name.
        workflows: Map<Name, WorkflowSection>,
        /// WebSocket APIs, by name.
        sockets: Map<Name, SocketSection>,
        /// What differs in a stage: each has the shape of this file and is merged over it.
        stages: Stages,
        /// What one provider alone needs to know: the only place where providers have settings.
        providers: Providers,
        /// Where `sf` keeps what it knows of the deployed objects.
        state: StateSection,
    }
}

/// `[x] = None` is the same as an empty table.
pub(crate) fn or_default<T: Default>(field: Option<crate::decode::Spanned<T>>) -> T {
    field.map(|field| field.value).unwrap_or_default()
}
