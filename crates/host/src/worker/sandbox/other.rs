//! Systems without any of this.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sf_host_api::Layer;
use tempfile::TempDir;

use super::{Need, Occupied, only_environment};

pub(super) struct System;

pub(super) struct Bounds;

impl System {
    #[expect(clippy::unused_async, reason = "elsewhere it starts a process")]
    pub(super) async fn detect(_: &[OsString], _: &Path) -> (Self, Vec<Layer>) {
        (Self, only_environment("not available on this system"))
    }

    pub(super) fn prepare(&self, _: &Need<'_>, _: &Path) -> io::Result<(String, Bounds)> {
        Ok((String::new(), Bounds))
    }

    pub(super) fn watch(&self, _: &Arc<Occupied>) {}
}

impl Bounds {
    pub(super) fn kill(&self) {}

    pub(super) fn reason(&self) -> Option<String> {
        None
    }
}

pub(super) fn remove(home: TempDir) {
    drop(home);
}
