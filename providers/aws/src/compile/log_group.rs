//! What a function says, for as many days as the settings say. Made before the function, or Lambda makes one that keeps it for ever.

use sf_model::Function;

use super::{Cx, Object, number, text};
use crate::names::{self, addr};

pub(super) fn compile(cx: &Cx<'_>, function: &Function) -> Object {
    let name = names::log_group(&names::function(&cx.scope, &function.name));
    Object::new(
        addr::log_group(&function.name),
        [("LogGroupName", text(name)), ("RetentionInDays", number(cx.settings.log_retention))],
    )
}
