//! What is there before anything is decided: the recorded state, with interrupted calls resolved, or, if there is no record,
//! what the provider itself knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use sf_plan::{
    Desired, Digest, Drift, Failure, GraphError, IntentAction, Lineage, Object, ObjectKey, Plan, Schemas,
    Seen, State, Status, absorb,
};
use sf_provider::{Cx, Driver};

use crate::rebuild::{News, compare};
use crate::store::{LockInfo, Store, StoreError};

/// Questions at once, for each call at once. They change nothing, so that more of them do no harm.
const QUESTIONS: usize = 2;

/// Who is asked and called.
#[derive(Clone)]
pub struct Provider {
    /// The connected driver.
    pub driver: Arc<dyn Driver>,
    /// What each of its calls is given.
    pub cx: Cx,
}

/// The state to plan from.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The state.
    pub state: State,
    /// Whether it differs from the stored one, and must be saved before anything is called.
    pub changed: bool,
    /// How many objects were found by their tags, because no state was stored.
    pub adopted: usize,
    /// The objects of calls whose end is not recorded: the run was killed, or the call failed.
    pub recovered: Vec<Recovered>,
}

/// What became of a call whose end is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The object that it was about.
    pub key: ObjectKey,
    /// Whether the object is there.
    pub exists: bool,
}

/// Why the state could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is of another project or stage: somebody copied it.
    #[error("the state `{at}` is of `{recorded}`, and this is `{actual}`")]
    Anothers {
        /// The state's path or URL.
        at: String,
        /// Whose it is: `PROJECT/STAGE`.
        recorded: String,
        /// Who wants to work with it.
        actual: String,
    },
    /// The record is of another account, or wherever else this provider can be.
    #[error("what is recorded is in {recorded}, and these credentials are for {actual}")]
    Elsewhere {
        /// Where the recorded objects are.
        recorded: String,
        /// Where calls would go.
        actual: String,
    },
    /// The provider's reason.
    #[error("find {what}: {cause}")]
    Provider {
        /// What was looked for.
        what: String,
        /// The provider's words.
        cause: Failure,
    },
}

impl ObserveError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Anothers { recorded, actual, .. } => Some(format!(
                "`sf state rebuild` records what is deployed of `{actual}` instead; if the project was renamed, give it its old name, run `sf remove`, and rename it then: `{recorded}` is still deployed"
            )),
            Self::Elsewhere { recorded, .. } => Some(format!(
                "use the credentials and region of {recorded}, or deploy another stage; `sf state rebuild` records what is here instead"
            )),
            Self::Provider { cause, .. } => cause.hint.clone(),
        }
    }
}

/// Loads the state, asks the provider about interrupted calls, and adopts what it finds if there is no state. Writes nothing and
/// takes no lock: all that `sf plan` needs. Without a provider (there is nobody to ask before the first deploy) the record stands
/// as it is. `who` gives a state that begins here its lineage.
///
/// # Errors
/// The store or the provider could not answer.
pub async fn observe(
    store: &dyn Store,
    provider: Option<&Provider>,
    who: &LockInfo,
) -> Result<Observed, ObserveError> {
    let stored = store.load().await?;
    let is_new = stored.is_none();
    let state = stored.unwrap_or_else(|| State::new(lineage(who)));
    let mut observed = Observed { state, changed: false, adopted: 0, recovered: Vec::new() };
    let Some(provider) = provider else { return Ok(observed) };
    observed.is_of(&provider.scope()).map_err(|recorded| ObserveError::Anothers {
        at: store.location(),
        recorded,
        actual: provider.scope(),
    })?;
    if is_new {
        observed.state.objects = provider.discover().await?;
        observed.adopted = observed.state.objects.len();
        observed.changed = observed.adopted > 0;
    }
    observed.recover(provider).await?;
    Ok(observed)
}

impl Provider {
    /// Everything that the scope owns.
    pub(crate) async fn discover(&self) -> Result<BTreeMap<ObjectKey, Object>, ObserveError> {
        let found = self.driver.discover(&self.cx).await;
        found.map_err(|cause| unanswered("what is deployed", cause))
    }

