//! `schedule`: [`sf_host_api::ScheduleSpec`]. Output: `revision`.

use super::RemoteKind;

pub(crate) struct Schedule;

impl RemoteKind for Schedule {
    fn stable(&self, _output: &str) -> bool {
        false
    }
}
