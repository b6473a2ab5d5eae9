//! Encryption of secrets at rest.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::store::sync_folder;
use crate::{AppId, DataError};

const KEY: usize = 32;

/// The folder's key. Random nonces are safe for far more values (2^32) than people set secrets.
pub(crate) struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// Reads the key; makes one if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let key = match fs::read(path) {
            Ok(key) => {
                restrict(path).map_err(|cause| DataError::io("restrict", path, &cause))?;
                Zeroizing::new(key)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(|cause| DataError::io("make key", path, &cause))?
            }
            Err(error) => return Err(DataError::io("read key", path, &error)),
        };
        let unbound = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| {
            let message = format!("read key {}: it has {} bytes, not {KEY}", path.display(), key.len());
            DataError::storage(message)
        })?;
        Ok(Self { key: LessSafeKey::new(unbound) })
    }

    /// The nonce, the encrypted value, its tag. It opens for this app and name only.
    pub(super) fn seal(&self, app: &AppId, name: &str, value: &[u8]) -> Result<Vec<u8>, DataError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)
            .map_err(|cause| DataError::storage(format!("encrypt secret `{name}`: {cause}")))?;
        // Of its final size from the start: one that grew would leave copies of the value behind.
        let mut text = Zeroizing::new(Vec::with_capacity(value.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(value);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place(app, name), &mut *text)
            .map_err(|_| DataError::storage(format!("encrypt secret `{name}`: it is too long")))?;
        Ok([&nonce[..], &text[..]].concat())
    }

    pub(super) fn unseal(
        &self,
        app: &AppId,
        name: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DataError> {
        let failed = || {
            DataError::storage(format!(
                "decrypt secret `{name}`: it was encrypted with another key than the one in secrets.key; set it again"
            ))
        };
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, place(app, name), &mut text).map_err(|_| failed())?.len();
        text.truncate(length);
        Ok(text)
    }
}

/// Whose value it is, unambiguously: lengths before texts.
fn place(app: &AppId, name: &str) -> Aad<Vec<u8>> {
    let mut bytes = Vec::new();
    for text in [&app.project, &app.stage, name] {
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    Aad::from(bytes)
}

/// A temporary file is readable by its owner only from the first moment, and so is what it is renamed to.
fn make(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY]);
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_folder(folder)?;
    Ok(key)
}

#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}
