//! Releases that take over in steps.

use axum::Json;
use axum::extract::{Path, State};
use sf_host_api::{ResourcePut, RolloutStatus};

use super::{AppPath, Host, Refusal, no_app};
use crate::apps::{check_plain_name, fault, nothing_released};

pub(super) async fn status(
    State(shared): Host,
    Path((project, stage)): AppPath,
) -> Result<Json<RolloutStatus>, Refusal> {
    let app = shared.app(&project, &stage).ok_or_else(|| no_app(&project, &stage))?;
    Ok(Json(app.rollout_status().ok_or_else(nothing_released)?))
}

pub(super) async fn begin(
    State(shared): Host,
    Path((project, stage)): AppPath,
    body: Result<Json<ResourcePut>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<RolloutStatus>, Refusal> {
    let Json(put) = body.map_err(|error| Refusal(fault("bad-spec", error.body_text())))?;
    check_plain_name(&project)?;
    check_plain_name(&stage)?;
    // A client that goes away must not leave a change half-made.
    let change = tokio::spawn(async move { shared.roll_out(&project, &stage, put).await });
    let done = change.await.map_err(|error| Refusal(fault("internal", error.to_string())))?;
    Ok(Json(done?))
}

pub(super) async fn take_back(
    State(shared): Host,
    Path((project, stage)): AppPath,
) -> Result<Json<RolloutStatus>, Refusal> {
    let change = tokio::spawn(async move { shared.take_back(&project, &stage).await });
    let done = change.await.map_err(|error| Refusal(fault("internal", error.to_string())))?;
    Ok(Json(done?))
}
