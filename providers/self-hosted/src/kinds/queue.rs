//! `queue`: [`sf_host_api::QueueSpec`]. Outputs: `revision`, `name`, `url`.

use super::RemoteKind;

pub(crate) struct Queue;

impl RemoteKind for Queue {
    fn stable(&self, output: &str) -> bool {
        matches!(output, "name" | "url")
    }
}
