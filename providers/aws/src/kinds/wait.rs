//! Waiting for AWS to have done what it said it would.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::ApiError;

/// How long, and how often asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) longest: Duration,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
}

impl Patience {
    /// For what takes seconds and, at worst, minutes: a role that cannot be assumed yet, a function that is being made.
    pub(crate) const USUAL: Self = Self {
        longest: Duration::from_secs(300),
        first_pause: Duration::from_millis(150),
        longest_pause: Duration::from_secs(2),
    };
    /// For what its own service sees in a moment.
    pub(crate) const SHORT: Self = Self { longest: Duration::from_secs(15), ..Self::USUAL };
}

/// Makes a request again while `passing` says that its error will pass; in the end its last error is the answer.
pub(crate) async fn retry<T, F>(
    patience: Patience,
    passing: impl Fn(&ApiError) -> bool,
    mut request: impl FnMut() -> F,
) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let begin = Instant::now();
    let mut pause = patience.first_pause;
    loop {
        match request().await {
            Err(error) if passing(&error) && begin.elapsed() < patience.longest => {
                tracing::debug!(%error, "waiting for it to pass");
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(patience.longest_pause);
            }
            result => return result,
        }
    }
}

/// Asks until there is an answer; `None` when the patience ends.
pub(crate) async fn until<T, E, F>(
    patience: Patience,
    mut question: impl FnMut() -> F,
) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let begin = Instant::now();
    let mut pause = patience.first_pause;
    loop {
        let answer = question().await?;
        if answer.is_some() || begin.elapsed() >= patience.longest {
            return Ok(answer);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(patience.longest_pause);
    }
}
