//! `[api]` -> `api/api`, where there is a route or a socket, or something asks for the API's address.

use sf_model::{App, Cors, EnvPart, Function};
use sf_plan::{Addr, Json, Value};

use super::{Inputs, number, texts, throttle};
use crate::names;
use crate::settings::Settings;

pub(super) fn compile(app: &App, settings: &Settings) -> Option<(Addr, Inputs)> {
    if app.sockets.is_empty() && !app.functions.values().any(needs_api) {
        return None;
    }
    let mut inputs = Inputs::new();
    if let Some(rules) = &app.api.cors {
        inputs.insert("cors".into(), cors(rules));
    }
    if let Some(limit) = &app.api.throttle {
        inputs.insert("throttle".into(), throttle(limit));
    }
    if let Some(port) = settings.port {
        inputs.insert("port".into(), number(port.into()));
    }
    Some((names::api(), inputs))
}

fn needs_api(function: &Function) -> bool {
    let asks = |part: &EnvPart| matches!(part, EnvPart::Output { kind, .. } if kind == "api");
    !function.http.is_empty() || function.env.values().flatten().any(asks)
}

fn cors(rules: &Cors) -> Value {
    let mut inputs = Inputs::from([
        ("origins".into(), texts(&rules.origins)),
        ("headers".into(), texts(&rules.headers)),
        ("methods".into(), texts(&rules.methods)),
        ("expose".into(), texts(&rules.expose)),
        ("credentials".into(), Value::Lit(Json::Bool(rules.credentials))),
    ]);
    if let Some(max_age) = rules.max_age {
        inputs.insert("max-age".into(), number(max_age.as_secs()));
    }
    Value::Map(inputs)
}
