//! `topic`: [`sf_host_api::TopicSpec`]. Outputs: `revision`, `name`.

use super::RemoteKind;

pub(crate) struct Topic;

impl RemoteKind for Topic {
    fn stable(&self, output: &str) -> bool {
        output == "name"
    }
}
