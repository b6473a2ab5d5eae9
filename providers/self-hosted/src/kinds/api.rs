//! `api`: [`sf_host_api::ApiSpec`]. Outputs: `revision`, `url`, `port`.

use sf_plan::{Effect, Path};

use super::RemoteKind;

pub(crate) struct Api;

impl RemoteKind for Api {
    /// A new port is a new address: those who refer to it must be told, as of a new API.
    fn effect(&self, path: &Path) -> Effect {
        match path.0.first().map(String::as_str) {
            Some("port") => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }

    /// The host keeps an app's port, over changes and restarts.
    fn stable(&self, output: &str) -> bool {
        matches!(output, "url" | "port")
    }
}
