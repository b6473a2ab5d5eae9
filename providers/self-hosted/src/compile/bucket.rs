//! `[buckets.NAME]` -> `bucket/NAME`

use sf_plan::Addr;

use super::Inputs;
use crate::names;

pub(super) fn compile(name: &str) -> (Addr, Inputs) {
    (Addr::new(names::BUCKET, name), Inputs::new())
}
