//! `[project]` and `[state]`.

use super::scalar::{AnyKey, ProjectName, ProviderName, StageName};
use crate::decode::{Map, section};

section! {
    /// The project itself.
    ProjectSection {
        /// Its name: lower-case letters, digits and `-`, a letter first, at most 31. Part of every physical name.
        name: ProjectName = required,
        /// The provider that `sf deploy` uses without `--provider`. Default: `self-hosted`.
        provider: ProviderName,
        /// The stage that `sf deploy` uses without `--stage`. Default: `dev`.
        stage: StageName,
        /// Tags for every object, for bills and searches.
        tags: Map<AnyKey, String>,
    }
}

section! {
    /// Where `sf` keeps what it knows of the deployed objects.
    StateSection {
        /// A folder relative to the manifest, or `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`. Default: `.sf/state`.
        store: String,
        /// How many releases are kept: the newest. From 1 to 1000. Default: 20.
        releases: u32,
    }
}
