//! `[sockets.NAME]` -> a WebSocket API with a route for each of the three events.

use std::collections::BTreeSet;

use sf_model::Socket;

use super::permission::Caller;
use super::route::GATEWAY;
use super::text::Text;
use super::{Cx, Object, live, output, text};
use crate::names::{self, LIVE, addr, arn};

/// What chooses a route. All messages go to one function, so it need choose nothing; AWS wants one all the same.
const SELECTION: &str = "$request.body.action";

/// The routes that a socket has, and the function that each calls.
pub(super) fn routes(socket: &Socket) -> impl Iterator<Item = (&'static str, &str)> {
    let routes =
        [("$connect", &socket.connect), ("$default", &socket.message), ("$disconnect", &socket.disconnect)];
    routes.into_iter().filter_map(|(key, function)| Some((key, function.as_deref()?)))
}

pub(super) fn compile(cx: &Cx<'_>, name: &str, socket: &Socket) -> Vec<Object> {
    let api = || output(addr::websocket_api(name), "id");
    let mut objects = vec![
        Object::new(
            addr::websocket_api(name),
            [
                ("Name", text(names::websocket_api(&cx.scope, name))),
                ("RouteSelectionExpression", text(SELECTION)),
            ],
        ),
        stage(name, socket),
    ];
    for function in routes(socket).map(|(_, function)| function).collect::<BTreeSet<_>>() {
        objects.push(Object::new(
            addr::socket_integration(name, function),
            // WebSocket APIs have one version of the payload, which cannot be said.
            [("Api", api()), ("Alias", live(function))],
        ));
    }
    for (key, function) in routes(socket) {
        let what = format!("{name}:{key}");
        let source = Text::plain(arn::before_api_id())
            .and_output(addr::websocket_api(name), "id")
            .and(format!("/{LIVE}/{key}"));
        let caller = Caller { function, what: &what, service: GATEWAY, source };
        let integration = output(addr::socket_integration(name, function), "id");
        objects.push(
            Object::new(
                addr::socket_route(name, key),
                [("Api", api()), ("RouteKey", text(key)), ("Integration", integration)],
            )
            .after([caller.addr()]),
        );
        objects.push(caller.object());
    }
    objects
}

fn stage(name: &str, socket: &Socket) -> Object {
    let routes = routes(socket).map(|(key, _)| addr::socket_route(name, key));
    Object::new(
        addr::socket_stage(name),
        [("Api", output(addr::websocket_api(name), "id")), ("StageName", text(LIVE))],
    )
    .after(routes)
}