    pub(crate) async fn fetch(
        &self,
        wanted: BTreeMap<Digest, PathBuf>,
    ) -> Result<BTreeSet<Digest>, ObserveError> {
        let questions = wanted.into_iter().map(|(digest, to)| async move {
            let found = self.driver.artifact(&self.cx, &digest, &to).await;
            let found = found.map_err(|cause| unanswered(&format!("artifact `{digest}`"), cause))?;
            Ok::<_, ObserveError>((!found).then_some(digest))
        });
        let missing: Vec<_> =
            stream::iter(questions).buffer_unordered(self.questions()).try_collect().await?;
        Ok(missing.into_iter().flatten().collect())
    }

    /// Where calls would go.
    pub(crate) async fn place(&self) -> Result<Option<String>, ObserveError> {
        let place = self.driver.place(&self.cx).await;
        place.map_err(|cause| unanswered("where calls would go", cause))
    }

    /// `PROJECT/STAGE`
    pub(crate) fn scope(&self) -> String {
        self.cx.scope.to_string()
    }

    fn questions(&self) -> usize {
        self.driver.concurrency().max(1).saturating_mul(QUESTIONS)
    }
}

impl Observed {
    /// The plan from here to the desired objects: the one that `sf plan` prints and `sf deploy` runs. No desired objects: removal.
    ///
    /// # Errors
    /// The desired objects do not form a graph: a fault of the backend.
    pub fn plan(&self, desired: Vec<Desired>, schemas: &dyn Schemas) -> Result<Plan, Vec<GraphError>> {
        let graph = sf_plan::graph(desired)?;
        let changes = sf_plan::diff(&graph, &self.state, schemas);
        Ok(sf_plan::schedule(&graph, &self.state, changes))
    }

    /// Looks at every recorded object and takes over what was changed behind our back, which the next plan then repairs.
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn refresh(&mut self, provider: &Provider) -> Result<Vec<Drift>, ObserveError> {
        self.settle_place(provider).await?;
        let before = self.state.clone();
        let mut objects = BTreeMap::new();
        look_at(provider, before.objects.iter(), &mut objects).await?;
        let is_missed = |(key, object): &(&ObjectKey, &Object)| {
            object.status != Status::Missing && objects.get(*key).is_some_and(Option::is_none)
        };
        let missed: Vec<_> = before.objects.iter().filter(is_missed).collect();
        let lag = provider.driver.lag();
        if !missed.is_empty() && !lag.is_zero() {
            // It may have been made just now: what is not shown yet is not gone.
            tokio::time::sleep(lag).await;
            look_at(provider, missed.into_iter(), &mut objects).await?;
        }
        let drift = absorb(&mut self.state, Seen { objects, ..Seen::default() });
        self.changed |= self.state != before;
        Ok(drift)
    }

    /// Takes over what the provider has of this scope and nobody recorded: what was made since this state was written, if it is an old one.
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn adopt(&mut self, provider: &Provider) -> Result<Vec<ObjectKey>, ObserveError> {
        self.settle_place(provider).await?;
        let found = provider.discover().await?;
        // By its id too: what cannot say which generation it is, is found as the first one.
        let known: BTreeSet<_> =
            self.state.objects.iter().map(|(key, object)| (key.addr.clone(), object.id.clone())).collect();
        let is_new = |key: &ObjectKey, object: &Object| {
            !self.state.objects.contains_key(key) && !known.contains(&(key.addr.clone(), object.id.clone()))
        };
        let new: Vec<_> = found.into_iter().filter(|(key, object)| is_new(key, object)).collect();
        let keys = new.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        self.changed |= !new.is_empty();
        self.state.objects.extend(new);
        Ok(keys)
    }

