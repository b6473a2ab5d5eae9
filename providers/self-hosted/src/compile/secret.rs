//! `[secrets.NAME]` -> `secret/NAME`: its name alone. Its value goes to the host by `sf secret set`, past every plan and state.

use sf_plan::Addr;

use super::Inputs;
use crate::names;

pub(super) fn compile(name: &str) -> (Addr, Inputs) {
    (Addr::new(names::SECRET, name), Inputs::new())
}
