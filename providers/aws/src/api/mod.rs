//! AWS's APIs as far as this backend uses them: one client for all services, and one file of thin typed requests for each.
//!
//! A request names its operation; the client limits its rate, signs it, sends it, and makes it again where it failed for a passing
//! reason. So a request may take effect twice: what creates must take "it exists already" for an answer (see `kinds`).

mod bucket;
pub(crate) mod cloudwatch;
mod connect;
pub(crate) mod dynamodb;
mod error;
pub(crate) mod event_source;
pub(crate) mod gateway;
mod http;
pub(crate) mod iam;
pub(crate) mod invoke;
mod keys;
pub(crate) mod lambda;
mod limit;
pub(crate) mod logs;
mod place;
mod region;
mod request;
pub(crate) mod s3;
pub(crate) mod scheduler;
pub(crate) mod secrets;
mod send;
mod service;
mod sign;
pub(crate) mod sns;
pub(crate) mod sqs;
pub(crate) mod tagging;

pub(crate) use error::{ApiError, found};
pub(crate) use request::{Answer, Body, Params, Request, encoded};
pub(crate) use service::{Operation, Service};

pub use bucket::BucketAccess;
pub use connect::{Connect, Identity};
pub use send::Client;
