//! The S3 protocol over the buckets of `sf_data`: what `aws s3`, boto3 and presigned links need of it.
//!
//! `s3s` speaks the protocol (signatures, XML, chunked bodies); this crate says what the operations mean here:
//!
//! ```text
//! Service (what browsers need, what is not served) ─> s3s ─> Store: one file a family of operations ─> sf_data::Data
//! ```
//!
//! - **A physical bucket** is `PROJECT-STAGE-BUCKET`. [`Names`] knows which there are; none is made or deleted here.
//! - **Bytes are streamed** both ways. What a body must be (`Content-MD5`, `x-amz-checksum-*`, also as a trailer) is checked before the write
//!   takes effect.
//! - **One key opens everything**: whoever has the host's secret key, or a link that was signed with it.
//! - **Headers that are kept with an object** (`Cache-Control` and the like) are metadata whose names begin with `$`.
//! - Versions, tags, ACLs, encryption by the client's keys and the like are answered with `NotImplemented`, never ignored.

mod checked;
mod conditions;
mod copying;
mod deleting;
mod error;
mod headers;
mod listing;
mod multipart;
mod names;
mod presign;
mod reading;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod writing;

pub use names::{BucketName, Names};
pub use presign::{Link, presign};
pub use s3s::Body;
pub use service::Service;

/// The region that the service says it is in. It is none of AWS's, so that SDKs sign links with Signature Version 4. Requests that are signed for another one are
/// answered as well.
pub const REGION: &str = "local";

/// The longest that a presigned link may be valid, in seconds: seven days, as everywhere.
pub const MAX_LINK_SECONDS: u64 = 604_800;

/// The one key pair.
#[derive(Clone)]
pub struct Credentials {
    /// Names the secret key.
    pub access_key: String,
    /// Signs.
    pub secret_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}
