//! The driver: one put or delete a call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use sf_host_api::{AppClient, Client, ClientError, ResourcePut};
use sf_plan::{
    Call, CallAction, Digest, Failure, Inputs, Intent, Object, ObjectKey, Outcome, Outputs, RemoteId,
};
use sf_provider::{Cx, Driver};

use crate::{failure, kinds};

/// The driver of one host.
#[derive(Clone, Debug)]
pub struct HostDriver {
    client: Client,
}

impl HostDriver {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    fn app(&self, cx: &Cx) -> Result<AppClient, Failure> {
        let app = self.client.app(&cx.scope.project, &cx.scope.stage);
        app.map_err(|error| failure::from_client(&error))
    }

    /// The object of exactly that generation, if the host has it and this backend put it.
    async fn get(&self, cx: &Cx, key: &ObjectKey) -> Result<Option<Object>, Failure> {
        let stored = self
            .app(cx)?
            .resource(&key.addr.kind.0, &key.addr.name)
            .await
            .map_err(|error| failure::from_client(&error))?;
        let Some(resource) = stored else {
            return Ok(None);
        };
        Ok(kinds::owned(&cx.scope, &resource)?.filter(|(stored, _)| stored == key).map(|(_, object)| object))
    }

    /// Every object that this backend put.
    async fn all(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        let resources = self.app(cx)?.resources().await;
        let mut objects = BTreeMap::new();
        for resource in resources.map_err(|error| failure::from_client(&error))? {
            objects.extend(kinds::owned(&cx.scope, &resource)?);
        }
        Ok(objects)
    }

    async fn put(&self, cx: &Cx, call: &Call, inputs: &Inputs) -> Result<(RemoteId, Outputs), Failure> {
        let addr = &call.key.addr;
        let kind = kinds::kind(&addr.kind).ok_or_else(|| unknown_kind(call))?;
        let put = ResourcePut {
            spec: kind.spec(inputs)?,
            annotations: kinds::annotations(&call.key, inputs, &call.deps),
        };
        kind.prepare(cx, &self.client, inputs).await?;
        let resource = kind.put(cx, &self.app(cx)?, addr, &put).await?;
        let stored = kinds::owned(&cx.scope, &resource)?.ok_or_else(|| lost_annotations(call))?;
        Ok((stored.1.id, stored.1.outputs))
    }

    /// Deletes the object unless a later generation has taken its place under the same name.
    async fn delete(&self, cx: &Cx, key: &ObjectKey) -> Result<(), Failure> {
        if self.get(cx, key).await?.is_none() {
            return Ok(());
        }
        let deleted: Result<bool, ClientError> =
            self.app(cx)?.delete_resource(&key.addr.kind.0, &key.addr.name).await;
        deleted.map(drop).map_err(|error| failure::from_client(&error))
    }
}

#[async_trait]
impl Driver for HostDriver {
    async fn read(&self, cx: &Cx, key: &ObjectKey, recorded: &Object) -> Result<Option<Object>, Failure> {
        let found = self.get(cx, key).await?;
        Ok(found.map(|object| with_successors(object, &recorded.deps)))
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        let outcome = match &call.action {
            CallAction::Create { inputs } | CallAction::Update { inputs, .. } => {
                self.put(cx, call, inputs).await.map(|(id, outputs)| Outcome::Done { id, outputs })
            }
            CallAction::Delete { .. } => self.delete(cx, &call.key).await.map(|()| Outcome::Deleted),
        };
        // A put takes effect as a whole or not at all: nothing is ever left half made.
        outcome.unwrap_or_else(|error| Outcome::Failed { partial: None, error })
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        let Some(object) = self.get(cx, &intent.key).await? else {
            return Ok(None);
        };
        if object.deps.is_empty() {
            return Ok(Some(object));
        }
        let there = self.all(cx).await?.into_keys().collect();
        Ok(Some(with_successors(object, &there)))
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        let objects = self.all(cx).await?;
        let there = objects.keys().cloned().collect();
        Ok(objects.into_iter().map(|(key, object)| (key, with_successors(object, &there))).collect())
    }

    /// The host keeps what earlier releases ran, and a put names it.
    async fn artifact(&self, _: &Cx, digest: &Digest, _: &Path) -> Result<bool, Failure> {
        self.client.has_artifact(&digest.0).await.map_err(|error| failure::from_client(&error))
    }
}

/// A successor takes the place of what it replaces also for those who used that and were not put again, since the same name and address reached
/// them: the host still has the old generation in their annotations.
fn with_successors(mut object: Object, there: &BTreeSet<ObjectKey>) -> Object {
    let successor = |dep: &ObjectKey| {
        let later = ObjectKey { addr: dep.addr.clone(), generation: u64::MAX };
        there.range(dep..=&later).next_back().unwrap_or(dep).clone()
    };
    object.deps = object.deps.iter().map(successor).collect();
    object
}

fn unknown_kind(call: &Call) -> Failure {
    failure::new(
        "unknown-kind",
        format!("put {}: the self-hosted provider has no kind `{}`", call.key, call.key.addr.kind),
        "was the plan made by another provider or a newer version of sf?",
    )
}

fn lost_annotations(call: &Call) -> Failure {
    failure::new(
        "lost-annotations",
        format!("put {}: the host did not keep its annotations", call.key),
        "is the host of another version? stop it with `sf host stop`; the next deploy starts a new one",
    )
}
