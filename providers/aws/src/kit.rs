//! What an artifact holds on AWS besides code and kit: `docs/providers/aws.md`, "What a function is started with".

use std::borrow::Cow;

use sf_model::{Function, Interface, RuntimeFamily};
use sf_provider::KitFile;

use crate::settings::Architecture;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// What Lambda starts on `provided.al2023`.
const BOOTSTRAP: &str = "bootstrap";

/// The program that web functions of an architecture are started with.
fn bridge(architecture: Architecture) -> Option<&'static [u8]> {
    match architecture {
        Architecture::X86_64 => X86_64,
        Architecture::Arm64 => AARCH64,
    }
}

/// Whether this `sf` has the program that web functions are started with there.
pub(crate) fn has_bridge(architecture: Architecture) -> bool {
    bridge(architecture).is_some()
}

/// A function's files. Lambda calls `lambda` handlers itself.
pub(crate) fn files(function: &Function, architecture: Architecture) -> Vec<KitFile> {
    match (function.interface, function.runtime.family) {
        (Interface::Lambda, _) => Vec::new(),
        (Interface::Portable, RuntimeFamily::Node) => embedded(NODE),
        (Interface::Portable, RuntimeFamily::Python) => embedded(PYTHON),
        (Interface::Web, _) | (Interface::Portable, RuntimeFamily::Web) => {
            let bridge = bridge(architecture).into_iter();
            bridge.map(|program| KitFile { executable: true, ..file(BOOTSTRAP, program) }).collect()
        }
    }
}

fn embedded(files: &'static [(&'static str, &'static [u8])]) -> Vec<KitFile> {
    files.iter().map(|(path, bytes)| file(path, bytes)).collect()
}

fn file(path: &str, bytes: &'static [u8]) -> KitFile {
    KitFile { path: path.to_owned(), bytes: Cow::Borrowed(bytes), executable: false }
}

#[cfg(test)]
mod tests;
