//! What names an artifact.
//!
//! | enters | why |
//! | --- | --- |
//! | each file's path in the artifact, `/`-separated, in the order of its bytes | what the function sees |
//! | whether it is executable | a program that cannot be run is another artifact |
//! | SHA-256 of its content, the kit's files included | what runs |
//! | the build's settings: interface, entry, and the bundler's version where there is one | what the host is told |
//!
//! | does not enter | since |
//! | --- | --- |
//! | times, owner, umask, other permission bits | they differ from clone to clone |
//! | absolute paths, the order of directories, locale, operating system | they differ from machine to machine |
//! | the zip's own bytes | another version of the compressor must not redeploy everything |
//!
//! Every part is preceded by its length as 64 bits, so that no two lists have one encoding.

use sf_plan::Digest;
use sha2::{Digest as _, Sha256};

use crate::Entry;

/// The digest of files (sorted by path) and settings.
pub fn digest(files: &[Entry], settings: &[(&str, String)]) -> Digest {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(b"sf artifact 1");
    part(&(files.len() as u64).to_be_bytes());
    for file in files {
        part(file.path.as_bytes());
        part(&[u8::from(file.executable)]);
        part(file.sha256.as_bytes());
    }
    for (name, value) in settings {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    Digest(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_pinned() {
        let file = |path: &str, executable| Entry {
            path: path.into(),
            executable,
            sha256: "00".repeat(32),
            size: 1,
            why: String::new(),
        };
        let settings = [("entry", "a".to_owned())];
        let digest_of = |files: &[Entry]| digest(files, &settings).0;
        let plain = digest_of(&[file("a", false), file("b", true)]);
        // A change here redeploys every function of every user: it must be meant.
        assert_eq!(plain, "761772740e0a46ff5a1423ba5c43ed1253867e314653c09598900c2deb6250b4");
        assert_ne!(plain, digest_of(&[file("a", true), file("b", true)]));
        assert_ne!(plain, digest_of(&[file("ab", false), file("b", true)]));
    }
}
