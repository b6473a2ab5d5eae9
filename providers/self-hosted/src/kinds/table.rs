//! `table`: [`sf_host_api::TableSpec`]. Outputs: `revision`, `name`.

use sf_plan::{Effect, Path};

use super::RemoteKind;

pub(crate) struct Table;

impl RemoteKind for Table {
    /// With another key it is another table: the items in it cannot be found by that key.
    fn effect(&self, path: &Path) -> Effect {
        match path.0.first().map(String::as_str) {
            Some("partition" | "sort") => Effect::NewObject,
            _ => Effect::InPlace,
        }
    }

    fn stable(&self, output: &str) -> bool {
        output == "name"
    }

    fn holds_data(&self) -> bool {
        true
    }
}
