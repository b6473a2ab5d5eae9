//! Headers that are kept with an object besides its type. The data's store knows none of them, so they are metadata whose names begin with
//! `$`, which no client can send: the rest of the name is the header's.

use std::collections::{BTreeMap, HashMap};

use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};

const CACHE_CONTROL: &str = "$cache-control";
const CONTENT_DISPOSITION: &str = "$content-disposition";
const CONTENT_ENCODING: &str = "$content-encoding";
const CONTENT_LANGUAGE: &str = "$content-language";
const EXPIRES: &str = "$expires";

/// What a client says of an object, or is told of it, but for its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Described {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) metadata: Option<HashMap<String, String>>,
}

impl Described {
    /// As it is stored.
    pub(crate) fn into_metadata(self) -> S3Result<BTreeMap<String, String>> {
        let mut all: BTreeMap<String, String> = self
            .metadata
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        if let Some(name) = all.keys().find(|name| name.starts_with('$')) {
            let message = format!("metadata `{name}`: names that begin with `$` are kept for headers");
            return Err(S3Error::with_message(S3ErrorCode::InvalidArgument, message));
        }
        let headers = [
            (CACHE_CONTROL, self.cache_control),
            (CONTENT_DISPOSITION, self.content_disposition),
            (CONTENT_ENCODING, self.content_encoding.as_deref().and_then(own_encodings)),
            (CONTENT_LANGUAGE, self.content_language),
            (EXPIRES, self.expires.as_ref().map(http_date).transpose()?),
        ];
        all.extend(headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(all)
    }

    /// From how it is stored.
    pub(crate) fn from_metadata(mut all: BTreeMap<String, String>) -> Self {
        Self {
            cache_control: all.remove(CACHE_CONTROL),
            content_disposition: all.remove(CONTENT_DISPOSITION),
            content_encoding: all.remove(CONTENT_ENCODING),
            content_language: all.remove(CONTENT_LANGUAGE),
            expires: all
                .remove(EXPIRES)
                .and_then(|text| Timestamp::parse(TimestampFormat::HttpDate, &text).ok()),
            metadata: Some(all.into_iter().collect()),
        }
    }
}

/// The encodings of the object; `aws-chunked` is one of the request alone.
fn own_encodings(header: &str) -> Option<String> {
    let own: Vec<_> = header
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!own.is_empty()).then(|| own.join(","))
}

fn http_date(time: &Timestamp) -> S3Result<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).map_err(S3Error::internal_error)?;
    String::from_utf8(text).map_err(S3Error::internal_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were_given() {
        let described = Described {
            cache_control: Some("max-age=60".into()),
            content_disposition: Some("attachment".into()),
            content_encoding: Some("gzip".into()),
            content_language: Some("de".into()),
            expires: Some(
                Timestamp::parse(TimestampFormat::HttpDate, "Wed, 21 Oct 2026 07:28:00 GMT").unwrap(),
            ),
            metadata: Some(HashMap::from([("owner".into(), "ada".into())])),
        };
        let stored = described.clone().into_metadata().unwrap();
        assert_eq!(stored.get("$expires").map(String::as_str), Some("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(Described::from_metadata(stored), described);
    }

    #[test]
    fn the_encoding_of_the_request_is_not_the_objects() {
        assert_eq!(own_encodings("aws-chunked"), None);
        assert_eq!(own_encodings("gzip, AWS-chunked"), Some("gzip".into()));
    }

    #[test]
    fn metadata_cannot_pretend_to_be_a_header() {
        let metadata = Some(HashMap::from([("$Cache-Control".into(), "no-store".into())]));
        let error = Described { metadata, ..Described::default() }.into_metadata().unwrap_err();
        assert_eq!(error.code(), &S3ErrorCode::InvalidArgument);
    }
}
