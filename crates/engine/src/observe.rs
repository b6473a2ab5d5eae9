//! What is there before anything is decided: the recorded state, with interrupted calls resolved, or, if there is no record,
//! what the provider itself knows.

use std::collections::BTreeMap;

use sf_plan::{Failure, IntentAction, Lineage, ObjectKey, Serial, State};
use sf_provider::{Cx, Driver};

use crate::STATE_VERSION;
use crate::store::{Store, StoreError};

/// The state to plan from.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The state.
    pub state: State,
    /// Whether it differs from the stored one, and must be saved before anything is called.
    pub changed: bool,
    /// How many objects were found by their tags, because no state was stored.
    pub adopted: usize,
    /// The objects of interrupted calls, and whether each is there.
    pub recovered: Vec<(ObjectKey, bool)>,
}

/// Why the state could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The store's reason.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider's reason.
    #[error("find what became of {what}: {cause}")]
    Provider {
        /// What was looked for.
        what: String,
        /// The provider's words.
        cause: Failure,
    },
}

/// Loads the state, asks the provider about interrupted calls, and adopts what it finds if there is no state.
/// Without a driver (nothing to ask yet: `sf plan` before the first deploy) the record stands as it is.
///
/// # Errors
/// The store or the provider could not answer.
pub async fn observe(
    store: &dyn Store,
    driver: Option<&dyn Driver>,
    cx: &Cx,
    fresh: Lineage,
) -> Result<Observed, ObserveError> {
    let stored = store.load().await?;
    let is_new = stored.is_none();
    let state = stored.unwrap_or_else(|| State {
        version: STATE_VERSION,
        lineage: fresh,
        serial: Serial(0),
        objects: BTreeMap::new(),
        pending: BTreeMap::new(),
    });
    let mut observed = Observed { state, changed: false, adopted: 0, recovered: Vec::new() };
    let Some(driver) = driver else { return Ok(observed) };
    if is_new {
        let found = driver.discover(cx).await;
        observed.state.objects =
            found.map_err(|cause| ObserveError::Provider { what: "earlier deploys".into(), cause })?;
        observed.adopted = observed.state.objects.len();
        observed.changed = observed.adopted > 0;
    }
    recover(&mut observed, driver, cx).await?;
    Ok(observed)
}

async fn recover(observed: &mut Observed, driver: &dyn Driver, cx: &Cx) -> Result<(), ObserveError> {
    let pending = std::mem::take(&mut observed.state.pending);
    observed.changed |= !pending.is_empty();
    for intent in pending.into_values() {
        let found = driver.find(cx, &intent).await;
        let found =
            found.map_err(|cause| ObserveError::Provider { what: format!("`{}`", intent.key), cause })?;
        observed.recovered.push((intent.key.clone(), found.is_some()));
        match (found, intent.action) {
            (None, _) => {
                observed.state.objects.remove(&intent.key);
            }
            // It is as recorded; the next plan deletes it again.
            (Some(_), IntentAction::Delete) => {}
            (Some(object), IntentAction::Create { .. } | IntentAction::Update { .. }) => {
                observed.state.objects.insert(intent.key, object);
            }
        }
    }
    Ok(())
}
