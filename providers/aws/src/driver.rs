//! The driver: what is the same for every kind.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use sf_plan::{
    Addr, Call, CallAction, Digest, Failure, Inputs, Intent, IntentAction, Object, ObjectKey, Outcome,
    RemoteId, Status,
};
use sf_provider::{Cx, Driver};

use crate::api::Client;
use crate::kinds::{self, AnyKind, At, Inventory, KINDS, Made, Recorded, Seen, Undone, merged};
use crate::names::{self, Place};

/// Kinds that are asked at once when everything is discovered.
const DISCOVERED_AT_ONCE: usize = 8;

/// Objects of a kind.
type Found = Vec<(ObjectKey, Object)>;

/// The driver of one account and region.
#[derive(Clone, Debug)]
pub struct AwsDriver {
    api: Client,
}

impl AwsDriver {
    /// Over a client.
    pub fn new(api: Client) -> Self {
        Self { api }
    }

    async fn create(&self, at: &At<'_>, kind: &dyn AnyKind, inputs: &Inputs) -> Result<Made, Undone> {
        match kind.create(at, inputs).await {
            Err(Undone::Exists) => Ok(self.adopt(at, kind, inputs).await?),
            result => result,
        }
    }

    /// What exists already is ours if its tags say so: it was made by a run that died, or by a call whose answer was lost.
    async fn adopt(&self, at: &At<'_>, kind: &dyn AnyKind, inputs: &Inputs) -> Result<Made, Failure> {
        let Some(seen) = kind.locate(at, inputs).await? else {
            return Err(at.failure(
                "not-ours",
                "create",
                "something of that name exists, and its tags do not say that it is this project's",
                "delete or rename it, or change the project's name or the stage's",
            ));
        };
        let recorded = Recorded {
            id: &seen.made.id,
            inputs: &seen.spec,
            outputs: &seen.made.outputs,
            key: seen.key.clone(),
        };
        kind.update(at, &recorded, inputs).await
    }

    async fn update(
        &self,
        at: &At<'_>,
        kind: &dyn AnyKind,
        prior: &Object,
        inputs: &Inputs,
    ) -> Result<Made, Failure> {
        let recorded = as_prior(at, prior);
        kind.update(at, &recorded, inputs).await
    }

    /// Deletes the object unless it is another's by now: a later generation may have taken over its name.
    async fn delete(&self, at: &At<'_>, kind: &dyn AnyKind, prior: &Object) -> Result<(), Failure> {
        if kind.tagged() {
            match kind.look(at, &prior.id.0).await? {
                Some(seen) if seen.key.as_ref() == Some(at.key) => {}
                _ => return Ok(()),
            }
        }
        kind.delete(at, &as_prior(at, prior)).await
    }

    async fn with_kind(&self, key: &ObjectKey) -> Result<(Place, &'static dyn AnyKind), Failure> {
        let kind = kinds::kind_of(&key.addr.kind).ok_or_else(|| unknown_kind(key))?;
        Ok((self.api.place().await?, kind))
    }

    async fn perform(&self, cx: &Cx, call: &Call) -> Result<Outcome, Undone> {
        let (place, kind) = self.with_kind(&call.key).await?;
        let at = At { api: &self.api, cx, place: &place, key: &call.key };
        let made = match &call.action {
            CallAction::Create { inputs } => self.create(&at, kind, inputs).await?,
            CallAction::Update { prior, inputs } => self.update(&at, kind, prior, inputs).await?,
            CallAction::Delete { prior } => {
                self.delete(&at, kind, prior).await?;
                return Ok(Outcome::Deleted);
            }
        };
        Ok(Outcome::Done { id: RemoteId(made.id), outputs: made.outputs })
    }
}

