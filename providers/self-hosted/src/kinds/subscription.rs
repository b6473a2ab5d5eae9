//! `subscription`: [`sf_host_api::SubscriptionSpec`]. Output: `revision`. What waits for delivery belongs to its name.

use super::RemoteKind;

pub(crate) struct Subscription;

impl RemoteKind for Subscription {
    fn stable(&self, _output: &str) -> bool {
        false
    }
}
