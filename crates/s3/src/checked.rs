//! Bodies of uploads, checked while they are written: the stream fails at its end if it is not what the client said, and so does the write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::Stream;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders};

/// Of each algorithm, the header's name and where its value is.
type Field = (&'static str, fn(&mut Checksum) -> &mut Option<String>);
const FIELDS: [Field; 5] = [
    ("x-amz-checksum-crc32", |sums| &mut sums.checksum_crc32),
    ("x-amz-checksum-crc32c", |sums| &mut sums.checksum_crc32c),
    ("x-amz-checksum-crc64nvme", |sums| &mut sums.checksum_crc64nvme),
    ("x-amz-checksum-sha1", |sums| &mut sums.checksum_sha1),
    ("x-amz-checksum-sha256", |sums| &mut sums.checksum_sha256),
];

/// What a client says of a body.
pub(crate) struct Expected {
    /// `Content-MD5`, base64.
    pub(crate) md5: Option<String>,
    /// `x-amz-checksum-*`, base64.
    pub(crate) sums: Checksum,
    /// `x-amz-trailer`: which of them come behind the body.
    pub(crate) announced: Option<String>,
    /// Where they are then.
    pub(crate) trailers: Option<TrailingHeaders>,
}

/// A body that fails if it is not what was expected.
pub(crate) struct Checked {
    body: StreamingBlob,
    sums: Option<ChecksumHasher>,
    md5: Option<Md5>,
    expected: Expected,
    verdict: Option<S3Result<Checksum>>,
}

impl Checked {
    /// Refuses a `Content-MD5` that cannot be one.
    pub(crate) fn new(body: StreamingBlob, mut expected: Expected) -> S3Result<Self> {
        if let Some(md5) = &expected.md5 {
            let bytes = STANDARD.decode(md5).unwrap_or_default();
            if bytes.len() != 16 {
                return Err(S3ErrorCode::InvalidDigest.into());
            }
        }
        let announced = expected.announced.clone().unwrap_or_default().to_ascii_lowercase();
        let [crc32, crc32c, crc64nvme, sha1, sha256] = FIELDS.map(|(name, value)| {
            value(&mut expected.sums).is_some() || announced.split(',').any(|header| header.trim() == name)
        });
        let sums = ChecksumHasher {
            crc32: crc32.then(Crc32::new),
            crc32c: crc32c.then(Crc32c::new),
            crc64nvme: crc64nvme.then(Crc64Nvme::new),
            sha1: sha1.then(Sha1::new),
            sha256: sha256.then(Sha256::new),
        };
        let md5 = expected.md5.as_ref().map(|_| Md5::new());
        Ok(Self { body, sums: Some(sums), md5, expected, verdict: None })
    }

    /// Once it was read: its checksums, of the algorithms that the client named; or why it failed. `None` if it was not read to its end.
    pub(crate) fn verdict(self) -> Option<S3Result<Checksum>> {
        self.verdict
    }

    fn judge(&mut self) -> S3Result<Checksum> {
        let mut sums = self.sums.take().map(ChecksumHasher::finalize).unwrap_or_default();
        self.take_trailers()?;
        for (name, value) in FIELDS {
            let (actual, wanted) = (value(&mut sums).clone(), value(&mut self.expected.sums).clone());
            if wanted.is_some_and(|wanted| actual.as_ref() != Some(&wanted)) {
                return Err(bad_digest(name));
            }
        }
        if let Some(md5) = self.md5.take() {
            let actual = STANDARD.encode(md5.finalize());
            if self.expected.md5 != Some(actual) {
                return Err(bad_digest("content-md5"));
            }
        }
        Ok(sums)
    }

    /// What came behind the body counts as if it had come before it; what was announced must have come.
    fn take_trailers(&mut self) -> S3Result<()> {
        let Some(announced) = self.expected.announced.as_deref() else { return Ok(()) };
        let came = self.expected.trailers.as_ref().and_then(TrailingHeaders::take).unwrap_or_default();
        for name in announced.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            let Some((_, value)) = FIELDS.iter().find(|(known, _)| *known == name) else { continue };
            let sum = came.get(&name).and_then(|sum| sum.to_str().ok());
            let missing = || {
                let message = format!("the trailer `{name}` was announced but did not come");
                S3Error::with_message(S3ErrorCode::InvalidRequest, message)
            };
            *value(&mut self.expected.sums) = Some(sum.ok_or_else(missing)?.trim().to_owned());
        }
        Ok(())
    }

    fn fail(&mut self, error: S3Error) -> io::Error {
        let message = error.message().unwrap_or("the body is not what it should be").to_owned();
        self.verdict = Some(Err(error));
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl Stream for Checked {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.verdict.is_some() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(Pin::new(&mut this.body).poll_next(cx)) {
            Some(Ok(bytes)) => {
                if let Some(sums) = &mut this.sums {
                    sums.update(&bytes);
                }
                if let Some(md5) = &mut this.md5 {
                    md5.update(&bytes);
                }
                Some(Ok(bytes))
            }
            Some(Err(error)) => Some(Err(this.fail(broken(&error)))),
            None => match this.judge() {
                Ok(sums) => {
                    this.verdict = Some(Ok(sums));
                    None
                }
                Err(error) => Some(Err(this.fail(error))),
            },
        })
    }
}

