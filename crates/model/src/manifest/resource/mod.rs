//! What functions use: a file for each type.

mod bucket;
mod queue;
mod secret;
mod socket;
mod table;
mod topic;
mod workflow;

pub(crate) use bucket::BucketSection;
pub(crate) use queue::QueueSection;
pub(crate) use secret::SecretSection;
pub(crate) use socket::SocketSection;
pub(crate) use table::TableSection;
pub(crate) use topic::TopicSection;
pub(crate) use workflow::WorkflowSection;
