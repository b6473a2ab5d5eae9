//! The way of a deploy through this crate, for its callers.

use sf_plan::{Desired, GraphError, Plan, Schemas};

use crate::apply::{Applied, ApplyError, Control, Work, apply};
use crate::observe::{ObserveError, Observed, Provider, observe};
use crate::store::{Lock, LockInfo, Store};

/// One deploy or removal: the lock is held from [`Session::open`] until the session ends.
///
/// ```text
/// sf plan    observe ─────────> Observed::plan ─> print
/// sf deploy  Session::open ───> Session::plan ──> consent ─> Session::apply
/// ```
///
/// `sf remove` is a deploy of nothing. The two plans are the same function of the same observation.
pub struct Session<'a> {
    store: &'a dyn Store,
    lock: Box<dyn Lock>,
    provider: Provider,
    observed: Observed,
}

impl<'a> Session<'a> {
    /// Takes the lock and observes what is there.
    ///
    /// # Errors
    /// Somebody else holds the lock, or the store or the provider could not answer.
    pub async fn open(store: &'a dyn Store, provider: Provider, who: LockInfo) -> Result<Self, ObserveError> {
        let lock = store.lock(who.clone()).await?;
        let observed = observe(store, Some(&provider), &who).await?;
        Ok(Self { store, lock, provider, observed })
    }

    /// What is there, and what there is to say about it: objects adopted, calls recovered.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// See [`Observed::plan`].
    ///
    /// # Errors
    /// The desired objects do not form a graph: a fault of the backend.
    pub fn plan(&self, desired: Vec<Desired>, schemas: &dyn Schemas) -> Result<Plan, Vec<GraphError>> {
        self.observed.plan(desired, schemas)
    }

    /// See [`Observed::refresh`].
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn refresh(&mut self) -> Result<Vec<sf_plan::Drift>, ObserveError> {
        self.observed.refresh(&self.provider).await
    }

    /// Runs a plan of this session. A plan without steps calls and, if nothing was adopted or recovered, writes nothing.
    ///
    /// The future may be dropped, and the process killed, at any point: what was in flight is found again by the next session.
    ///
    /// # Errors
    /// The plan is of another session, or the state cannot be saved. That calls failed is no error here: see [`Applied::report`].
    pub async fn apply(self, plan: Plan, control: Control) -> Result<Applied, ApplyError> {
        let Self { store, lock, provider, observed } = self;
        apply(plan, observed, Work { provider: &provider, store, lock: lock.as_ref(), control }).await
    }
}
