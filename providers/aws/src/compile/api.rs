//! `[api]` -> `http-api/api`, its authorizers and its stage, where there is a route or something asks for the API's address.

use std::collections::BTreeSet;

use sf_model::{App, Cors, EnvPart, Function, JwtAuth, Method};
use sf_plan::Value;

use super::{Cx, Inputs, Object, flag, number, output, sorted, text, texts, throttle};
use crate::names::{self, addr};

/// The stage whose name is not in the path.
pub(super) const STAGE: &str = "$default";

pub(super) fn compile(cx: &Cx<'_>) -> Vec<Object> {
    if !is_needed(cx.app) {
        return Vec::new();
    }
    let api = &cx.app.api;
    let name = names::whole(&cx.scope, names::longest::API);
    let mut objects = vec![
        Object::new(addr::http_api(), [("Name", text(name))])
            .with_some("CorsConfiguration", api.cors.as_ref().map(|rules| cors(cx.app, rules))),
        stage(cx.app),
    ];
    objects.extend(api.auth.iter().map(|(name, auth)| authorizer(name, auth)));
    objects
}

pub(crate) fn is_needed(app: &App) -> bool {
    let asks = |part: &EnvPart| matches!(part, EnvPart::Output { kind, .. } if kind == "api");
    let needs = |function: &Function| !function.http.is_empty() || function.env.values().flatten().any(asks);
    app.functions.values().any(needs)
}

fn authorizer(name: &str, auth: &JwtAuth) -> Object {
    Object::new(
        addr::authorizer(name),
        [
            ("Api", output(addr::http_api(), "id")),
            ("Name", text(name)),
            ("Issuer", text(&auth.issuer)),
            ("Audience", sorted(&auth.audience)),
        ],
    )
}

/// After all routes, since AWS refuses a limit of a route that is not there. A route that changes is served at once, so the stage refers to none.
fn stage(app: &App) -> Object {
    let routes = app.functions.values().flat_map(|function| &function.http);
    let limits: Inputs = routes
        .clone()
        .filter_map(|http| Some((http.route.to_string(), throttle(http.throttle.as_ref()?))))
        .collect();
    Object::new(addr::http_stage(), [("Api", output(addr::http_api(), "id")), ("StageName", text(STAGE))])
        .with_some("Throttle", app.api.throttle.as_ref().map(throttle))
        .with_some("RouteThrottle", (!limits.is_empty()).then_some(Value::Map(limits)))
        .after(routes.map(|http| addr::route(&http.route)))
}

fn cors(app: &App, rules: &Cors) -> Value {
    let mut inputs = Inputs::from([
        ("AllowOrigins".into(), sorted(&rules.origins)),
        ("AllowMethods".into(), texts(methods(app, rules))),
        ("AllowCredentials".into(), flag(rules.credentials)),
    ]);
    for (name, headers) in [("AllowHeaders", &rules.headers), ("ExposeHeaders", &rules.expose)] {
        if !headers.is_empty() {
            inputs.insert(name.into(), sorted(headers));
        }
    }
    if let Some(max_age) = rules.max_age {
        inputs.insert("MaxAge".into(), number(max_age.as_secs()));
    }
    Value::Map(inputs)
}

/// Those that are said, else those of the routes. All are named one by one: `*` means nothing where cookies may be sent.
fn methods(app: &App, rules: &Cors) -> BTreeSet<String> {
    let said: BTreeSet<String> = if rules.methods.is_empty() {
        let routes = app.functions.values().flat_map(|function| &function.http);
        routes.map(|http| http.route.method.to_string()).collect()
    } else {
        rules.methods.iter().cloned().collect()
    };
    if said.contains(Method::Any.as_str()) {
        return Method::ALL.iter().filter(|method| **method != Method::Any).map(Method::to_string).collect();
    }
    said
}
