//! What each remote kind is: what a change of it means, and how it is put.

mod api;
mod authorizer;
mod bucket;
mod function;
mod queue;
mod record;
mod release;
mod route;
mod schedule;
mod secret;
mod socket;
mod subscription;
mod table;
mod topic;

use async_trait::async_trait;
use sf_host_api::{AppClient, Client, Resource, ResourcePut};
use sf_plan::{Addr, Effect, Failure, Inputs, Json, Kind, Path, Schemas, Value};
use sf_provider::Cx;

use crate::compile::{PROTECT, TAGS};
use crate::failure;
use crate::names;
pub(crate) use record::{annotations, owned};
pub(crate) use socket::SOCKET_API;

/// One remote kind.
#[async_trait]
pub(crate) trait RemoteKind: Send + Sync {
    /// What a change at `path` of the inputs means.
    fn effect(&self, path: &Path) -> Effect {
        let _ = path;
        Effect::InPlace
    }

    /// Whether `output` survives a change in place.
    fn stable(&self, output: &str) -> bool;

    /// Whether what it holds is gone with it.
    fn holds_data(&self) -> bool {
        false
    }

    /// The body that the host wants, of the resolved inputs.
    ///
    /// # Errors
    /// The inputs hold something that this kind cannot take.
    fn spec(&self, inputs: &Inputs) -> Result<Json, Failure> {
        plain(inputs)
    }

    /// What must be done before the put.
    ///
    /// # Errors
    /// It could not be done.
    async fn prepare(&self, cx: &Cx, client: &Client, inputs: &Inputs) -> Result<(), Failure> {
        let _ = (cx, client, inputs);
        Ok(())
    }

    /// The put itself.
    ///
    /// # Errors
    /// The host refused it, or could not be asked.
    async fn put(
        &self,
        cx: &Cx,
        app: &AppClient,
        addr: &Addr,
        put: &ResourcePut,
    ) -> Result<Resource, Failure> {
        let _ = cx;
        self::put(app, addr, put).await
    }
}

async fn put(app: &AppClient, addr: &Addr, put: &ResourcePut) -> Result<Resource, Failure> {
    let stored = app.put_resource(&addr.kind.0, &addr.name, put).await;
    stored.map_err(|error| failure::from_client(&error))
}

/// The kind of that name; `None` if this backend has none such.
pub(crate) fn kind(name: &Kind) -> Option<&'static dyn RemoteKind> {
    match name.0.as_str() {
        names::API => Some(&api::Api),
        names::AUTHORIZER => Some(&authorizer::Authorizer),
        names::BUCKET => Some(&bucket::Bucket),
        names::FUNCTION => Some(&function::Function),
        names::QUEUE => Some(&queue::Queue),
        names::RELEASE => Some(&release::Release),
        names::ROUTE => Some(&route::Route),
        names::SCHEDULE => Some(&schedule::Schedule),
        names::SECRET => Some(&secret::Secret),
        names::SOCKET => Some(&socket::Socket),
        names::SUBSCRIPTION => Some(&subscription::Subscription),
        names::TABLE => Some(&table::Table),
        names::TOPIC => Some(&topic::Topic),
        _ => None,
    }
}

/// Whether objects of that kind are deleted and replaced only with consent.
pub(crate) fn holds_data(name: &Kind) -> bool {
    kind(name).is_some_and(RemoteKind::holds_data)
}

/// What the planner asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostSchemas;

impl Schemas for HostSchemas {
    fn effect(&self, name: &Kind, path: &Path) -> Effect {
        kind(name).map_or(Effect::InPlace, |kind| kind.effect(path))
    }

    /// Never: a successor overwrites its predecessor under the same name, and the delete of a generation that was
    /// overwritten does nothing. Deletes come late, when the new release no longer uses what they delete.
    fn delete_first(&self, _: &Kind) -> bool {
        false
    }

    fn stable(&self, name: &Kind, output: &str) -> bool {
        kind(name).is_some_and(|kind| kind.stable(output))
    }

    fn guards(&self, _: &Kind, inputs: &Inputs) -> bool {
        matches!(inputs, Value::Map(inputs) if inputs.get(PROTECT) == Some(&Value::Lit(true.into())))
    }
}

/// Inputs as plain JSON, without what only the annotations keep: an artifact is its digest.
fn plain(inputs: &Inputs) -> Result<Json, Failure> {
    let Value::Map(inputs) = inputs else { return Err(malformed("they are no map")) };
    let entries = inputs.iter().filter(|(name, _)| ![PROTECT, TAGS].contains(&name.as_str()));
    Ok(Json::Object(
        entries
            .map(|(name, value)| Ok((name.clone(), plain_value(value)?)))
            .collect::<Result<_, Failure>>()?,
    ))
}

fn plain_value(value: &Value) -> Result<Json, Failure> {
    Ok(match value {
        Value::Lit(literal) => literal.clone(),
        Value::Artifact(digest) => digest.0.clone().into(),
        Value::List(items) => Json::Array(items.iter().map(plain_value).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| Ok((key.clone(), plain_value(value)?)));
            Json::Object(entries.collect::<Result<_, Failure>>()?)
        }
        Value::Ref { of, output } => {
            return Err(malformed(&format!("output `{output}` of {of} is not resolved")));
        }
        Value::Secret { .. } => return Err(malformed("a secret's value is no input of anything")),
    })
}

fn malformed(cause: &str) -> Failure {
    crate::failure::new(
        "bad-inputs",
        format!("the inputs cannot be sent to the host: {cause}"),
        "this is a defect of the self-hosted provider: please report it",
    )
}
