//! `sf queue` and `sf topic`

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Listed, Target, duration};

/// Look at messages that wait, send one, put dead letters right
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sf queue list\n  sf queue send mail '{\"to\": \"ada@example.com\"}'\n  sf queue peek mail --dead\n  \
                        sf queue redrive mail\n\nWhere a queue is named, the name of a subscription will do as well, as `sf queue list` shows it: what a topic,\n\
                        bucket or table has to tell a function waits in one, and its dead letters with it."
)]
pub(crate) enum Queue {
    /// Show every queue and subscription, and how much waits there
    #[command(
        after_help = "Examples:\n  sf queue list\n  sf queue list --json | jq '.inboxes[] | select(.dead > 0)'"
    )]
    List(Listed),
    /// Look at the oldest messages without taking them
    #[command(after_help = "Examples:\n  sf queue peek mail\n  sf queue peek mail --dead --limit 3 --json")]
    Peek(QueuePeek),
    /// Send a message
    #[command(
        after_help = "Examples:\n  sf queue send mail '{\"to\": \"ada@example.com\"}'\n  sf queue send mail @message.json --delay 5m\n  \
                      sf queue send images @picture.png --raw"
    )]
    Send(QueueSend),
    /// Have the dead letters delivered again
    #[command(after_help = "Examples:\n  sf queue redrive mail")]
    Redrive(QueueRedrive),
    /// Delete the messages that wait, or the dead letters
    #[command(after_help = "Examples:\n  sf queue purge mail --yes\n  sf queue purge mail --dead --yes")]
    Purge(QueuePurge),
}

/// `sf queue peek`
#[derive(Debug, Args)]
pub(crate) struct QueuePeek {
    /// The queue
    #[arg(value_name = "QUEUE")]
    pub(crate) name: String,
    /// Those that failed too often
    #[arg(long)]
    pub(crate) dead: bool,
    /// At most so many
    #[arg(long, value_name = "MESSAGES", default_value_t = 10)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf queue send`
#[derive(Debug, Args)]
pub(crate) struct QueueSend {
    /// The queue
    #[arg(value_name = "QUEUE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) body: MessageBody,
    /// Deliver it only after this: `30s`, at most `15m`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) delay: Option<Duration>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// What is sent.
#[derive(Debug, Args)]
pub(crate) struct MessageBody {
    /// The message: JSON, `@FILE`, or `-` for stdin
    #[arg(value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(crate) body: String,
    /// It is not JSON: send the bytes as they are
    #[arg(long)]
    pub(crate) raw: bool,
}

/// `sf queue redrive`
#[derive(Debug, Args)]
pub(crate) struct QueueRedrive {
    /// The queue
    #[arg(value_name = "QUEUE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `sf queue purge`
#[derive(Debug, Args)]
pub(crate) struct QueuePurge {
    /// The queue
    #[arg(value_name = "QUEUE")]
    pub(crate) name: String,
    /// The dead letters instead
    #[arg(long)]
    pub(crate) dead: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Tell everyone who listens
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  sf topic list\n  sf topic publish projects '{\"id\": \"7\"}' --attribute city=Seoul"
)]
pub(crate) enum Topic {
    /// Show every topic and who listens to it
    #[command(after_help = "Examples:\n  sf topic list")]
    List(Listed),
    /// Publish a message
    #[command(
        after_help = "Examples:\n  sf topic publish projects '{\"id\": \"7\"}'\n  sf topic publish projects @project.json --attribute city=Seoul"
    )]
    Publish(TopicPublish),
}

/// `sf topic publish`
#[derive(Debug, Args)]
pub(crate) struct TopicPublish {
    /// The topic
    #[arg(value_name = "TOPIC")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) body: MessageBody,
    /// What filters look at; may be given several times
    #[arg(short, long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    pub(crate) attributes: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// `city=Seoul`
fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write `NAME=VALUE`, as in `city=Seoul`".to_owned()),
    }
}
