//! `sf bucket`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{Listed, Target, duration};

/// Look into buckets, put and get objects
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sf bucket ls portraits\n  sf bucket put portraits me.png raw/7.png\n  sf bucket get portraits small/7.png small.png"
)]
pub(crate) enum Bucket {
    /// Show every bucket
    #[command(after_help = "Examples:\n  sf bucket list")]
    List(Listed),
    /// Show the objects whose keys begin so; what is behind the next `/` is summed up
    #[command(
        after_help = "Examples:\n  sf bucket ls portraits\n  sf bucket ls portraits raw/\n  sf bucket ls portraits --all --json"
    )]
    Ls(BucketLs),
    /// Put a file; without a key under the file's name
    #[command(
        after_help = "Examples:\n  sf bucket put portraits me.png raw/7.png\n  sf bucket put portraits page.html --content-type text/html"
    )]
    Put(BucketPut),
    /// Read an object: into a file, or to stdout
    #[command(
        after_help = "Examples:\n  sf bucket get reports 2026-01-31.json\n  sf bucket get portraits small/7.png small.png"
    )]
    Get(BucketGet),
    /// Delete an object
    #[command(after_help = "Examples:\n  sf bucket rm portraits raw/7.png")]
    Rm(BucketKey),
    /// Make a link that lets whoever has it read the object, or put it
    #[command(
        after_help = "Examples:\n  sf bucket url portraits small/7.png\n  sf bucket url portraits raw/7.png --method put --expires 15m"
    )]
    Url(BucketUrl),
}

/// `sf bucket ls`
#[derive(Debug, Args)]
pub(crate) struct BucketLs {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub(crate) name: String,
    /// How the keys begin
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Every key, however many `/` are in it
    #[arg(long)]
    pub(crate) all: bool,
    /// At most so many
    #[arg(long, value_name = "OBJECTS", default_value_t = 1_000)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf bucket put`
#[derive(Debug, Args)]
pub(crate) struct BucketPut {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub(crate) name: String,
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Its key in the bucket
    pub(crate) key: Option<String>,
    /// What it is, as browsers are told
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf bucket get`
#[derive(Debug, Args)]
pub(crate) struct BucketGet {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub(crate) name: String,
    /// The object's key
    pub(crate) key: String,
    /// Where to; left out: stdout
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf bucket rm`
#[derive(Debug, Args)]
pub(crate) struct BucketKey {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub(crate) name: String,
    /// The object's key
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf bucket url`
#[derive(Debug, Args)]
pub(crate) struct BucketUrl {
    /// The bucket
    #[arg(value_name = "BUCKET")]
    pub(crate) name: String,
    /// The object's key
    pub(crate) key: String,
    /// What it allows
    #[arg(long, value_name = "METHOD", default_value = "get")]
    pub(crate) method: LinkMethod,
    /// How long: at most `7d`
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "15m")]
    pub(crate) expires: Duration,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf bucket url --method`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkMethod {
    /// Read it
    Get,
    /// Put it
    Put,
}
