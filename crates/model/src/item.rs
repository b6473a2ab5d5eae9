//! What a manifest can declare by name, as data: its words, what `uses` can grant on it, and its outputs.

use crate::app::Access;

/// The kind of a named thing. In the order in which messages list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// `[functions.NAME]`
    Function,
    /// `[buckets.NAME]`
    Bucket,
    /// `[tables.NAME]`
    Table,
    /// `[queues.NAME]`
    Queue,
    /// `[topics.NAME]`
    Topic,
    /// `[secrets.NAME]`
    Secret,
    /// `[workflows.NAME]`
    Workflow,
    /// `[sockets.NAME]`
    Socket,
}

/// What there is to know of a kind.
pub(crate) struct ItemFacts {
    /// `bucket`
    pub(crate) singular: &'static str,
    /// `buckets`: its table in the manifest.
    pub(crate) section: &'static str,
    /// What `uses` can grant; empty if it cannot be used at all.
    pub(crate) access: &'static [Access],
    /// What `${bucket.NAME.…}` can ask for.
    pub(crate) outputs: &'static [&'static str],
    /// Whether something must use it, or else a warning is due. Functions are called from outside and workflows
    /// started by hand; the rest only costs money.
    pub(crate) wants_use: bool,
}

const DATA: &[Access] = &[Access::Read, Access::Write, Access::ReadWrite];

impl ItemKind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Function,
        Self::Bucket,
        Self::Table,
        Self::Queue,
        Self::Topic,
        Self::Secret,
        Self::Workflow,
        Self::Socket,
    ];

    #[rustfmt::skip] // a table
    pub(crate) fn facts(self) -> ItemFacts {
        let facts = |singular, section, access, outputs, wants_use| ItemFacts { singular, section, access, outputs, wants_use };
        match self {
            Self::Function => facts("function", "functions", &[Access::Call], &["name", "url"], false),
            Self::Bucket   => facts("bucket", "buckets", DATA, &["name"], true),
            Self::Table    => facts("table", "tables", DATA, &["name"], true),
            Self::Queue    => facts("queue", "queues", DATA, &["name", "url"], true),
            Self::Topic    => facts("topic", "topics", &[Access::Write], &["name"], true),
            Self::Secret   => facts("secret", "secrets", &[], &[], true),
            Self::Workflow => facts("workflow", "workflows", DATA, &["name"], false),
            Self::Socket   => facts("socket", "sockets", &[Access::Write], &["url"], false),
        }
    }

    /// `bucket`
    pub fn word(self) -> &'static str {
        self.facts().singular
    }

    /// The kind called so in `${kind.name.output}`.
    pub fn from_singular(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.facts().singular == word)
    }
}
