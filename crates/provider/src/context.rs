//! What a driver's call is given besides the call itself: whose objects, whose code, who listens, who says stop.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sf_plan::Digest;
use tokio::sync::watch;

/// What owns the objects of one deploy: part of every physical name and tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The project's name.
    pub project: String,
    /// The stage's name.
    pub stage: String,
}

impl fmt::Display for Scope {
    /// `PROJECT/STAGE`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.stage)
    }
}

/// Where a driver takes the bytes of an artifact from.
pub trait ArtifactSource: Send + Sync {
    /// The file that holds the artifact's zip.
    fn path(&self, digest: &Digest) -> Option<PathBuf>;
}

/// What every driver call is given.
#[derive(Clone)]
pub struct Cx {
    /// Whose objects these are.
    pub scope: Scope,
    /// The built code.
    pub artifacts: Arc<dyn ArtifactSource>,
    /// Where a call that takes long says how far it is.
    pub progress: Progress,
    /// Whether the run is to end: see [`Cx::stopped`].
    pub stop: Stop,
}

impl Cx {
    /// A context in which nobody listens and nobody says stop; the engine gives each call of a run its own.
    pub fn new(scope: Scope, artifacts: Arc<dyn ArtifactSource>) -> Self {
        Self { scope, artifacts, progress: Progress::default(), stop: Stop::default() }
    }

    /// Waits until the user wants the run to end (Ctrl-C); at once if that is so already.
    ///
    /// A call under way is waited for all the same: nobody cuts it off but a second Ctrl-C. So a call that waits on purpose (the steps of a
    /// canary) selects on this, and ends what it does cleanly. An ordinary request need not look.
    pub async fn stopped(&self) {
        self.stop.clone().stopped().await;
    }
}

/// Where one call says how far it is. Cheap to clone; says nothing where nobody listens.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(String) + Send + Sync>>);

impl Progress {
    /// Hands every message to `listen`, which must not wait.
    pub fn to(listen: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listen)))
    }

    /// One line for a person, in lower case and without the object's name: `10 % of calls go to version 7, for 5m`.
    pub fn say(&self, message: impl Into<String>) {
        if let Some(listen) = &self.0 {
            listen(message.into());
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(heard)" } else { "Progress(unheard)" })
    }
}

/// Tells a run to start nothing new, and a waiting call to come to an end. The default one is never given.
#[derive(Clone, Debug, Default)]
pub struct Stop(Option<watch::Receiver<bool>>);

/// The other end of a [`Stop`].
#[derive(Debug)]
pub struct StopHandle(watch::Sender<bool>);

/// A stop signal that was not given yet.
pub fn stop_pair() -> (StopHandle, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopHandle(sender), Stop(Some(receiver)))
}

impl StopHandle {
    /// Gives the signal.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        self.0.as_ref().is_some_and(|signal| *signal.borrow())
    }

    /// Waits for the signal; for ever where nobody can give it any more.
    pub async fn stopped(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.wait_for(|stopped| *stopped).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
