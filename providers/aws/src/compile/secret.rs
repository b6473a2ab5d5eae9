//! `[secrets.NAME]` -> a secret without a value: that goes to AWS by `sf secret set`, past every plan and state.

use sf_model::Secret;

use super::{Cx, Object, text};
use crate::names::{self, addr};

pub(super) fn compile(cx: &Cx<'_>, name: &str, secret: &Secret) -> Object {
    Object::new(addr::secret(name), [("Name", text(names::secret(&cx.scope, name)))])
        .protected(secret.protect)
}
