//! `bucket`: [`sf_host_api::BucketSpec`]. Outputs: `revision`, `name`.

use super::RemoteKind;

pub(crate) struct Bucket;

impl RemoteKind for Bucket {
    fn stable(&self, output: &str) -> bool {
        output == "name"
    }

    fn holds_data(&self) -> bool {
        true
    }
}
