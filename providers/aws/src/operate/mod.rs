//! What people do with what is deployed: invoke, read logs, look, and the data.

mod info;
mod invoke;
mod logs;
mod rights;

use std::collections::BTreeMap;

use async_trait::async_trait;
use sf_plan::{Failure, Object, ObjectKey};
use sf_provider::{
    Cx, Endpoint, Identity, Info, Invocation, InvokeResult, LogQuery, LogStream, Operate, Right,
};

use crate::api::Client;

/// The operations of one account and region.
#[derive(Clone, Debug)]
pub struct AwsOperate {
    api: Client,
}

impl AwsOperate {
    pub(crate) fn new(api: Client) -> Self {
        Self { api }
    }
}

#[async_trait]
impl Operate for AwsOperate {
    async fn invoke(&self, cx: &Cx, invocation: &Invocation) -> Result<InvokeResult, Failure> {
        invoke::run(&self.api, cx, invocation).await
    }

    async fn logs(&self, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure> {
        logs::run(&self.api, cx, query).await
    }

    async fn info(&self, cx: &Cx) -> Result<Option<Info>, Failure> {
        info::run(&self.api, cx).await
    }

    fn endpoints(&self, objects: &BTreeMap<ObjectKey, Object>) -> Option<Vec<Endpoint>> {
        Some(info::endpoints(&self.api, objects))
    }

    async fn identity(&self, _: &Cx, rights: &[Right]) -> Result<Option<Identity>, Failure> {
        let who = self.api.identity().await?;
        let known = rights::ask(&self.api, rights).await?;
        let notes = self.api.notes().iter().cloned().chain(known.notes).collect();
        Ok(Some(Identity {
            account: Some(who.account.clone()),
            user: Some(who.arn.clone()),
            location: Some(who.region.clone()),
            endpoint: self.api.overridden_endpoint(),
            version: None,
            missing: known.missing,
            notes,
        }))
    }
}
