//! What people do with a deployed App: call it, read its logs, look at it.

use async_trait::async_trait;
use sf_host_api::{AppStatus, Client, InvokeRequest, LogLines, LogsQuery};
use sf_plan::Failure;
use sf_provider::{Cx, Endpoint, Info, Invocation, InvokeResult, LogLine, LogQuery, LogStream, Operate};
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
        let status = self.app(cx)?.status().await;
        let status = status.map_err(|error| failure::from_client(&error))?;
        Ok(status.filter(|status| status.release.is_some()).map(info))
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

fn info(status: AppStatus) -> Info {
    let problems = problems(&status);
    // An address at which nothing listens is no endpoint.
    let url = status.url.filter(|_| status.gateway_error.is_none());
    let api = url.map(|url| Endpoint { kind: "api".into(), name: "api".into(), url });
    let routes =
        status.routes.iter().map(|route| format!("{} {} -> {}", route.method, route.path, route.function));
    let schedules = status.schedules.iter().map(|schedule| {
        let zone = match schedule.timezone.as_str() {
            "UTC" => String::new(),
            zone => format!(" ({zone})"),
        };
        format!("{}{zone} -> {}", schedule.expression, schedule.function)
    });
    Info {
        endpoints: api.into_iter().collect(),
        routes: routes.collect(),
        schedules: schedules.collect(),
        functions: status.functions.into_iter().map(|function| function.name).collect(),
        release: status.release,
        problems,
    }
}

fn problems(status: &AppStatus) -> Vec<String> {
    let gateway = status.gateway_error.iter().map(|error| format!("the HTTP API does not answer: {error}"));
    let workers = status.functions.iter().filter_map(|function| {
        let error = function.last_error.as_deref()?;
        Some(format!("function `{}` could not be started: {error}", function.name))
    });
    gateway.chain(workers).collect()
}

#[cfg(test)]
mod tests {
    use sf_host_api::FunctionStatus;

    use super::*;

    #[test]
    fn what_does_not_work_is_said() {
        let status = AppStatus {
            project: "shop".into(),
            stage: "dev".into(),
            url: Some("http://127.0.0.1:8080".into()),
            gateway_error: Some("port 8080 is taken".into()),
            release: Some("r1".into()),
            routes: Vec::new(),
            schedules: Vec::new(),
            functions: vec![FunctionStatus {
                name: "hello".into(),
                artifact: "ab".into(),
                workers: 0,
                last_error: Some("there is no `node` on PATH".into()),
            }],
        };
        let info = info(status);
        assert_eq!(info.endpoints, []);
        let expected = [
            "the HTTP API does not answer: port 8080 is taken",
            "function `hello` could not be started: there is no `node` on PATH",
        ];
        assert_eq!(info.problems, expected);
    }
}
