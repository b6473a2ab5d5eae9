//! An entry of `http` -> `route/METHOD /path`, with the function's integration and the permission to call it.

use sf_model::{Function, Interface, Payload};
use sf_plan::Addr;

use super::permission::Caller;
use super::text::Text;
use super::{Object, api, live, output, text};
use crate::names::{addr, arn};

/// Who calls.
pub(super) const GATEWAY: &str = "apigateway.amazonaws.com";

/// A function's policy holds 20,480 bytes, and each entry takes about 400 and its path: with more routes, or longer ones, than these one
/// entry lets the whole API call. Nobody gets more by it: all routes that call the function are this project's.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MOST_PERMISSIONS: usize = 20;
/// Bytes of all paths together.
const LONGEST_PATHS: usize = 4_096;

pub(super) fn compile(function: &Function) -> Vec<Object> {
    if function.http.is_empty() {
        return Vec::new();
    }
    let name = &function.name;
    let mut objects = vec![Object::new(
        addr::integration(name),
        [
            ("Api", output(addr::http_api(), "id")),
            ("Alias", live(name)),
            ("PayloadFormatVersion", text(payload(function).as_str())),
        ],
    )];
    let whole = callers_are_many(function).then(|| caller(function, "api", &format!("/{}/*", api::STAGE)));
    objects.extend(whole.as_ref().map(Caller::object));
    for http in &function.http {
        let key = http.route.to_string();
        let permission = match &whole {
            Some(whole) => whole.addr(),
            None => {
                let own = caller(function, &key, &source(&http.route));
                objects.push(own.object());
                own.addr()
            }
        };
        objects.push(route(function, http, key, permission));
    }
    objects
}

/// A route answers as soon as it is there, so the permission comes first.
fn route(function: &Function, http: &sf_model::HttpRoute, key: String, permission: Addr) -> Object {
    let authorizer = http.auth.as_ref().map(|auth| output(addr::authorizer(auth), "id"));
    Object::new(
        addr::route(&http.route),
        [
            ("Api", output(addr::http_api(), "id")),
            ("RouteKey", text(key)),
            ("Integration", output(addr::integration(&function.name), "id")),
        ],
    )
    .with_some("Authorizer", authorizer)
    .after([permission])
}

/// A handler written for Lambda says which version it reads; the kits read 2.0.
fn payload(function: &Function) -> Payload {
    match function.interface {
        Interface::Lambda => function.payload,
        Interface::Portable | Interface::Web => Payload::V2,
    }
}

fn callers_are_many(function: &Function) -> bool {
    let paths: usize = function.http.iter().map(|http| http.route.path.to_string().len()).sum();
    function.http.len() > MOST_PERMISSIONS || paths > LONGEST_PATHS
}

/// `/$default/GET/profiles/{id}`: stage, method and the path as the route has it, not as it was asked for. Lambda compares with wildcards
/// (`StringLike`), in which braces mean themselves.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn source(route: &sf_model::Route) -> String {
    let method = match route.method {
        sf_model::Method::Any => "*",
        method => method.as_str(),
    };
    format!("/{}/{method}{}", api::STAGE, route.path)
}

fn caller<'a>(function: &'a Function, what: &'a str, below_api: &str) -> Caller<'a> {
    let source = Text::plain(arn::before_api_id()).and_output(addr::http_api(), "id").and(below_api);
    Caller { function: &function.name, what, service: GATEWAY, source }
}
