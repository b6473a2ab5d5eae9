//! `http = "url"` -> an address of the function's own, open to everybody.

use sf_model::Function;

use super::{Object, flag, live, permission, text};
use crate::names::addr;

/// Anybody.
const EVERYONE: &str = "*";

/// Since October 2025 a URL needs both permissions: <https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>.
pub(super) fn compile(function: &Function) -> Vec<Object> {
    if function.url.is_none() {
        return Vec::new();
    }
    let name = &function.name;
    let to_url = permission::allowed(name, "url", "lambda:InvokeFunctionUrl", EVERYONE)
        .with("FunctionUrlAuthType", text("NONE"));
    let through_url = permission::allowed(name, "url-function", "lambda:InvokeFunction", EVERYONE)
        .with("InvokedViaFunctionUrl", flag(true));
    let url = Object::new(
        addr::url(name),
        [("Alias", live(name)), ("AuthType", text("NONE")), ("InvokeMode", text("BUFFERED"))],
    );
    vec![to_url, through_url, url]
}
