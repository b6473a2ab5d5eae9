//! `[api] domain` -> `domain/DOMAIN` and its mapping to the stage.

use super::{Cx, Object, api, output, text};
use crate::names::addr;

pub(super) fn compile(cx: &Cx<'_>) -> Vec<Object> {
    let (Some((domain, _)), Some(certificate)) = (&cx.app.api.domain, &cx.settings.certificate) else {
        return Vec::new();
    };
    if !api::is_needed(cx.app) {
        return Vec::new();
    }
    let own = Object::new(
        addr::domain(domain),
        [("DomainName", text(domain)), ("CertificateArn", text(certificate))],
    );
    let mapping = Object::new(
        addr::domain_mapping(domain),
        [
            ("Domain", text(domain)),
            ("Api", output(addr::http_api(), "id")),
            ("Stage", output(addr::http_stage(), "name")),
        ],
    );
    vec![own, mapping.after([addr::domain(domain)])]
}
