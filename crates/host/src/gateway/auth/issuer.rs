//! An issuer's keys: fetched when first needed, remembered, and fetched again when they are old or when a token names one that is not there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::CACHE_CONTROL;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::jwk::Keys;

/// How long keys are fresh if the issuer does not say, and the bounds of what it may say.
const FRESH: Duration = Duration::from_secs(600);
const FRESH_AT_LEAST: Duration = Duration::from_secs(60);
const FRESH_AT_MOST: Duration = Duration::from_secs(24 * 3600);
/// Keys of an issuer that does not answer are good for so long.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// A fetch that failed is not repeated before.
const RETRY: Duration = Duration::from_secs(5);
/// A key that is not there is asked for at most this often, whatever tokens come.
const UNKNOWN: Duration = Duration::from_secs(60);
/// A document of an issuer, and the time for it.
const MAX_DOCUMENT: usize = 256 << 10;
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 3;

/// What is known, and what was tried.
#[derive(Default)]
struct Cache {
    known: Option<Known>,
    failed: Option<Instant>,
    /// When an unknown key last caused a fetch.
    unknown: Option<Instant>,
}

struct Known {
    keys: Arc<Keys>,
    fetched: Instant,
    fresh_until: Instant,
}

/// What to do for a token.
enum Advice {
    /// These are the keys.
    Use(Arc<Keys>),
    /// These will do, but ask for newer ones meanwhile.
    UseAndRefresh(Arc<Keys>),
    /// Ask first.
    Fetch,
    /// There are none.
    Unavailable,
}

impl Cache {
    fn advise(&self, key: Option<&str>, now: Instant) -> Advice {
        let within = |since: Option<Instant>, time| since.is_some_and(|since| now < since + time);
        let may_try = !within(self.failed, RETRY);
        let Some(known) = self.known.as_ref().filter(|known| now < known.fetched + STALE) else {
            return if may_try { Advice::Fetch } else { Advice::Unavailable };
        };
        if key.is_some_and(|key| !known.keys.knows(key)) {
            return match (within(self.unknown, UNKNOWN), self.failed) {
                (false, _) if may_try => Advice::Fetch,
                // Nobody can say whether the key exists by now.
                (_, Some(_)) => Advice::Unavailable,
                _ => Advice::Use(known.keys.clone()),
            };
        }
        match now < known.fresh_until {
            false if may_try => Advice::UseAndRefresh(known.keys.clone()),
            _ => Advice::Use(known.keys.clone()),
        }
    }

    fn succeeded(&mut self, keys: Keys, fresh: Duration, now: Instant) {
        self.failed = None;
        self.known = Some(Known { keys: Arc::new(keys), fetched: now, fresh_until: now + fresh });
    }
}

/// Why there are no keys. For the host's log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("`{0}` is no http or https URL")]
    Url(String),
    #[error("set up the client: {0}")]
    Setup(Box<sf_host_api::ClientError>),
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("`{url}` answered {status}")]
    Status { url: String, status: reqwest::StatusCode },
    #[error("`{0}` is larger than {MAX_DOCUMENT} bytes")]
    TooLarge(String),
    #[error("`{url}` is not what it should be: {cause}")]
    Json { url: String, cause: serde_json::Error },
    #[error("the discovery document is of the issuer `{0}`")]
    OtherIssuer(String),
    #[error("the keys are at `{0}`, which is less safe than the issuer's own URL")]
    Downgrade(String),
    #[error("`{0}` has no key that could verify a signature")]
    NoKeys(String),
}

/// One issuer. Its keys outlive releases and are shared by all authorizers of an app that name it.
pub(super) struct Issuer {
    url: String,
    cache: Mutex<Cache>,
    /// One fetch at a time; the client is made for the first one.
    client: AsyncMutex<Option<Client>>,
}

