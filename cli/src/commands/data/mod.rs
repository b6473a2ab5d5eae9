//! The commands around data: `secret`, `queue`, `topic`, `bucket`, `table`. They ask the provider through its contract, so that each of them
//! works wherever the provider has that kind of data.

pub(crate) mod bucket;
pub(crate) mod input;
pub(crate) mod queue;
pub(crate) mod secret;
pub(crate) mod table;
pub(crate) mod topic;

use std::collections::BTreeMap;
use std::sync::Arc;

use sf_plan::Failure;
use sf_provider::{Cx, Operate};

use crate::commands::plan;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::Settings;

/// A deployed project's provider.
struct Deployed {
    operate: Arc<dyn Operate>,
    cx: Cx,
}

/// Connects to what is deployed.
async fn deployed(settings: &Settings, project: &Project) -> Result<Deployed, Error> {
    let connection =
        registry::connect(settings, &project.app, Reach::Running).await?.ok_or_else(registry::not_running)?;
    let cx = plan::context(project);
    if connection.operate.info(&cx).await?.is_none() {
        let app = &project.app;
        let message = format!("look at `{}`, stage `{}`: it is not deployed", app.project, app.stage);
        return Err(Error::new(Exit::Failed, "not-deployed", message).hint("`sf deploy` deploys it"));
    }
    Ok(Deployed { operate: connection.operate, cx })
}

/// A part of the provider's contract, or the error that it has none such.
fn supported<'a, T: ?Sized>(part: Option<&'a T>, project: &Project, what: &str) -> Result<&'a T, Error> {
    part.ok_or_else(|| {
        let provider = &project.app.provider;
        let message = format!("use {what}: sf cannot do that on provider `{provider}` yet");
        Error::new(Exit::Failed, "unsupported", message)
            .hint("use the provider's own console or command line")
    })
}

/// A name of the manifest, or the error that names those there are.
fn declared<'a, T>(kind: &str, name: &str, items: &'a BTreeMap<String, T>) -> Result<&'a T, Error> {
    if let Some(item) = items.get(name) {
        return Ok(item);
    }
    let names: Vec<_> = items.keys().map(|name| format!("`{name}`")).collect();
    let error = Error::usage(
        &format!("unknown-{kind}"),
        format!("use {kind} `{name}`: the manifest has none of that name"),
    );
    Err(match names.as_slice() {
        [] => error.hint(format!("it declares no {kind}: add `[{kind}s.{name}]` and deploy")),
        _ => error.hint(format!("it has {}", names.join(", "))),
    })
}

/// What the manifest names and the provider does not know is newer than what is deployed.
fn absent(failure: Failure) -> Error {
    let absent = failure.code.as_deref() == Some("not-found");
    let error = Error::from(failure);
    if absent { error.hint("it stands in the manifest but is not deployed yet: `sf deploy`") } else { error }
}
