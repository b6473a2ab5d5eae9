//! `[api]`

use super::Check;
use crate::app::{Api, Cors, JwtAuth, Throttle};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::manifest::{ApiSection, AuthSection, CorsSection, ThrottleSection, or_default};

pub(super) fn lower(section: ApiSection, check: &mut Check<'_>) -> Api {
    let auth = or_default(section.auth).entries.into_iter();
    Api {
        cors: section.cors.and_then(|section| cors(section, check)),
        throttle: section.throttle.and_then(|section| throttle(section, check)),
        auth: auth.filter_map(|(name, entry)| Some((name, authorizer(entry.value, entry.span)?))).collect(),
        domain: section
            .domain
            .filter(|domain| !domain.value.trim().is_empty())
            .map(|domain| (domain.value, domain.span)),
    }
}

fn authorizer(section: AuthSection, span: crate::Span) -> Option<JwtAuth> {
    Some(JwtAuth { issuer: section.issuer?.value.0, audience: texts(section.audience?, |text| text), span })
}

fn cors(section: Spanned<CorsSection>, check: &mut Check<'_>) -> Option<Cors> {
    let Spanned { value: section, span } = section;
    let credentials = section.credentials.is_some_and(|flag| flag.value);
    let origins = section.origins?;
    if let Some(any) = origins.value.iter().find(|origin| origin.value.0 == "*" && credentials) {
        let error =
            Diagnostic::error("bad-origin", any.span, "`*` with `credentials = true` lets no page in");
        check.problems.push(error.hint("browsers refuse the two together: name the origins"));
    }
    Some(Cors {
        origins: texts(origins, |origin| origin.0),
        headers: section
            .headers
            .map(|headers| texts(headers, |header| header.0.to_ascii_lowercase()))
            .unwrap_or_default(),
        methods: section
            .methods
            .map(|methods| texts(methods, |method| method.to_string()))
            .unwrap_or_default(),
        expose: section
            .expose
            .map(|headers| texts(headers, |header| header.0.to_ascii_lowercase()))
            .unwrap_or_default(),
        credentials,
        max_age: check.period_in_range("`max-age`", section.max_age, "0s", "1d"),
        span,
    })
}

/// A throttle of at least one request a second.
pub(super) fn throttle(section: Spanned<ThrottleSection>, check: &mut Check<'_>) -> Option<Throttle> {
    let Spanned { value: section, span } = section;
    section.rate.as_ref()?;
    let rate = check.in_range("`rate`", section.rate, 1..=1_000_000, 1);
    Some(Throttle { rate, burst: check.in_range("`burst`", section.burst, 1..=1_000_000, rate), span })
}

fn texts<T>(items: Spanned<Vec<Spanned<T>>>, text: impl Fn(T) -> String) -> Vec<String> {
    items.value.into_iter().map(|item| text(item.value)).collect()
}
