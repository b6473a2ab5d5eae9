//! Code: on this machine or in the bucket that keeps all of it, as `CODE_SHA256_HEX/DIGEST.zip`. So what was deployed once can be deployed again
//! from anywhere, and a function's `CodeSha256`, all that Lambda tells of its code, leads back to the digest.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sf_plan::{Digest, Failure};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::{ApiError, Client, lambda, s3};
use crate::kinds::At;

/// Stands for a digest where the newest version is not what `$LATEST` is.
pub(super) const UNPUBLISHED: &str = "changed, and not published as a version";

/// Bytes of a zip that a request may carry: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_INLINE: u64 = 50 << 20;

/// Units of zips that requests carry at once: they are in memory, more than twice as large.
static CARRIED: Semaphore = Semaphore::const_new(64 << 10);
/// Bytes of one of them.
const UNIT: u64 = 1 << 10;

/// Bytes that are read from a file at once.
const CHUNK: usize = 64 << 10;

/// Where a function's code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    digest: String,
    /// SHA-256 of the zip, in hexadecimal digits.
    sha256: String,
    /// `None`: only the bucket has it.
    file: Option<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    size: u64,
}

fn key(sha256: &str, digest: &str) -> String {
    format!("{sha256}/{digest}.zip")
}

/// SHA-256 and digest of what the bucket has under that key.
fn parts(key: &str) -> Option<(&str, &str)> {
    let (sha256, file) = key.split_once('/')?;
    Some((sha256, file.strip_suffix(".zip")?))
}

impl Source {
    /// The code of that digest: on this machine, or else where it is kept.
    pub(super) async fn of(at: &At<'_>, bucket: &str, digest: &str) -> Result<Self, Failure> {
        if let Some(path) = at.cx.artifacts.path(&Digest(digest.to_owned())) {
            let (sha256, size) = hash(&path).await.map_err(|error| {
                let cause = format!("artifact {}: {error}", path.display());
                at.failure(
                    "unreadable-artifact",
                    "put",
                    &cause,
                    "run the command again: it builds what is missing",
                )
            })?;
            return Ok(Self { digest: digest.to_owned(), sha256, file: Some(File { path, size }) });
        }
        let kept = kept(at.api, bucket, "", |_, kept| kept == digest);
        let kept = kept.await.map_err(|error| at.failed("find the code of", &error))?;
        match kept {
            Some((sha256, digest)) => Ok(Self { digest, sha256, file: None }),
            None => {
                let cause =
                    format!("artifact {digest} is neither in the build cache nor in bucket `{bucket}`");
                let hint = "run the command again: it builds what is missing";
                Err(at.failure("no-artifact", "put", &cause, hint))
            }
        }
    }

    /// Whether requests carry it.
    pub(super) fn is_inline(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.size <= LARGEST_INLINE)
    }

    /// As Lambda tells it: base64 of the zip's SHA-256.
    pub(super) fn sha256(&self) -> String {
        BASE64.encode(hex::decode(&self.sha256).unwrap_or_default())
    }

    /// Puts it into the bucket, unless it is there.
    pub(super) async fn keep(&self, at: &At<'_>, bucket: &str) -> Result<(), ApiError> {
        let Some(file) = &self.file else { return Ok(()) };
        let key = key(&self.sha256, &self.digest);
        if kept(at.api, bucket, &key, |_, _| true).await?.is_some() {
            return Ok(());
        }
        s3::put_file(at.api, bucket, &key, &file.path, &[("content-type", "application/zip")]).await.map(drop)
    }

    /// For a request, with a permit that bounds how much is in memory at once.
    pub(super) async fn code(
        &self,
        bucket: &str,
    ) -> Result<(lambda::Code, Option<SemaphorePermit<'static>>), ApiError> {
        match &self.file {
            Some(file) if self.is_inline() => {
                let units = u32::try_from(file.size.div_ceil(UNIT)).unwrap_or(u32::MAX);
                // It is never closed.
                let permit = CARRIED.acquire_many(units).await.ok();
                Ok((lambda::inline(&file.path).await?, permit))
            }
            _ => {
                let key = key(&self.sha256, &self.digest);
                Ok((lambda::Code::Stored { bucket: bucket.to_owned(), key }, None))
            }
        }
    }
}

/// The digest of code that Lambda tells by its `CodeSha256`; a text that says which where the bucket does not have it.
pub(super) async fn digest(at: &At<'_>, bucket: &str, code_sha256: &str) -> Result<String, ApiError> {
    let sha256 = hex::encode(BASE64.decode(code_sha256).unwrap_or_default());
    let kept = kept(at.api, bucket, &format!("{sha256}/"), |_, _| true).await?;
    Ok(kept.map_or_else(|| format!("unknown code {sha256}"), |(_, digest)| digest))
}

/// Whether the bucket has code of that digest, so that a function can be given it without this machine having it.
pub(crate) async fn is_kept(api: &Client, bucket: &str, digest: &str) -> Result<bool, ApiError> {
    Ok(kept(api, bucket, "", |_, kept| kept == digest).await?.is_some())
}

/// The first in the bucket, below the prefix, whose SHA-256 and digest are wanted.
async fn kept(
    api: &Client,
    bucket: &str,
    prefix: &str,
    is_wanted: impl Fn(&str, &str) -> bool,
) -> Result<Option<(String, String)>, ApiError> {
    let mut token = None;
    loop {
        let listing = s3::Listing { prefix, token: token.as_deref(), ..s3::Listing::default() };
        let page = match s3::list_objects_v2(api, bucket, &listing).await {
            Err(error) if error.is_missing() => return Ok(None),
            page => page?,
        };
        let mut parts = page.objects.iter().filter_map(|object| parts(&object.key));
        if let Some((sha256, digest)) = parts.find(|(sha256, digest)| is_wanted(sha256, digest)) {
            return Ok(Some((sha256.to_owned(), digest.to_owned())));
        }
        token = page.next;
        if token.is_none() {
            return Ok(None);
        }
    }
}

/// SHA-256 in hexadecimal digits, and the size.
async fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = tokio::fs::File::open(path).await?;
    let (mut hasher, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Ok((hex::encode(hasher.finalize()), size));
        }
        hasher.update(&chunk[..read]);
        size += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_from_a_hash_to_a_digest() {
        let sha256 = hex::encode(Sha256::digest(b"zip"));
        let key = key(&sha256, "abc");
        assert_eq!(parts(&key), Some((sha256.as_str(), "abc")));
        let source = Source { digest: "abc".into(), sha256, file: None };
        assert_eq!(source.sha256(), BASE64.encode(Sha256::digest(b"zip")));
        assert_eq!(parts("somebody-elses.txt"), None);
    }

    #[test]
    fn what_is_too_large_for_a_request_goes_through_the_bucket() {
        let of = |file| Source { digest: "abc".into(), sha256: "00".into(), file };
        let sized = |size| of(Some(File { path: PathBuf::new(), size }));
        assert!(sized(LARGEST_INLINE).is_inline());
        assert!(!sized(LARGEST_INLINE + 1).is_inline());
        assert!(!of(None).is_inline(), "only the bucket has it");
    }

    #[tokio::test]
    async fn a_file_is_hashed_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content = vec![7; CHUNK * 2 + 1];
        std::fs::write(file.path(), &content).unwrap();
        let (sha256, size) = hash(file.path()).await.unwrap();
        assert_eq!((sha256, size), (hex::encode(Sha256::digest(&content)), content.len() as u64));
    }
}
