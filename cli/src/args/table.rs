//! `sf table`

use clap::{Args, Subcommand};

use super::{Listed, Target};

/// Read and write the items of tables
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sf table scan profiles\n  sf table get profiles 7\n  sf table put profiles '{\"id\": \"7\", \"name\": \"Ada\"}'"
)]
pub(crate) enum Table {
    /// Show every table and its key
    #[command(after_help = "Examples:\n  sf table list")]
    List(Listed),
    /// Read one item by its key
    #[command(after_help = "Examples:\n  sf table get profiles 7\n  sf table get events user-1 1760000000")]
    Get(TableKey),
    /// Put an item: a new one, or another for the one of the same key
    #[command(
        after_help = "Examples:\n  sf table put profiles '{\"id\": \"7\", \"name\": \"Ada\"}'\n  sf table put profiles @ada.json --if-absent"
    )]
    Put(TablePut),
    /// Delete one item by its key
    #[command(after_help = "Examples:\n  sf table rm profiles 7")]
    Rm(TableKey),
    /// Read the items of one partition, in the order of their sort keys
    #[command(
        after_help = "Examples:\n  sf table query events user-1\n  sf table query events user-1 --from 1760000000 --reverse --limit 5"
    )]
    Query(TableQuery),
    /// Read all items, in no promised order
    #[command(after_help = "Examples:\n  sf table scan profiles --limit 1000 --json | jq '.items[].item'")]
    Scan(TableScan),
}

/// `sf table get`, `sf table rm`
#[derive(Debug, Args)]
pub(crate) struct TableKey {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) name: String,
    /// The partition key's value; bytes in base64
    #[arg(allow_hyphen_values = true)]
    pub(crate) partition: String,
    /// The sort key's value, where the table has one
    #[arg(allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf table put`
#[derive(Debug, Args)]
pub(crate) struct TablePut {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) name: String,
    /// The item with its key: a JSON object, `@FILE`, or `-` for stdin
    #[arg(value_name = "JSON|@FILE|-")]
    pub(crate) item: String,
    /// Only if there is none of this key
    #[arg(long)]
    pub(crate) if_absent: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf table query`
#[derive(Debug, Args)]
pub(crate) struct TableQuery {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) name: String,
    /// The partition key's value; bytes in base64
    #[arg(allow_hyphen_values = true)]
    pub(crate) partition: String,
    /// Only sort keys from this one on
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Only sort keys up to this one
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// Only sort keys that begin so
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to"])]
    pub(crate) prefix: Option<String>,
    /// From the last to the first
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most so many
    #[arg(long, value_name = "ITEMS", default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf table scan`
#[derive(Debug, Args)]
pub(crate) struct TableScan {
    /// The table
    #[arg(value_name = "TABLE")]
    pub(crate) name: String,
    /// At most so many
    #[arg(long, value_name = "ITEMS", default_value_t = 100)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) target: Target,
}
