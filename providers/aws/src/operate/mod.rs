//! What people do with what is deployed: invoke, read logs, look, and the data.

mod info;
mod invoke;
mod items;
mod letters;
mod logs;
mod messages;
mod objects;
mod rights;
mod secrets;
mod values;

use std::collections::BTreeMap;

use async_trait::async_trait;
use sf_plan::{Failure, Object, ObjectKey};
use sf_provider::{
    Cx, Endpoint, Identity, Info, Invocation, InvokeResult, Items, LogQuery, LogStream, Messages, Objects,
    Operate, Right, Secrets,
};

use crate::api::{ApiError, Client};

/// The operations of one account and region.
#[derive(Clone, Debug)]
pub struct AwsOperate {
    api: Client,
}

impl AwsOperate {
    /// Over a client.
    pub fn new(api: Client) -> Self {
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

    fn secrets(&self) -> Option<&dyn Secrets> {
        Some(self)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        Some(self)
    }

    fn objects(&self) -> Option<&dyn Objects> {
        Some(self)
    }

    fn items(&self) -> Option<&dyn Items> {
        Some(self)
    }
}

/// What AWS refused to do with data: that something is not there is told by the code that every provider has for it.
fn refused(doing: &str, error: &ApiError) -> Failure {
    let mut failure = error.failure(doing);
    if error.is_missing() {
        failure.code = Some("not-found".into());
        failure.hint = Some("is it deployed? `sf deploy` makes what the manifest has".into());
    }
    failure
}

/// A failure of our own finding.
fn failure(code: &str, message: String, hint: &str) -> Failure {
    Failure { message, code: Some(code.into()), request_id: None, hint: Some(hint.into()), transient: false }
}
