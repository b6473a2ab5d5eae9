//! Resources that hold or carry data: made at their put, gone after their delete; and what all resources have to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sf_data::AppId;
use sf_host_api::ApiError;

use super::specs::{self, Definition};
use super::{Shared, data_fault, url_of};
use crate::records::AppRecord;

/// Whether a kind's delete loses data.
pub(super) fn holds_data(kind: &str) -> bool {
    matches!(kind, "bucket" | "queue" | "secret" | "table" | "topic")
}

impl Shared {
    /// Makes a resource, or changes it to what is wanted; nothing if it is so already.
    pub(super) async fn define(
        &self,
        app: &AppId,
        name: &str,
        definition: Definition,
    ) -> Result<(), ApiError> {
        match definition {
            Definition::Bucket => self.data.define_bucket(app, name).await,
            Definition::Queue(queue) => self.data.define_queue(app, name, queue).await,
            Definition::Table(table) => self.data.define_table(app, name, table).await,
            Definition::Topic => self.data.define_topic(app, name).await,
            Definition::Secret => Ok(()),
        }
        .map_err(data_fault)
    }

    /// Makes what a record names, after a start: the data may be older than the record.
    pub(super) async fn define_all(&self, app: &AppId, record: &AppRecord) -> Result<(), ApiError> {
        for stored in record.resources.values() {
            let resource = &stored.newest;
            if let Some(definition) = specs::definition(&resource.kind, &resource.spec)? {
                self.define(app, &resource.name, definition).await?;
            }
        }
        Ok(())
    }

    /// Drops the data of resources that were deleted. Their addresses stand in the record until this is done, so that a killed host does it later.
    pub(super) async fn finish_drops(&self, app: &AppId, record: &mut AppRecord) -> Result<(), ApiError> {
        for address in &record.dropping {
            let (kind, name) = address.split_once('/').unwrap_or((address, ""));
            match kind {
                "bucket" => self.data.drop_bucket(app, name).await,
                "queue" => self.data.drop_queue(app, name).await,
                "secret" => self.data.remove_secret(app, name).await.map(drop),
                "table" => self.data.drop_table(app, name).await,
                "topic" => self.data.drop_topic(app, name).await,
                _ => Ok(()),
            }
            .map_err(data_fault)?;
        }
        record.dropping.clear();
        Ok(())
    }

    /// The base of the data API's paths.
    pub(crate) fn data_url(&self, app: &AppId) -> String {
        format!("{}/v1/apps/{}/{}/data", self.url(), app.project, app.stage)
    }

    /// What a resource has to say.
    pub(super) fn outputs(
        &self,
        record: &AppRecord,
        kind: &str,
        name: &str,
        revision: &str,
    ) -> BTreeMap<String, Value> {
        let mut outputs = BTreeMap::from([("revision".to_owned(), Value::from(revision))]);
        if holds_data(kind) {
            outputs.insert("name".into(), format!("{}-{}-{name}", record.project, record.stage).into());
        }
        match (kind, record.port) {
            ("api", Some(port)) => {
                outputs.insert("port".into(), port.into());
                outputs.insert("url".into(), url_of(port).into());
            }
            ("socket", Some(port)) => {
                outputs.insert("url".into(), format!("ws://127.0.0.1:{port}/-/sockets/{name}").into());
            }
            ("queue", _) => {
                let url = format!("{}/queues/{name}/messages", self.data_url(&record.id()));
                outputs.insert("url".into(), url.into());
            }
            // Whoever looks sees that the release is not all that answers.
            ("release", _) => {
                let rolling = record.rollout.as_ref().filter(|rollout| rollout.back.is_none());
                outputs.extend(rolling.map(|rolling| ("rollout".into(), rolling.revision.clone().into())));
            }
            _ => {}
        }
        outputs
    }

    /// Brings up to date what depends on ports: the app's gateway's and the host's own.
    pub(super) fn refresh_outputs(&self, record: &mut AppRecord) {
        let mut resources = std::mem::take(&mut record.resources);
        for stored in resources.values_mut() {
            let resource = &stored.newest;
            let outputs = self.outputs(record, &resource.kind, &resource.name, &resource.revision);
            if outputs != resource.outputs {
                Arc::make_mut(stored).newest.outputs = outputs;
            }
        }
        record.resources = resources;
    }
}
