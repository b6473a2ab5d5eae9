//! What the end-to-end tests are made of: an [`Env`] with a home of its own, [`Project`]s in it, the compiled `sf`, an HTTP client, a load
//! generator, and a [`Gate`] between `sf` and the host that stops a deploy at a chosen request. [`Aws`] is a strict AWS on this machine.
//!
//! A test sees only what a user sees: the command line, the manifest, HTTP. Nothing of the product's code is linked in. Conditions are awaited with
//! [`eventually`]; nothing sleeps for a fixed time and hopes.

mod answerer;
pub mod aws;
mod azurite;
mod binary;
mod counterpart;
mod env;
mod gate;
mod gcs;
pub mod http;
mod issuer;
pub mod kill;
mod load;
mod mail;
pub mod market;
pub mod png;
mod project;
mod python;
pub mod record;
mod renaming;
mod run;
mod search;
mod skip;
mod stream;
mod wait;

pub use answerer::{Answerer, Asked};
pub use aws::Aws;
pub use azurite::Azurite;
pub use binary::sf;
pub use env::{Env, Host, Logged};
pub use gate::{Gate, When};
pub use gcs::Gcs;
pub use issuer::Issuer;
pub use load::{Load, Report};
pub use mail::{Mail, MailService};
pub use project::{Project, copy};
pub use python::Python;
pub use record::Record;
pub use renaming::Renaming;
pub use run::{Run, Running, kill_now, run, signal};
pub use search::holding;
pub use skip::skipped;
pub use stream::Stream;
pub use wait::{DEADLINE, eventually, eventually_within};
