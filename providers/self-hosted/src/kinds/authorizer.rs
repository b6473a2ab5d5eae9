//! `authorizer`: [`sf_host_api::AuthorizerSpec`]. Output: `revision`.

use super::RemoteKind;

pub(crate) struct Authorizer;

impl RemoteKind for Authorizer {
    fn stable(&self, _output: &str) -> bool {
        false
    }
}
