//! Signature Version 4: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SignatureLocation, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;

use super::error::ApiError;
use super::request::Body;
use super::service::{Operation, Service};

/// What a signature is for.
pub(super) struct Signing<'a> {
    pub(super) operation: Operation,
    pub(super) region: &'a str,
    pub(super) credentials: Credentials,
    pub(super) time: SystemTime,
}

/// The headers that sign the request.
pub(super) fn headers(
    signing: &Signing<'_>,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: &Body,
) -> Result<Vec<(String, String)>, ApiError> {
    let body = match body {
        Body::Bytes(bytes) => SignableBody::Bytes(bytes),
        Body::File { .. } => SignableBody::UnsignedPayload,
    };
    let instructions = signed(signing, settings(signing.operation.service), method, url, headers, body)?;
    Ok(instructions.0)
}

/// A URL that anybody may use for this request until it expires.
pub(super) fn presigned(
    signing: &Signing<'_>,
    method: &str,
    url: &str,
    expires: Duration,
) -> Result<String, ApiError> {
    let mut settings = settings(signing.operation.service);
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(expires);
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    let (_, params) = signed(signing, settings, method, url, &[], SignableBody::UnsignedPayload)?;
    let query: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", super::request::encoded(name), super::request::encoded(value)))
        .collect();
    let joint = if url.contains('?') { '&' } else { '?' };
    Ok(format!("{url}{joint}{}", query.join("&")))
}

type Pairs = Vec<(String, String)>;

fn signed(
    signing: &Signing<'_>,
    settings: SigningSettings,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: SignableBody<'_>,
) -> Result<(Pairs, Pairs), ApiError> {
    let failed =
        |error: &dyn std::fmt::Display| ApiError::unreadable(signing.operation, format!("signing: {error}"));
    let identity = signing.credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(signing.region)
        .name(signing.operation.service.signing_name())
        .time(signing.time)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, url, headers, body).map_err(|error| failed(&error))?;
    let (instructions, _) = sign(request, &params).map_err(|error| failed(&error))?.into_parts();
    let (headers, params) = instructions.into_parts();
    let headers =
        headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect();
    let params = params.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
    Ok((headers, params))
}

/// S3 signs paths as they are sent, and wants the body's hash in a header.
fn settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.session_token_mode = SessionTokenMode::Include;
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}
