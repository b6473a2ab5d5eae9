//! Who may call a function's alias: an entry in its own policy for each.

use sf_plan::Addr;

use super::text::Text;
use super::{Object, live, text};
use crate::names::{ACCOUNT, addr, statement};

/// A service that may call a function for one thing of ours.
pub(super) struct Caller<'a> {
    pub(super) function: &'a str,
    /// What calls, in the words of the manifest: `GET /profiles/{id}`. Unique for the function.
    pub(super) what: &'a str,
    /// `apigateway.amazonaws.com`
    pub(super) service: &'static str,
    /// The ARN of what it calls for.
    pub(super) source: Text,
}

impl Caller<'_> {
    pub(super) fn addr(&self) -> Addr {
        addr::permission(self.function, self.what)
    }

    pub(super) fn object(&self) -> Object {
        let object = allowed(self.function, self.what, "lambda:InvokeFunction", self.service)
            .with("SourceArn", self.source.value());
        // The ARN of a bucket does not say whose it is; it could be deleted and made again by somebody else.
        let account = (self.service == "s3.amazonaws.com").then(|| text(ACCOUNT));
        object.with_some("SourceAccount", account)
    }
}

/// An entry that says who, and no more.
pub(super) fn allowed(function: &str, what: &str, action: &str, principal: &str) -> Object {
    Object::new(
        addr::permission(function, what),
        [
            ("Alias", live(function)),
            ("StatementId", text(statement::id(what))),
            ("Action", text(action)),
            ("Principal", text(principal)),
        ],
    )
}
