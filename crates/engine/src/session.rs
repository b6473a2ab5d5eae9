//! The way of a deploy through this crate, for its callers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sf_plan::{Desired, Digest, GraphError, ObjectKey, Plan, Schemas};

use crate::apply::{Applied, ApplyError, Control, Work, apply};
use crate::observe::{ObserveError, Observed, Provider, observe};
use crate::rebuild::News;
use crate::release::{Draft, record};
use crate::store::{Lock, LockInfo, Outdated, Patience, Store, StoreError, Witness, acquire};

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
    witness: Option<Witness>,
}

/// A run and its release.
#[derive(Debug)]
pub struct Released {
    /// What the run came to.
    pub applied: Applied,
    /// The release's number, if there is a new one. That it could not be recorded does not undo the run: the next one records it.
    pub release: Result<Option<u64>, StoreError>,
}

impl<'a> Session<'a> {
    /// Takes the lock and observes what is there.
    ///
    /// # Errors
    /// Somebody else holds the lock, or the store or the provider could not answer.
    pub async fn open(store: &'a dyn Store, provider: Provider, who: LockInfo) -> Result<Self, ObserveError> {
        Self::open_patiently(store, provider, who, Patience::default()).await
    }

    /// As [`Session::open`], but waits for whoever holds the lock.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn open_patiently(
        store: &'a dyn Store,
        provider: Provider,
        who: LockInfo,
        patience: Patience<'_>,
    ) -> Result<Self, ObserveError> {
        let lock = acquire(store, who.clone(), patience).await?;
        let observed = observe(store, Some(&provider), &who).await?;
        Ok(Self { store, lock, provider, observed, witness: None })
    }

    /// Remembers the state that it leaves for [`Session::outdated`] of later ones.
    #[must_use]
    pub fn witnessed(self, witness: Option<Witness>) -> Self {
        Self { witness, ..self }
    }

    /// Whether the state is older than one that was there before: somebody brought back a backup. See [`Session::rediscover`].
    pub fn outdated(&self) -> Option<Outdated> {
        self.witness.as_ref().and_then(|witness| witness.check(&self.store.location(), &self.observed.state))
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

    /// See [`Observed::adopt`].
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn adopt(&mut self) -> Result<Vec<ObjectKey>, ObserveError> {
        self.observed.adopt(&self.provider).await
    }

    /// See [`Observed::rediscover`].
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn rediscover(&mut self) -> Result<News, ObserveError> {
        self.observed.rediscover(&self.provider, self.lock.info()).await
    }

    /// Runs a plan of this session. A plan without steps calls and, if nothing was adopted or recovered, writes nothing.
    ///
    /// The future may be dropped, and the process killed, at any point: what was in flight is found again by the next session.
    ///
    /// # Errors
    /// The plan is of another session, or the state cannot be saved. That calls failed is no error here: see [`Applied::report`].
    pub async fn apply(self, plan: Plan, control: Control) -> Result<Applied, ApplyError> {
        let Self { store, lock, provider, mut observed, witness } = self;
        settle(&plan, &mut observed, &provider).await?;
        let witness = witness.as_ref();
        apply(plan, observed, Work { provider: &provider, store, lock: lock.as_ref(), witness, control })
            .await
    }

    /// As [`Session::apply`], and if everything was done, what was deployed is recorded as a release.
    ///
    /// # Errors
    /// As [`Session::apply`].
    pub async fn release(self, plan: Plan, draft: Draft, control: Control) -> Result<Released, ApplyError> {
        let Self { store, lock, provider, mut observed, witness } = self;
        settle(&plan, &mut observed, &provider).await?;
        let changes = plan.actual_changes().cloned().collect();
        let witness = witness.as_ref();
        let work = Work { provider: &provider, store, lock: lock.as_ref(), witness, control };
        let applied = apply(plan, observed, work).await?;
        let release = match applied.report.is_success() {
            true => record(store, lock.as_ref(), draft, changes).await,
            false => Ok(None),
        };
        Ok(Released { applied, release })
    }

    /// The artifacts that a plan's calls may have to carry, each with an object that wants it.
    pub fn uploads(&self, plan: &Plan) -> BTreeMap<Digest, ObjectKey> {
        sf_plan::uploads(plan, &self.observed.state)
    }

    /// Has the provider give back the code of an earlier release, each to its file, and tells which it does not have (any more). Where calls only
    /// name the code, no file may be written: see [`sf_provider::Driver::artifact`].
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn fetch(&self, wanted: BTreeMap<Digest, PathBuf>) -> Result<BTreeSet<Digest>, ObserveError> {
        self.provider.fetch(wanted).await
    }
}

/// A plan that calls nobody need not know where calls would go.
async fn settle(plan: &Plan, observed: &mut Observed, provider: &Provider) -> Result<(), ApplyError> {
    if !plan.steps.is_empty() {
        observed.settle_place(provider).await?;
    }
    Ok(())
}
