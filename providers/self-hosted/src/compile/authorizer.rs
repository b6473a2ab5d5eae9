//! `[api] auth.NAME` -> `authorizer/NAME`

use sf_model::JwtAuth;
use sf_plan::Addr;

use super::{Inputs, text, texts};
use crate::names;

pub(super) fn compile(name: &str, auth: &JwtAuth) -> (Addr, Inputs) {
    let inputs =
        Inputs::from([("issuer".into(), text(&auth.issuer)), ("audience".into(), texts(&auth.audience))]);
    (Addr::new(names::AUTHORIZER, name), inputs)
}
