//! Secrets: set and removed, never shown.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use sf_data::{AppId, SecretValue};
use sf_host_api::SecretInfo;

use super::{AppPath, Host, Refusal};
use crate::apps::{check_plain_name, check_secret_name, data_fault, fault};

/// Those that the app declares and those that were set, by name. An app may have secrets before it is deployed.
pub(super) async fn list(
    State(shared): Host,
    Path((project, stage)): AppPath,
) -> Result<Json<Vec<SecretInfo>>, Refusal> {
    let resources = shared.app(&project, &stage).map(|app| app.record().resources).unwrap_or_default();
    let declared = resources.into_values().filter(|stored| stored.newest.kind == "secret");
    let mut secrets: BTreeMap<String, SecretInfo> = declared
        .map(|stored| stored.newest.name)
        .map(|name| (name.clone(), SecretInfo { name, declared: true, updated_ms: None }))
        .collect();
    for set in shared.data.secrets(&AppId { project, stage }).await.map_err(data_fault)? {
        let info = secrets.entry(set.name.clone());
        info.or_insert(SecretInfo { name: set.name, declared: false, updated_ms: None }).updated_ms =
            Some(set.updated_ms);
    }
    Ok(Json(secrets.into_values().collect()))
}

pub(super) async fn set(
    State(shared): Host,
    Path((project, stage, name)): Path<(String, String, String)>,
    value: Bytes,
) -> Result<StatusCode, Refusal> {
    check_plain_name(&project)?;
    check_plain_name(&stage)?;
    check_secret_name(&name)?;
    if value.is_empty() {
        return Err(Refusal(fault("bad-request", format!("set secret `{name}`: the value is empty"))));
    }
    let value = SecretValue::from(Vec::from(value));
    shared.data.set_secret(&AppId { project, stage }, &name, value).await.map_err(data_fault)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(shared): Host,
    Path((project, stage, name)): Path<(String, String, String)>,
) -> Result<StatusCode, Refusal> {
    match shared.data.remove_secret(&AppId { project, stage }, &name).await.map_err(data_fault)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Refusal(fault("not-found", format!("secret `{name}` has no value")))),
    }
}