#[async_trait]
impl Driver for AwsDriver {
    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        let (place, kind) = self.with_kind(key).await?;
        let at = At { api: &self.api, cx, place: &place, key };
        let seen = kind.look(&at, &object.id.0).await?;
        Ok(seen.filter(|seen| is_asked_for(seen, key)).map(|seen| Object {
            inputs: merged(&place, &object.inputs, &seen.spec),
            ..as_object(kind, seen, object.deps.clone())
        }))
    }

    /// Most calls wait: for a role to be known, for a function to be ready, for their turn at an API's quota.
    fn concurrency(&self) -> usize {
        64
    }

    /// Functions take their code from the bucket where this machine does not have it.
    async fn artifact(&self, cx: &Cx, digest: &Digest, _: &Path) -> Result<bool, Failure> {
        let bucket = self.api.place().await?.concrete(&names::bucket(&cx.scope, names::ARTIFACTS));
        let kept = kinds::is_kept(&self.api, &bucket, &digest.0).await;
        kept.map_err(|error| error.failure(&format!("look for artifact {digest} in bucket {bucket}")))
    }

    async fn place(&self, _: &Cx) -> Result<Option<String>, Failure> {
        let place = self.api.place().await?;
        Ok(Some(format!("account {}, {}", place.account, place.region)))
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        self.perform(cx, call).await.unwrap_or_else(|undone| match undone {
            Undone::Failed(made, error) => {
                Outcome::Failed { partial: made.map(|made| (RemoteId(made.id), made.outputs)), error }
            }
            // `create` has dealt with it.
            Undone::Exists => {
                Outcome::Failed { partial: None, error: Failure::internal("an object exists twice") }
            }
        })
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        let key = &intent.key;
        let (place, kind) = self.with_kind(key).await?;
        let at = At { api: &self.api, cx, place: &place, key };
        let wanted = match &intent.action {
            IntentAction::Create { inputs } | IntentAction::Update { inputs } => inputs,
            IntentAction::Delete => return Err(Failure::internal("what is deleted is read, and not found")),
        };
        let seen = kind.locate(&at, wanted).await?;
        Ok(seen.filter(|seen| is_asked_for(seen, key)).map(|seen| Object {
            inputs: merged(&place, wanted, &seen.spec),
            ..as_object(kind, seen, intent.deps.clone())
        }))
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        let found = self.census(cx, |_| true).await?;
        Ok(recorded::as_recorded(&self.api.place().await?, found))
    }
}

impl AwsDriver {
    /// Everything that the scope owns of some kinds.
    pub(crate) async fn census(
        &self,
        cx: &Cx,
        wanted: impl Fn(&str) -> bool + Send,
    ) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        let place = self.api.place().await?;
        let inventory = Inventory::take(&self.api, &cx.scope).await?;
        let mut questions: Vec<BoxFuture<'_, Result<Found, Failure>>> = Vec::new();
        for (name, kind) in KINDS.iter().filter(|(name, _)| wanted(name)) {
            questions.push(self.discover_kind(cx, &place, &inventory, name, *kind).boxed());
        }
        let found: Vec<_> = stream::iter(questions).buffered(DISCOVERED_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn discover_kind(
        &self,
        cx: &Cx,
        place: &Place,
        inventory: &Inventory,
        name: &str,
        kind: &dyn AnyKind,
    ) -> Result<Found, Failure> {
        let nobody = ObjectKey { addr: Addr::new(name, "*"), generation: 0 };
        let at = At { api: &self.api, cx, place, key: &nobody };
        let seen = kind.list(&at, inventory).await?;
        Ok(seen
            .into_iter()
            .filter_map(|seen| Some((seen.key.clone()?, as_object(kind, seen, BTreeSet::new()))))
            .collect())
    }
}

fn as_prior<'a>(at: &At<'_>, object: &'a Object) -> Recorded<'a> {
    Recorded { id: &object.id.0, inputs: &object.inputs, outputs: &object.outputs, key: Some(at.key.clone()) }
}

/// Whether what was found is the object of that key, and not a generation before or after it.
fn is_asked_for(seen: &Seen<Inputs>, key: &ObjectKey) -> bool {
    seen.key.as_ref().is_none_or(|found| found == key)
}

fn as_object(kind: &dyn AnyKind, seen: Seen<Inputs>, deps: BTreeSet<ObjectKey>) -> Object {
    Object {
        id: RemoteId(seen.made.id),
        inputs: seen.spec,
        outputs: seen.made.outputs,
        deps,
        status: Status::Ready,
        protect: kind.holds_data(),
    }
}

fn unknown_kind(key: &ObjectKey) -> Failure {
    Failure {
        message: format!("{key}: the AWS provider has no kind `{}`", key.addr.kind),
        code: Some("unknown-kind".into()),
        request_id: None,
        hint: Some("was the plan made by another provider or a newer version of sf?".into()),
        transient: false,
    }
}