    /// Takes over all that the provider knows, found by its tags: for a record that is not to be trusted. A new history begins with it, which
    /// `who` names: what was saved after the record is not to be taken for its continuation, and no call may have the token of one that was
    /// made then.
    ///
    /// # Errors
    /// The provider could not answer.
    pub async fn rediscover(&mut self, provider: &Provider, who: &LockInfo) -> Result<News, ObserveError> {
        self.settle_place(provider).await?;
        let (state, news) = compare(&self.state, provider.discover().await?);
        self.state = State { lineage: lineage(who), ..state };
        self.changed = true;
        Ok(news)
    }

    /// Whether the record is this scope's, or empty; otherwise whose it is. A planner that takes another's objects for its own would delete them.
    fn is_of(&self, scope: &str) -> Result<(), String> {
        match &self.state.scope {
            Some(recorded) if recorded != scope && !self.state.objects.is_empty() => Err(recorded.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Makes sure that the recorded objects are where calls go, and records where that is, and whose they are.
    pub(crate) async fn settle_place(&mut self, provider: &Provider) -> Result<(), ObserveError> {
        match (&self.state.place, provider.place().await?) {
            (Some(recorded), Some(actual)) if *recorded != actual && !self.state.objects.is_empty() => {
                Err(ObserveError::Elsewhere { recorded: recorded.clone(), actual })
            }
            (_, place) => {
                let scope = Some(provider.scope());
                self.changed |= self.state.place != place || self.state.scope != scope;
                self.state.place = place;
                self.state.scope = scope;
                Ok(())
            }
        }
    }

    async fn recover(&mut self, provider: &Provider) -> Result<(), ObserveError> {
        if !self.state.pending.is_empty() {
            // An answer that comes too early is a wrong one: what the call made would belong to nobody.
            tokio::time::sleep(provider.driver.lag()).await;
        }
        let recorded = &self.state.objects;
        let questions = self.state.pending.iter().map(|(token, intent)| async move {
            let found = match (&intent.action, recorded.get(&intent.key)) {
                // What was to be deleted is known by its record: it need not be searched for.
                (IntentAction::Delete, Some(object)) => {
                    provider.driver.read(&provider.cx, &intent.key, object).await
                }
                (IntentAction::Delete, None) => Ok(None),
                (IntentAction::Create { .. } | IntentAction::Update { .. }, _) => {
                    provider.driver.find(&provider.cx, intent).await
                }
            };
            let found =
                found.map_err(|cause| unanswered(&format!("what became of `{}`", intent.key), cause))?;
            let recovered = Recovered { key: intent.key.clone(), exists: found.is_some() };
            Ok::<_, ObserveError>((token.clone(), found, recovered))
        });
        let answers: Vec<_> = stream::iter(questions).buffered(provider.questions()).try_collect().await?;
        let mut seen = Seen::default();
        for (token, found, recovered) in answers {
            seen.intents.insert(token, found);
            self.recovered.push(recovered);
        }
        self.changed |= !seen.intents.is_empty();
        absorb(&mut self.state, seen);
        Ok(())
    }
}

/// Asks for objects as they are now.
async fn look_at<'a>(
    provider: &Provider,
    recorded: impl Iterator<Item = (&'a ObjectKey, &'a Object)>,
    into: &mut BTreeMap<ObjectKey, Option<Object>>,
) -> Result<(), ObserveError> {
    let questions = recorded.map(|(key, object)| async move {
        let found = provider.driver.read(&provider.cx, key, object).await;
        found.map(|found| (key.clone(), found)).map_err(|cause| unanswered(&format!("`{key}`"), cause))
    });
    let found: Vec<_> = stream::iter(questions).buffer_unordered(provider.questions()).try_collect().await?;
    into.extend(found);
    Ok(())
}

fn unanswered(what: &str, cause: Failure) -> ObserveError {
    ObserveError::Provider { what: what.to_owned(), cause }
}

/// Two states never begin on one machine, in one process, at one millisecond.
pub(crate) fn lineage(who: &LockInfo) -> Lineage {
    Lineage(format!("{}-{}-{:x}", who.host, who.pid, who.started_ms))
}
