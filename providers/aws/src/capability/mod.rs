//! What AWS cannot do of the manifest.

use sf_model::{App, Diagnostic};

use crate::settings::Settings;

/// Every reason why the App cannot be deployed to AWS.
pub(crate) fn check(app: &App) -> Vec<Diagnostic> {
    Settings::read(app).err().unwrap_or_default()
}
