//! The backend for AWS, behind `--provider aws`: direct API calls, no CloudFormation. See `docs/providers/aws.md`.
//!
//! | room | what is in it | touches |
//! | --- | --- | --- |
//! | [`names`] | every physical name, tag and placeholder | nothing |
//! | `settings`, `capability`, `compile` | App -> diagnostics, App -> objects | nothing: pure |
//! | `kit` | the files that a function's artifact needs on Lambda | nothing: pure |
//! | `api` | credentials, signing, limits, retries; one file of typed requests for each service | the network |
//! | `kinds` | one file per remote kind: what a change means, and its calls | `api` |
//! | `driver`, `operate` | the two traits, over `kinds` and `api` | `kinds`, `api` |

mod api;
mod kit;
pub mod names;

pub use api::{Client, Connect};

/// The name after `--provider` and in `[providers.…]`.
pub const NAME: &str = "aws";
