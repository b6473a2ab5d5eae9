//! The credentials for now: asked for when there are none yet or they are about to expire, and kept until then.
//!
//! The providers of `aws-config` do not keep anything: a profile with a role would ask STS again for each request that is signed.

mod failure;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

pub(super) use failure::{UNKNOWN_PROFILE, failure};

/// So long before they expire new ones are asked for: longer than a request may be under way. What AWS's own SDKs take is between 10 s
/// and 5 min; roles give at least 15 min.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// What gives credentials, and what it gave last.
#[derive(Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    /// Locked while they are asked for: all requests wait for the same answer.
    kept: Mutex<Option<Credentials>>,
}

impl Keys {
    pub(super) fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, kept: Mutex::new(None) }
    }

    /// The credentials for a request that is made at `now`.
    ///
    /// # Errors
    /// Nothing gives any, and those that were given have expired.
    pub(super) async fn at(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        if let Some(credentials) = kept.as_ref().filter(|kept| is_good(kept, now + EARLY)) {
            return Ok(credentials.clone());
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => Ok(kept.insert(credentials).clone()),
            // The old ones will do a little longer: whoever gives them may be back by then.
            Err(error) => kept.clone().filter(|kept| is_good(kept, now)).ok_or(error),
        }
    }
}

fn is_good(credentials: &Credentials, then: SystemTime) -> bool {
    credentials.expiry().is_none_or(|expiry| expiry > then)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    /// Gives keys that are numbered, and last so long from the beginning of time; fails from that number on.
    #[derive(Debug)]
    struct Numbered {
        asked: Arc<AtomicU64>,
        lasting: Option<Duration>,
        fails_from: u64,
    }

    impl ProvideCredentials for Numbered {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            future::ProvideCredentials::ready(if number >= self.fails_from {
                Err(CredentialsError::not_loaded("away"))
            } else {
                let expiry = self.lasting.map(|lasting| SystemTime::UNIX_EPOCH + lasting);
                Ok(Credentials::new(number.to_string(), "secret", None, expiry, "a test"))
            })
        }
    }

    fn keys(lasting: Option<Duration>, fails_from: u64) -> (Keys, Arc<AtomicU64>) {
        let asked = Arc::new(AtomicU64::new(0));
        let provider = Numbered { asked: asked.clone(), lasting, fails_from };
        (Keys::new(SharedCredentialsProvider::new(provider)), asked)
    }

    fn second(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    #[tokio::test]
    async fn keys_are_asked_for_once_while_they_last() {
        let (keys, asked) = keys(Some(Duration::from_secs(900)), u64::MAX);
        for at in [0, 1, 599] {
            assert_eq!(keys.at(second(at)).await.unwrap().access_key_id(), "0");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // Five minutes before their end.
        assert_eq!(keys.at(second(600)).await.unwrap().access_key_id(), "1");
    }

    #[tokio::test]
    async fn keys_without_an_end_are_kept() {
        let (keys, asked) = keys(None, u64::MAX);
        for at in [0, 1 << 33] {
            keys.at(second(at)).await.unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn keys_that_cannot_be_renewed_are_used_to_their_end() {
        let (keys, _) = keys(Some(Duration::from_secs(900)), 1);
        keys.at(second(0)).await.unwrap();
        assert_eq!(keys.at(second(899)).await.unwrap().access_key_id(), "0");
        assert!(keys.at(second(900)).await.is_err());
    }
}
