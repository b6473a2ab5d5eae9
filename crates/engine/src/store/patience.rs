//! Waiting for a lock that somebody else holds.

use std::time::Duration;

use tokio::time::Instant;

use super::{Holder, Lock, LockInfo, Store, StoreError};

/// The first pause between two attempts; it doubles from there.
const PAUSE: Duration = Duration::from_millis(500);

/// What the pause does not grow beyond.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Told whom a run waits for, as far as that is known.
pub type Waiting<'a> = dyn Fn(Option<&Holder>) + Send + Sync + 'a;

/// How long to wait for a lock, and who is told meanwhile.
#[derive(Default)]
pub struct Patience<'a> {
    /// How long.
    pub longest: Duration,
    /// Told who is waited for, once for each holder.
    pub waiting: Option<&'a Waiting<'a>>,
}

/// Takes the lock of a store, and waits for it if somebody else has it.
///
/// # Errors
/// [`StoreError::Locked`] if somebody has it still.
pub async fn acquire(
    store: &dyn Store,
    info: LockInfo,
    patience: Patience<'_>,
) -> Result<Box<dyn Lock>, StoreError> {
    let (end, mut pause) = (Instant::now() + patience.longest, PAUSE);
    let mut told: Option<Option<LockInfo>> = None;
    loop {
        let holder = match store.lock(info.clone()).await {
            Err(StoreError::Locked(holder)) if Instant::now() < end => holder,
            result => return result,
        };
        let who = holder.as_ref().map(|holder| holder.info.clone());
        if told.as_ref() != Some(&who) {
            if let Some(waiting) = patience.waiting {
                waiting(holder.as_deref());
            }
            told = Some(who);
        }
        let left = end.saturating_duration_since(Instant::now());
        tokio::time::sleep(pause.min(left)).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}
