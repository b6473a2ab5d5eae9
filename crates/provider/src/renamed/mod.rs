//! What people call otherwise than the provider does: names are translated where they come in, and back where they go out.
//!
//! A provider knows everything by its first name (see [`sf_model::Renames`]). Nobody who works with the App has to.

mod data;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use sf_model::{ItemKind, Renames};
use sf_plan::{Failure, Object, ObjectKey};
use tokio::sync::mpsc;

use crate::contract::{
    Endpoint, Identity, Info, Invocation, InvokeResult, LogLine, LogQuery, LogStream, Operate, Right,
};
use crate::data::{Items, Messages, Objects, Secrets};
use crate::{Cx, renamed::data::Data};

/// Log lines that wait to be read.
const WAITING_LINES: usize = 256;

/// A provider's [`Operate`] in the words of a manifest.
pub struct Renamed {
    inner: Arc<dyn Operate>,
    renames: Arc<Renames>,
    data: Data,
}

impl Renamed {
    /// `inner` itself, where all is called as it was from the beginning.
    pub fn wrap(inner: Arc<dyn Operate>, renames: &Renames) -> Arc<dyn Operate> {
        if renames.is_empty() {
            return inner;
        }
        let renames = Arc::new(renames.clone());
        Arc::new(Self { data: Data { inner: inner.clone(), renames: renames.clone() }, inner, renames })
    }

    fn first(&self, kind: ItemKind, now: &str) -> String {
        self.renames.first(kind, now).to_owned()
    }
}

/// In place: what the manifest calls a thing.
fn tell(renames: &Renames, kind: ItemKind, name: &mut String) {
    let now = renames.now(kind, name);
    if now != name {
        *name = now.to_owned();
    }
}

/// `topic words` -> `topic news`, and of a socket's route `talk:$connect` -> `chat:$connect`
fn tell_source(renames: &Renames, source: &mut String) {
    let of_kind = source.split_once(' ').and_then(|(kind, first)| {
        Some(format!("{kind} {}", renames.now(ItemKind::from_singular(kind)?, first)))
    });
    let of_socket = || {
        let (first, route) = source.split_once(':')?;
        Some(format!("{}:{route}", renames.now(ItemKind::Socket, first)))
    };
    if let Some(told) = of_kind.or_else(of_socket) {
        *source = told;
    }
}

/// `GET /orders -> sales` -> `GET /orders -> orders`
fn tell_caller(renames: &Renames, line: &mut String) {
    if let Some((source, function)) = line.rsplit_once(" -> ") {
        let mut source = source.to_owned();
        tell_source(renames, &mut source);
        *line = format!("{source} -> {}", renames.now(ItemKind::Function, function));
    }
}

fn tell_endpoint(renames: &Renames, endpoint: &mut Endpoint) {
    if let Some(kind) = ItemKind::from_singular(&endpoint.kind) {
        tell(renames, kind, &mut endpoint.name);
    }
}

#[async_trait]
impl Operate for Renamed {
    async fn invoke(&self, cx: &Cx, invocation: &Invocation) -> Result<InvokeResult, Failure> {
        let function = self.first(ItemKind::Function, &invocation.function);
        let mut result =
            self.inner.invoke(cx, &Invocation { function, payload: invocation.payload.clone() }).await?;
        for line in &mut result.logs {
            tell(&self.renames, ItemKind::Function, &mut line.function);
        }
        Ok(result)
    }

    async fn logs(&self, cx: &Cx, query: &LogQuery) -> Result<LogStream, Failure> {
        let function = query.function.as_deref().map(|name| self.first(ItemKind::Function, name));
        let mut lines = self.inner.logs(cx, &LogQuery { function, ..query.clone() }).await?;
        let (told, stream) = mpsc::channel(WAITING_LINES);
        let renames = self.renames.clone();
        tokio::spawn(async move {
            let of = |mut line: LogLine| {
                tell(&renames, ItemKind::Function, &mut line.function);
                line
            };
            loop {
                // Whoever reads no longer also wants no more of a stream without an end.
                let line = tokio::select! {
                    line = lines.recv() => line,
                    () = told.closed() => None,
                };
                let Some(line) = line else { break };
                if told.send(line.map(of)).await.is_err() {
                    break;
                }
            }
        });
        Ok(stream)
    }

    async fn info(&self, cx: &Cx) -> Result<Option<Info>, Failure> {
        let Some(mut info) = self.inner.info(cx).await? else { return Ok(None) };
        for endpoint in &mut info.endpoints {
            tell_endpoint(&self.renames, endpoint);
        }
        for name in &mut info.functions {
            tell(&self.renames, ItemKind::Function, name);
        }
        info.functions.sort();
        for line in info.routes.iter_mut().chain(&mut info.schedules).chain(&mut info.events) {
            tell_caller(&self.renames, line);
        }
        Ok(Some(info))
    }

    async fn is_bare(&self, cx: &Cx) -> Result<bool, Failure> {
        self.inner.is_bare(cx).await
    }

    fn endpoints(&self, objects: &BTreeMap<ObjectKey, Object>) -> Option<Vec<Endpoint>> {
        let mut endpoints = self.inner.endpoints(objects)?;
        for endpoint in &mut endpoints {
            tell_endpoint(&self.renames, endpoint);
        }
        Some(endpoints)
    }

    async fn identity(&self, cx: &Cx, rights: &[Right]) -> Result<Option<Identity>, Failure> {
        self.inner.identity(cx, rights).await
    }

    fn secrets(&self) -> Option<&dyn Secrets> {
        self.inner.secrets().is_some().then_some(&self.data)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        self.inner.messages().is_some().then_some(&self.data)
    }

    fn objects(&self) -> Option<&dyn Objects> {
        self.inner.objects().is_some().then_some(&self.data)
    }

    fn items(&self) -> Option<&dyn Items> {
        self.inner.items().is_some().then_some(&self.data)
    }
}
