//! Who calls, and what it may do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use sf_data::AppId;
use sf_host_api::{Grant, Grants};

use super::fault::Fault;
use crate::apps::Shared;
use crate::tokens::Identity;

/// Who calls, for which app.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) app: AppId,
    /// A function of the app; `None`: whoever has the host's own token.
    pub(super) function: Option<Arc<Identity>>,
}

/// What is wanted of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    Call,
}

impl Access {
    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Call => "call",
        }
    }

    fn is_in(self, grant: Grant) -> bool {
        match grant {
            Grant::Read => self == Self::Read,
            Grant::Write => self == Self::Write,
            Grant::ReadWrite => self != Self::Call,
            Grant::Call => self == Self::Call,
        }
    }
}

impl Caller {
    pub(super) fn find(shared: &Shared, app: AppId, headers: &HeaderMap) -> Result<Self, Fault> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if same(token.as_bytes(), shared.store.token().as_bytes()) {
            return Ok(Self { app, function: None });
        }
        match shared.tokens.find(token).filter(|identity| identity.app == app) {
            Some(identity) => Ok(Self { app, function: Some(identity) }),
            None => Err(Fault::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token is missing, wrong, or of a function that is gone",
            )
            .hint("send `Authorization: Bearer …` with what SF_DATA_TOKEN was at the start of the function")),
        }
    }

    /// Refuses what the manifest does not grant; gives the host's name of what the caller calls `name`.
    pub(super) fn may(&self, access: Access, kind: &str, name: String) -> Result<String, Fault> {
        let Some(Identity { function, grants, names, .. }) = self.function.as_deref() else {
            return Ok(name);
        };
        check(function, grants, access, kind, &name)?;
        Ok(names.known(kind, &name).to_owned())
    }

    /// The same of a secret.
    pub(super) fn may_read_secret(&self, name: String) -> Result<String, Fault> {
        let Some(Identity { function, grants, names, .. }) = self.function.as_deref() else {
            return Ok(name);
        };
        if grants.secrets.contains(&name) {
            return Ok(names.known("secret", &name).to_owned());
        }
        Err(not_granted(
            format!("function \"{function}\" may not read secret \"{name}\""),
            format!("add `secrets = [\"{name}\"]` to `[functions.{function}]` in sf.toml"),
        ))
    }
}

fn check(function: &str, grants: &Grants, access: Access, kind: &str, name: &str) -> Result<(), Fault> {
    let granted = grants.uses.get(kind).and_then(|names| names.get(name)).copied();
    if granted.is_some_and(|grant| access.is_in(grant)) {
        return Ok(());
    }
    // What it may do already, it goes on doing.
    let wanted = match granted {
        Some(Grant::Read | Grant::Write) if access != Access::Call => "read-write",
        _ => access.word(),
    };
    Err(not_granted(
        format!("function \"{function}\" may not {} {kind} \"{name}\"", access.word()),
        format!("add `uses = {{ {name} = \"{wanted}\" }}` to `[functions.{function}]` in sf.toml"),
    ))
}

fn not_granted(message: String, hint: String) -> Fault {
    Fault::new(StatusCode::FORBIDDEN, "not-granted", message).hint(hint)
}

/// Compares in a time that tells nothing of the contents.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        // A handler outside the guard would be a bug of ours; it answers nobody then.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody was authenticated"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(kind: &str, name: &str, grant: Grant) -> Grants {
        let names = [(name.to_owned(), grant)].into();
        Grants { uses: [(kind.to_owned(), names)].into(), secrets: Vec::new() }
    }

    #[test]
    fn a_grant_opens_what_it_says_and_nothing_else() {
        let open = |grant, access| check("f", &grants("table", "t", grant), access, "table", "t").is_ok();
        let opened = [Grant::Read, Grant::Write, Grant::ReadWrite, Grant::Call]
            .map(|grant| [Access::Read, Access::Write, Access::Call].map(|access| open(grant, access)));
        assert_eq!(
            opened,
            [[true, false, false], [false, true, false], [true, true, false], [false, false, true]]
        );
        let both = grants("table", "t", Grant::ReadWrite);
        assert!(check("f", &both, Access::Read, "table", "other").is_err());
        assert!(check("f", &both, Access::Read, "bucket", "t").is_err());
    }

    #[test]
    fn a_refusal_says_the_line_to_add() {
        let refused = |grants: &Grants| {
            let fault = check("report", grants, Access::Write, "table", "profiles").unwrap_err();
            (fault.message, fault.hint.unwrap())
        };
        let (message, hint) = refused(&Grants::default());
        assert_eq!(message, "function \"report\" may not write table \"profiles\"");
        assert_eq!(hint, "add `uses = { profiles = \"write\" }` to `[functions.report]` in sf.toml");
        let (_, hint) = refused(&grants("table", "profiles", Grant::Read));
        assert_eq!(hint, "add `uses = { profiles = \"read-write\" }` to `[functions.report]` in sf.toml");
    }

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd") && !same(b"abc", b"ab") && !same(b"", b"a"));
    }
}
