//! `route`: [`sf_host_api::RouteSpec`]. Output: `revision`.

use super::RemoteKind;

pub(crate) struct Route;

impl RemoteKind for Route {
    fn stable(&self, _output: &str) -> bool {
        false
    }
}
