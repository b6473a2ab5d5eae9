//! `secret`: [`sf_host_api::SecretSpec`]. Output: `revision`. Its value is set past the planner (`operate`), and goes with it.

use super::RemoteKind;

pub(crate) struct Secret;

impl RemoteKind for Secret {
    fn stable(&self, _output: &str) -> bool {
        false
    }

    fn holds_data(&self) -> bool {
        true
    }
}
