//! Tokens of function revisions: whoever has one is that function, and may do what its grants say, until the revision is gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sf_data::AppId;
use sf_host_api::{Grants, Names};
use sha2::{Digest as _, Sha256};

/// Kept by its digest, so that looking one up takes a time that tells nothing of another.
type Key = [u8; 32];

fn key(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

/// Who a token stands for.
pub(crate) struct Identity {
    pub(crate) app: AppId,
    pub(crate) function: String,
    pub(crate) grants: Grants,
    pub(crate) names: Names,
    /// Calls of other functions that it waits for.
    pub(crate) calling: AtomicUsize,
}

/// All tokens that are good now.
#[derive(Default)]
pub(crate) struct Tokens {
    identities: Mutex<HashMap<Key, Arc<Identity>>>,
}

impl Tokens {
    fn identities(&self) -> MutexGuard<'_, HashMap<Key, Arc<Identity>>> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token, good for as long as what is returned is kept.
    pub(crate) fn issue(
        self: &Arc<Self>,
        app: AppId,
        function: &str,
        grants: Grants,
        names: Names,
    ) -> std::io::Result<FunctionToken> {
        let token = crate::store::random_hex(32)?;
        let calling = AtomicUsize::new(0);
        let identity = Identity { app, function: function.to_owned(), grants, names, calling };
        self.identities().insert(key(&token), Arc::new(identity));
        Ok(FunctionToken { token, tokens: Arc::downgrade(self) })
    }

    pub(crate) fn find(&self, token: &str) -> Option<Arc<Identity>> {
        self.identities().get(&key(token)).cloned()
    }
}

/// A token that is good until this is dropped.
pub(crate) struct FunctionToken {
    token: String,
    tokens: Weak<Tokens>,
}

impl FunctionToken {
    pub(crate) fn as_str(&self) -> &str {
        &self.token
    }
}

impl Drop for FunctionToken {
    fn drop(&mut self) {
        if let Some(tokens) = self.tokens.upgrade() {
            tokens.identities().remove(&key(&self.token));
        }
    }
}

/// Counts a call that a function waits for.
pub(crate) struct Waiting(Arc<Identity>);

impl Waiting {
    /// `None` if it waits for `limit` already.
    pub(crate) fn begin(identity: &Arc<Identity>, limit: usize) -> Option<Self> {
        let before = identity.calling.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(identity.clone());
        (before < limit).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.calling.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> AppId {
        AppId { project: "shop".into(), stage: "dev".into() }
    }

    #[test]
    fn a_token_is_good_while_it_is_kept() {
        let tokens = Arc::new(Tokens::default());
        let report = tokens.issue(shop(), "report", Grants::default(), Names::default()).unwrap();
        let other = tokens.issue(shop(), "other", Grants::default(), Names::default()).unwrap();
        assert_ne!(report.as_str(), other.as_str());
        let text = report.as_str().to_owned();
        assert_eq!(tokens.find(&text).unwrap().function, "report");
        assert!(tokens.find("").is_none() && tokens.find(&text[1..]).is_none());
        drop(report);
        assert!(tokens.find(&text).is_none());
        assert!(tokens.find(other.as_str()).is_some());
    }

    #[test]
    fn calls_are_counted_until_they_end() {
        let tokens = Arc::new(Tokens::default());
        let token = tokens.issue(shop(), "f", Grants::default(), Names::default()).unwrap();
        let identity = tokens.find(token.as_str()).unwrap();
        let first = Waiting::begin(&identity, 1);
        assert!(first.is_some() && Waiting::begin(&identity, 1).is_none());
        drop(first);
        assert!(Waiting::begin(&identity, 1).is_some());
    }
}
