//! The HTTP client of the credentials' providers (SSO, web identity, IMDS, assume-role): the project's own, so that there is one TLS
//! stack and one policy for proxies and authorities.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// reqwest in the place of the SDK's own client.
#[derive(Clone, Debug)]
pub(super) struct Http(pub(super) reqwest::Client);

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { http: self.0.clone(), settings: settings.clone() })
    }
}

#[derive(Clone, Debug)]
struct Connector {
    http: reqwest::Client,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, settings) = (self.http.clone(), self.settings.clone());
        HttpConnectorFuture::new(async move { send(&http, &settings, request).await })
    }
}

async fn send(
    http: &reqwest::Client,
    settings: &HttpConnectorSettings,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(<[u8]>::to_vec).unwrap_or_default();
    let mut builder = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    if let Some(longest) = settings.read_timeout() {
        builder = builder.timeout(longest);
    }
    let answer = builder.send().await.map_err(failed)?;
    let mut response = ::http::Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let body = answer.bytes().await.map_err(failed)?;
    let response = response.body(SdkBody::from(body)).map_err(|error| user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| user(error.into()))
}

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}
