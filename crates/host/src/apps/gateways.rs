//! Apps' gateways and their ports, kept over restarts.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use sf_host_api::ApiError;

use super::{App, Shared, fault, lock};
use crate::gateway::Gateway;
use crate::records::AppRecord;

impl Shared {
    /// Listens where a gateway could not before: whoever had its port may be gone.
    pub(crate) async fn reopen_gateways(&self) {
        for app in self.apps() {
            let _changing = self.changing.lock().await;
            let closed = app.gateway.lock().await.is_none();
            if let Some(port) = app.record().port.filter(|_| closed) {
                match self.listen(&app, port).await {
                    Ok(port) => tracing::info!(port, "the gateway listens again"),
                    Err(error) => *lock(&app.gateway_error) = Some(error.to_string()),
                }
            }
        }
    }

    pub(super) async fn close_gateways(&self) {
        let close = async |app: Arc<App>| {
            if let Some(gateway) = app.gateway.lock().await.take() {
                gateway.close().await;
            }
        };
        // All at once: each may take its time.
        join_all(self.apps().into_iter().map(close)).await;
    }

    /// The app's port: the one asked for, or the one it has, or the first free one that no other app has.
    pub(super) async fn gateway_port(
        &self,
        app: &Arc<App>,
        record: &AppRecord,
        asked: Option<u16>,
    ) -> Result<u16, ApiError> {
        let open = app.gateway.lock().await.as_ref().map(|gateway| gateway.port);
        if let Some(port) = asked.or(record.port) {
            if open != Some(port) {
                self.listen(app, port).await?;
            }
            return Ok(port);
        }
        let first = self.config.first_gateway_port;
        if first == 0 {
            return self.listen(app, 0).await;
        }
        let taken: BTreeSet<u16> = self.apps().iter().filter_map(|app| app.record().port).collect();
        for port in (first..=u16::MAX).filter(|port| !taken.contains(port)).take(1000) {
            if self.listen(app, port).await.is_ok() {
                return Ok(port);
            }
        }
        Err(fault("port-taken", format!("no port from {first} on is free")))
    }

    pub(super) async fn listen(&self, app: &Arc<App>, port: u16) -> Result<u16, ApiError> {
        let address = SocketAddr::new(self.address.ip(), port);
        let opened = Gateway::open(address, app.clone(), self.connections.clone()).map_err(|error| {
            let mut fault = fault("port-taken", format!("listen at port {port}: {error}"));
            fault.hint = Some("choose another with `port` in `[providers.self-hosted]`".into());
            fault
        })?;
        let port = opened.port;
        *lock(&app.gateway_error) = None;
        if let Some(previous) = app.gateway.lock().await.replace(opened) {
            tokio::spawn(previous.close());
        }
        Ok(port)
    }
}
