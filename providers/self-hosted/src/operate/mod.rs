//! What people do with a deployed App: call it, read its logs, look at it and at its data.

mod data;
mod info;
mod items;
mod messages;
mod objects;
mod secrets;

use async_trait::async_trait;
use sf_host_api::{Client, InvokeRequest, LogLines, LogsQuery};
use sf_plan::Failure;
use sf_provider::{
    Cx, Identity, Info, Invocation, InvokeResult, Items, LogLine, LogQuery, LogStream, Messages, Objects,
    Operate, Right, Secrets,
};
use tokio::sync::mpsc;

use crate::failure;

/// Log lines that may wait for a slow reader before the host is made to wait.
const LOG_BUFFER: usize = 256;

/// The operations of one host.
#[derive(Clone, Debug)]
pub struct HostOperate {
    client: Client,
}

impl HostOperate {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    fn app(&self, cx: &Cx) -> Result<sf_host_api::AppClient, Failure> {
        let app = self.client.app(&cx.scope.project, &cx.scope.stage);
        app.map_err(|error| failure::from_client(&error))
    }
}

#[async_trait]
impl Operate for HostOperate {
    async fn invoke(&self, cx: &Cx, invocation: &Invocation) -> Result<InvokeResult, Failure> {
        let request = InvokeRequest { payload: invocation.payload.clone() };
        let answer = self.app(cx)?.invoke(&invocation.function, &request).await;
        let answer = answer.map_err(|error| failure::from_client(&error))?;
        Ok(InvokeResult {
            ok: answer.ok,
            payload: answer.payload,
            logs: answer.logs.into_iter().map(line).collect(),
            duration_ms: answer.duration_ms,
        })
    }

    async fn logs(&self, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure> {
        let query = LogsQuery {
            function: query.function.clone(),
            since_ms: query.since_ms,
            tail: query.tail,
            follow: query.follow,
        };
        let lines = self.app(cx)?.logs(&query).await;
        let lines = lines.map_err(|error| failure::from_client(&error))?;
        let (sender, receiver) = mpsc::channel(LOG_BUFFER);
        tokio::spawn(forward(lines, sender));
        Ok(receiver)
    }

    async fn info(&self, cx: &Cx) -> Result<Option<Info>, Failure> {
        let app = self.app(cx)?;
        let status = app.status().await.map_err(|error| failure::from_client(&error))?;
        let Some(status) = status.filter(|status| status.release.is_some()) else {
            return Ok(None);
        };
        let resources = app.resources().await.map_err(|error| failure::from_client(&error))?;
        Ok(Some(info::info(status, &resources)))
    }

    async fn is_bare(&self, cx: &Cx) -> Result<bool, Failure> {
        Ok(self.info(cx).await?.is_none())
    }

    async fn identity(&self, _: &Cx, _: &[Right]) -> Result<Option<Identity>, Failure> {
        let status = self.client.status().await.map_err(|error| failure::from_client(&error))?;
        Ok(Some(info::identity(self.client.url(), status, env!("CARGO_PKG_VERSION"))))
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

/// Until the log ends, or nobody reads it any more.
async fn forward(mut lines: LogLines, sender: mpsc::Sender<Result<LogLine, Failure>>) {
    loop {
        let next = tokio::select! {
            next = lines.next() => next,
            () = sender.closed() => return,
        };
        let Some(result) = next else { return };
        let failed = result.is_err();
        let item = result.map(line).map_err(|error| failure::from_client(&error));
        if sender.send(item).await.is_err() || failed {
            return;
        }
    }
}

fn line(line: sf_host_api::LogLine) -> LogLine {
    LogLine { time_ms: line.time_ms, function: line.function, stream: line.stream, message: line.message }
}
