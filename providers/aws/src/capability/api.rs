//! `[api]`, its routes and the sockets.

use std::time::Duration;

use sf_model::{App, Diagnostic, Function, Period, Span};

use super::unsupported;
use crate::compile::{Cx, api};

/// The gateway gives up on a function then, whatever its own timeout.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const HTTP_PATIENCE: Duration = Duration::from_secs(30);
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>
const SOCKET_PATIENCE: Duration = Duration::from_secs(29);

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = authorizers(app);
    found.extend(patience(app));
    found
}

/// A domain and its certificate.
pub(super) fn domain(cx: &Cx<'_>) -> Option<Diagnostic> {
    match (&cx.app.api.domain, &cx.settings.certificate) {
        (Some((domain, span)), None) => {
            let message = format!("the domain `{domain}` has no certificate");
            let hint = "request one in ACM, in the region of the API, and write \
                        `[providers.aws] certificate = \"arn:aws:acm:…\"`";
            Some(Diagnostic::error("missing-certificate", *span, message).hint(hint))
        }
        (Some((domain, span)), Some(_)) if !api::is_needed(cx.app) => {
            Some(no_effect(*span, &format!("the domain `{domain}`"), "no function has a route"))
        }
        (None, Some(_)) => {
            let span = cx.app.provider_settings_span;
            Some(no_effect(span, "`certificate`", "it is for the `domain` of `[api]`, which says none"))
        }
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn no_effect(span: Span, what: &str, hint: &str) -> Diagnostic {
    Diagnostic::warning("no-effect", span, format!("{what} has no effect on AWS")).hint(hint)
}

fn authorizers(app: &App) -> Vec<Diagnostic> {
    let plain = app.api.auth.values().filter(|auth| !auth.issuer.starts_with("https://"));
    let diagnostic = |auth: &sf_model::JwtAuth| {
        unsupported(
            auth.span,
            &format!("the issuer `{}`", auth.issuer),
            "API Gateway fetches its keys over https only",
        )
    };
    plain.map(diagnostic).collect()
}

/// Functions that may take longer than the gateway waits.
fn patience(app: &App) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for function in app.functions.values() {
        let routed = function.http.first().map(|http| (http.span, HTTP_PATIENCE));
        let sockets = app.sockets.values();
        let socket = sockets
            .filter(|socket| called(socket, function))
            .map(|socket| (socket.span, SOCKET_PATIENCE))
            .next();
        for (span, patience) in routed.into_iter().chain(socket) {
            if function.timeout > patience {
                let message = format!(
                    "API Gateway waits {} for function `{}`, which may take {}",
                    Period(patience),
                    function.name,
                    Period(function.timeout)
                );
                let hint = "answer at once and send the work to a queue, or give it an address of its own: `http = \"url\"`";
                found.push(Diagnostic::warning("impatient", span, message).hint(hint));
            }
        }
    }
    found
}

fn called(socket: &sf_model::Socket, function: &Function) -> bool {
    [&socket.connect, &socket.message, &socket.disconnect].contains(&&Some(function.name.clone()))
}
