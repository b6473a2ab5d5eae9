//! One entry of `http` -> `route/METHOD /path`

use sf_model::Function;
use sf_plan::Addr;

use super::{Inputs, text, throttle};
use crate::names;

pub(super) fn compile(function: &Function) -> impl Iterator<Item = (Addr, Inputs)> {
    function.http.iter().map(|http| {
        let mut inputs = Inputs::from([
            ("method".into(), text(names::method(http.route.method))),
            ("path".into(), text(names::path(&http.route.path))),
            ("function".into(), text(&function.name)),
        ]);
        if let Some(auth) = &http.auth {
            inputs.insert("auth".into(), text(auth));
        }
        if let Some(limit) = &http.throttle {
            inputs.insert("throttle".into(), throttle(limit));
        }
        (names::route(&http.route), inputs)
    })
}
