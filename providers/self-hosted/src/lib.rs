//! The backend for the embedded host, behind `--provider self-hosted`.
//!
//! | room | what is in it | touches |
//! | --- | --- | --- |
//! | [`names`] | every physical name and annotation key | nothing |
//! | `settings`, `capability`, `compile` | App -> diagnostics, App -> objects | nothing: pure |
//! | `kinds` | one file per remote kind: what a change means, what a put needs | the control API |
//! | `driver`, `operate` | the two traits, over `kinds` | the control API |
//!
//! All objects are put first; then `release/current`, which refers to the revisions of all others, makes them answer at once.
//! So a deploy that dies half-way changes nothing that a caller could see.

mod capability;
mod compile;
mod driver;
mod failure;
mod kinds;
pub mod names;
mod operate;
mod settings;

use sf_host_api::Client;
use sf_model::{App, Diagnostic};
use sf_plan::{Desired, Failure, Schemas};
use sf_provider::{Artifacts, Backend};

pub use driver::HostDriver;
pub use operate::HostOperate;
pub use settings::Settings;

/// The name after `--provider` and in `[providers.…]`.
pub const NAME: &str = "self-hosted";

/// The pure half, and the way to the other one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SelfHosted;

impl SelfHosted {
    /// The backend, for a registry.
    pub const fn backend() -> &'static dyn Backend {
        &Self
    }

    /// The driver and the operations of the host at `url` (`http://127.0.0.1:7070`). Connects to nothing yet.
    ///
    /// # Errors
    /// The URL or the token cannot be used.
    pub fn connect(url: &str, token: &str) -> Result<(HostDriver, HostOperate), Failure> {
        let client = Client::new(url, token).map_err(|error| failure::from_client(&error))?;
        Ok((HostDriver::new(client.clone()), HostOperate::new(client)))
    }
}

impl Backend for SelfHosted {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, app: &App) -> Vec<Diagnostic> {
        capability::check(app)
    }

    fn compile(&self, app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
        compile::compile(app, artifacts)
    }

    fn schemas(&self) -> &dyn Schemas {
        &kinds::HostSchemas
    }
}
