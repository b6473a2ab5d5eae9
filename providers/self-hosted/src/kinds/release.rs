//! `release`: [`sf_host_api::ReleaseSpec`]. Output: `revision`. Putting it makes the named revisions answer, all at once.

use super::RemoteKind;

pub(crate) struct Release;

impl RemoteKind for Release {
    fn stable(&self, _output: &str) -> bool {
        false
    }
}
