//! `[secrets.NAME]` -> `secret/NAME`: its name alone. Its value goes to the host by `sf secret set`, past every plan and state.

use sf_model::Secret;
use sf_plan::Addr;

use super::{Inputs, protection};
use crate::names;

pub(super) fn compile(name: &str, secret: &Secret) -> (Addr, Inputs) {
    (Addr::new(names::SECRET, name), protection(secret.protect).into_iter().collect())
}