fn bad_digest(what: &str) -> S3Error {
    S3Error::with_message(
        S3ErrorCode::BadDigest,
        format!("the body does not have the `{what}` that was sent"),
    )
}

/// Why a body ended too early. `s3s` does not export these errors' types, so their names have to do.
fn broken(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        return bad_sha256();
    }
    if text.contains("SignatureMismatch") {
        return S3ErrorCode::SignatureDoesNotMatch.into();
    }
    S3Error::with_message(S3ErrorCode::IncompleteBody, format!("the body did not come whole: {text}"))
}

fn bad_sha256() -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
        "the body does not have the `x-amz-content-sha256` that was sent",
    );
    error.set_status_code(http::StatusCode::BAD_REQUEST);
    error
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    fn expected() -> Expected {
        Expected { md5: None, sums: Checksum::default(), announced: None, trailers: None }
    }

    async fn read(expected: Expected) -> S3Result<Checksum> {
        let parts = ["hel", "lo"].map(|part| Ok::<_, io::Error>(Bytes::from(part)));
        let mut checked = Checked::new(StreamingBlob::wrap(stream::iter(parts)), expected)?;
        let mut failed = false;
        while let Some(item) = checked.next().await {
            failed |= item.is_err();
        }
        let verdict = checked.verdict().unwrap();
        assert_eq!(verdict.is_err(), failed, "the writer sees the failure");
        verdict
    }

    fn code(result: S3Result<Checksum>) -> S3ErrorCode {
        result.unwrap_err().code().clone()
    }

    #[tokio::test]
    async fn an_md5_must_be_right_and_an_md5() {
        let with = |md5: &str| Expected { md5: Some(md5.into()), ..expected() };
        read(with("XUFAKrxLKna5cZ2REBfFkg==")).await.unwrap();
        assert_eq!(code(read(with("XUFAKrxLKna5cZ2REBfFkQ==")).await), S3ErrorCode::BadDigest);
        assert_eq!(code(read(with("hello")).await), S3ErrorCode::InvalidDigest);
    }

    #[tokio::test]
    async fn a_checksum_must_be_right_and_is_given_back() {
        let with = |crc: &str| {
            let sums = Checksum { checksum_crc32: Some(crc.into()), ..Checksum::default() };
            Expected { sums, ..expected() }
        };
        assert_eq!(read(with("NhCmhg==")).await.unwrap().checksum_crc32.as_deref(), Some("NhCmhg=="));
        assert_eq!(code(read(with("NhCmhQ==")).await), S3ErrorCode::BadDigest);
    }

    #[tokio::test]
    async fn a_trailer_that_was_announced_must_come() {
        let announced = Some("x-amz-checksum-crc64nvme".into());
        assert_eq!(code(read(Expected { announced, ..expected() }).await), S3ErrorCode::InvalidRequest);
    }
}
