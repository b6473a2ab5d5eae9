//! The bucket that keeps the built code, for as long as something may go back to it.

use super::{Cx, Object, text};
use crate::names::{self, addr};

/// `None` where there is no function.
pub(super) fn compile(cx: &Cx<'_>) -> Option<Object> {
    let bucket = names::bucket(&cx.scope, names::ARTIFACTS);
    (!cx.app.functions.is_empty()).then(|| Object::new(addr::artifacts(), [("Bucket", text(bucket))]))
}
