//! `[sockets.NAME]` -> `socket/NAME`

use sf_model::Socket;
use sf_plan::{Addr, Value};

use super::{Inputs, text};
use crate::kinds::SOCKET_API;
use crate::names;

pub(super) fn compile(name: &str, socket: &Socket) -> (Addr, Inputs) {
    let url = Value::Ref { of: names::api(), output: "url".into() };
    let mut inputs = Inputs::from([(SOCKET_API.into(), url)]);
    let called =
        [("connect", &socket.connect), ("message", &socket.message), ("disconnect", &socket.disconnect)];
    for (event, function) in called {
        if let Some(function) = function {
            inputs.insert(event.into(), text(function));
        }
    }
    (Addr::new(names::SOCKET, name), inputs)
}
