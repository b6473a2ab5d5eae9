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
mod capability;
mod compile;
mod cron;
mod driver;
mod kinds;
mod kit;
pub mod names;
mod operate;
mod rights;
mod runtimes;
mod settings;
#[cfg(test)]
mod testing;

use sf_model::{App, Diagnostic, Function};
use sf_plan::{Desired, Failure, Schemas};
use sf_provider::{Artifacts, Backend, KitFile, PythonTarget, Right};

pub use api::{BucketAccess, Client, Connect, Identity};
pub use driver::AwsDriver;
pub use operate::AwsOperate;
pub use settings::{Architecture, FunctionSettings, Settings, Vpc};

/// The name after `--provider` and in `[providers.…]`.
pub const NAME: &str = "aws";

/// The pure half.
#[derive(Clone, Copy, Debug, Default)]
pub struct Aws;

impl Aws {
    /// The backend, for a registry.
    pub const fn backend() -> &'static dyn Backend {
        &Self
    }

    /// The driver and the operations of the account that the environment's credentials are for. Asks nobody yet.
    ///
    /// # Errors
    /// There is no region or nothing that could give credentials.
    pub async fn connect(connect: Connect) -> Result<(AwsDriver, AwsOperate), Failure> {
        let client = connect.client().await?;
        Ok((AwsDriver::new(client.clone()), AwsOperate::new(client)))
    }
}

impl Backend for Aws {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, app: &App) -> Vec<Diagnostic> {
        capability::check(app)
    }

    fn kit(&self, app: &App, function: &Function) -> Vec<KitFile> {
        // `check` has said what is wrong with the settings.
        let architecture = Settings::read(app).unwrap_or_default().architecture(function);
        kit::files(function, architecture)
    }

    fn python(&self, app: &App, function: &Function) -> Option<PythonTarget> {
        let settings = Settings::read(app).unwrap_or_default();
        runtimes::python(function, settings.architecture(function))
    }

    fn compile(&self, app: &App, artifacts: &Artifacts) -> Result<Vec<Desired>, Vec<Diagnostic>> {
        compile::compile(app, artifacts)
    }

    fn rights(&self, app: &App) -> Vec<Right> {
        rights::rights(app)
    }

    fn schemas(&self) -> &dyn Schemas {
        &kinds::AwsSchemas
    }
}