impl Issuer {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), cache: Mutex::default(), client: AsyncMutex::default() }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys to judge a token by that names this key; `None` if there are none to be had.
    pub(super) async fn keys(self: &Arc<Self>, key: Option<&str>) -> Option<Arc<Keys>> {
        let advice = self.cache().advise(key, Instant::now());
        match advice {
            Advice::Use(keys) => return Some(keys),
            Advice::Unavailable => return None,
            Advice::UseAndRefresh(keys) => {
                drop(tokio::spawn(self.clone().refresh(key.map(str::to_owned))));
                return Some(keys);
            }
            Advice::Fetch => {}
        }
        // In a task of its own: others wait for it too, and the one who caused it may go away.
        let _ = tokio::spawn(self.clone().refresh(key.map(str::to_owned))).await;
        let advice = self.cache().advise(key, Instant::now());
        match advice {
            Advice::Use(keys) | Advice::UseAndRefresh(keys) => Some(keys),
            Advice::Fetch | Advice::Unavailable => None,
        }
    }

    /// Fetches, unless whoever held the lock before has done so.
    async fn refresh(self: Arc<Self>, key: Option<String>) {
        let mut client = self.client.lock().await;
        {
            let mut cache = self.cache();
            let now = Instant::now();
            match cache.advise(key.as_deref(), now) {
                Advice::Use(_) | Advice::Unavailable => return,
                Advice::Fetch if cache.known.is_some() => cache.unknown = Some(now),
                Advice::Fetch | Advice::UseAndRefresh(_) => {}
            }
        }
        let fetched = self.fetch(&mut client).await;
        let now = Instant::now();
        match fetched {
            Ok((keys, fresh)) => self.cache().succeeded(keys, fresh, now),
            Err(error) => {
                tracing::warn!(issuer = self.url, %error, "fetch an issuer's keys");
                self.cache().failed = Some(now);
            }
        }
    }

    async fn fetch(&self, client: &mut Option<Client>) -> Result<(Keys, Duration), FetchError> {
        let base = self.url.trim_end_matches('/');
        let url = parse(&format!("{base}/.well-known/openid-configuration"))?;
        let client = match client {
            Some(client) => client,
            None => client.insert(http_client(&url)?),
        };
        let at = match get(client, url.clone()).await {
            Ok((json, _)) => self.discovered(&url, &json)?,
            // No OpenID Connect, only keys.
            Err(FetchError::Status { status, .. }) if status.is_client_error() => {
                parse(&format!("{base}/.well-known/jwks.json"))?
            }
            Err(error) => return Err(error),
        };
        let (json, fresh) = get(client, at.clone()).await?;
        let unreadable = |cause| FetchError::Json { url: at.to_string(), cause };
        let keys = Keys::parse(&json).map_err(unreadable)?;
        match keys.len() {
            0 => Err(FetchError::NoKeys(at.into())),
            _ => Ok((keys, fresh)),
        }
    }

    /// OpenID Connect Discovery 1.0, section 4.3: the document must be of this issuer.
    fn discovered(&self, url: &Url, json: &[u8]) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: Option<String>,
            jwks_uri: String,
        }
        let unreadable = |cause| FetchError::Json { url: url.to_string(), cause };
        let discovery: Discovery = serde_json::from_slice(json).map_err(unreadable)?;
        if let Some(other) = discovery.issuer.filter(|issuer| *issuer != self.url) {
            return Err(FetchError::OtherIssuer(other));
        }
        let keys = parse(&discovery.jwks_uri)?;
        match (url.scheme(), keys.scheme()) {
            ("https", "http") => Err(FetchError::Downgrade(keys.into())),
            _ => Ok(keys),
        }
    }
}

fn parse(url: &str) -> Result<Url, FetchError> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| FetchError::Url(url.to_owned()))
}

fn http_client(url: &Url) -> Result<Client, FetchError> {
    let stays = reqwest::redirect::Policy::custom(|attempt| {
        let from = attempt.previous().last().map(Url::scheme);
        match from == Some(attempt.url().scheme()) && attempt.previous().len() <= MAX_REDIRECTS {
            true => attempt.follow(),
            false => attempt.error("redirected too often, or to another scheme"),
        }
    });
    let builder = sf_host_api::client_builder(url).map_err(|error| FetchError::Setup(Box::new(error)))?;
    Ok(builder.redirect(stays).timeout(FETCH_TIMEOUT).build()?)
}

/// A document, and for how long it may be remembered.
async fn get(client: &Client, url: Url) -> Result<(Vec<u8>, Duration), FetchError> {
    let mut response = client.get(url.clone()).send().await?;
    if !response.status().is_success() {
        return Err(FetchError::Status { url: url.into(), status: response.status() });
    }
    let control = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let fresh = control.map_or(FRESH, freshness);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FetchError::TooLarge(url.into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, fresh))
}

/// `Cache-Control`'s `max-age`, within bounds.
fn freshness(control: &str) -> Duration {
    let mut directives = control.split(',').map(str::trim);
    if directives.clone().any(|name| matches!(name, "no-store" | "no-cache")) {
        return FRESH_AT_LEAST;
    }
    let seconds = directives.find_map(|text| text.strip_prefix("max-age=")?.parse().ok());
    seconds.map_or(FRESH, Duration::from_secs).clamp(FRESH_AT_LEAST, FRESH_AT_MOST)
}

#[cfg(test)]
mod tests;
