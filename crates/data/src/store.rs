//! The folder, its database, and who writes to it.

use std::path::Path;

use crate::{AppId, Clock, DataError};

/// The data of all apps. Cheap to clone. Dropping the last one waits for what is being written.
#[derive(Clone)]
pub struct Data {}

impl Data {
    /// Opens the folder; makes it if it is missing. Messages that were being handled are ready again: nobody handles them any more.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, DataError> {
        unimplemented!()
    }

    /// Forgets everything of an app: data, messages, secrets.
    pub async fn drop_app(&self, app: &AppId) -> Result<(), DataError> {
        unimplemented!()
    }

    /// Removes expired items (each is a `remove` for the table's subscribers) and uploads that were given up; gives how many. The host calls it
    /// now and then; reads leave out expired items anyway.
    pub async fn expire(&self) -> Result<u64, DataError> {
        unimplemented!()
    }
}
