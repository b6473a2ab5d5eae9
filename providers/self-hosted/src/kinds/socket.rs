//! `socket`: [`sf_host_api::SocketSpec`]. Outputs: `revision`, `url`.

use sf_plan::{Effect, Failure, Inputs, Json, Path};

use super::{RemoteKind, plain};

/// The input that holds the API's address, below which the socket's own is. No part of the spec: it ties the two together, so that a new port
/// of the API reaches those who know the socket's address.
pub(crate) const SOCKET_API: &str = "api";

pub(crate) struct Socket;

impl RemoteKind for Socket {
    fn effect(&self, path: &Path) -> Effect {
        match path.0.first().map(String::as_str) {
            Some(SOCKET_API) => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }

    fn stable(&self, output: &str) -> bool {
        output == "url"
    }

    fn spec(&self, inputs: &Inputs) -> Result<Json, Failure> {
        let mut spec = plain(inputs)?;
        if let Json::Object(fields) = &mut spec {
            fields.remove(SOCKET_API);
        }
        Ok(spec)
    }
}
