//! `sf info`: what is deployed, as AWS has it.

use std::collections::BTreeMap;

use sf_plan::{Failure, Json, Object, ObjectKey};
use sf_provider::{Cx, Endpoint, Info};

use crate::api::Client;
use crate::driver::AwsDriver;
use crate::kinds::Inventory;
use crate::names::REGION;

/// The kinds that say where something answers and what calls what.
const KINDS: [&str; 11] = [
    "domain-mapping",
    "event-source",
    "http-api",
    "integration",
    "notification",
    "route",
    "schedule",
    "stage",
    "subscription",
    "url",
    "websocket-api",
];

pub(super) async fn run(api: &Client, cx: &Cx) -> Result<Option<Info>, Failure> {
    let driver = AwsDriver::new(api.clone());
    let objects = driver.census(cx, |kind| KINDS.contains(&kind)).await?;
    let inventory = Inventory::take(api, &cx.scope).await?;
    let functions: Vec<String> =
        inventory.of("function").iter().map(|(key, _)| key.addr.name.clone()).collect();
    if functions.is_empty() && objects.is_empty() {
        return Ok(None);
    }
    let place = api.place().await?;
    let scope = format!("{}-{}-", cx.scope.project, cx.scope.stage);
    let census = Census { objects: &objects, scope: &scope, concrete: &|text| place.concrete(text) };
    Ok(Some(Info {
        endpoints: census.endpoints(),
        routes: census.routes(),
        schedules: census.calls("schedule", |inputs| text(inputs, "ScheduleExpression").to_owned()),
        events: census.events(),
        functions: sorted(functions),
        rollouts: Vec::new(),
        release: None,
        problems: Vec::new(),
    }))
}

/// Where objects answer, by what is recorded of them: the region is all that has to be put in.
pub(super) fn endpoints(api: &Client, objects: &BTreeMap<ObjectKey, Object>) -> Vec<Endpoint> {
    Census { objects, scope: "", concrete: &|text| text.replace(REGION, api.region()) }.endpoints()
}

struct Census<'a> {
    objects: &'a BTreeMap<ObjectKey, Object>,
    /// What physical names begin with.
    scope: &'a str,
    concrete: &'a dyn Fn(&str) -> String,
}

impl Census<'_> {
    fn of<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = (&'b str, &'b Object, Json)> {
        let of_kind = self.objects.iter().filter(move |(key, _)| key.addr.kind.0 == kind);
        of_kind.map(|(key, object)| (key.addr.name.as_str(), object, object.inputs.to_json()))
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for (kind, shown) in [("http-api", "api"), ("websocket-api", "socket"), ("url", "function")] {
            for (name, object, _) in self.of(kind) {
                let url = object.outputs.get("url").and_then(Json::as_str).unwrap_or_default();
                endpoints.push(Endpoint { kind: shown.into(), name: name.into(), url: (self.concrete)(url) });
            }
        }
        for (domain, _, _) in self.of("domain-mapping") {
            endpoints.push(Endpoint {
                kind: "api".into(),
                name: domain.into(),
                url: format!("https://{domain}"),
            });
        }
        endpoints
    }

    /// `GET /x -> function`
    fn routes(&self) -> Vec<String> {
        let integrations: BTreeMap<String, String> = self
            .of("integration")
            .map(|(name, object, _)| {
                let id = object.outputs.get("id").and_then(Json::as_str).unwrap_or_default();
                (id.to_owned(), name.rsplit(':').next().unwrap_or_default().to_owned())
            })
            .collect();
        let route = |(name, _, inputs): (&str, &Object, Json)| {
            let function = integrations.get(text(&inputs, "Integration"))?;
            Some(format!("{name} -> {function}"))
        };
        sorted(self.of("route").filter_map(route).collect())
    }

    /// What calls a function by its alias.
    fn calls(&self, kind: &str, what: impl Fn(&Json) -> String) -> Vec<String> {
        let call = |(_, _, inputs): (&str, &Object, Json)| {
            format!("{} -> {}", what(&inputs), self.name(function(text(&inputs, "Alias"))))
        };
        sorted(self.of(kind).map(call).collect())
    }

    /// The manifest's name of a physical one; a long one that was cut short stays as it is.
    fn name<'b>(&self, physical: &'b str) -> &'b str {
        physical.strip_prefix(self.scope).unwrap_or(physical)
    }

    /// `queue NAME` or `table NAME`, of what an event source reads.
    fn source(&self, arn: &str) -> String {
        match arn.split_once(":table/") {
            Some((_, table)) => format!("table {}", self.name(table.split('/').next().unwrap_or_default())),
            None => format!("queue {}", self.name(last(arn))),
        }
    }

    fn events(&self) -> Vec<String> {
        let mut events = self.calls("event-source", |inputs| self.source(text(inputs, "EventSourceArn")));
        events.extend(
            self.calls("subscription", |inputs| format!("topic {}", self.name(last(text(inputs, "Topic"))))),
        );
        for (bucket, _, inputs) in self.of("notification") {
            for notified in inputs["Functions"].as_array().into_iter().flatten() {
                events.push(format!("bucket {bucket} -> {}", self.name(function(text(notified, "Alias")))));
            }
        }
        sorted(events)
    }
}

fn text<'a>(inputs: &'a Json, field: &str) -> &'a str {
    inputs.get(field).and_then(Json::as_str).unwrap_or_default()
}

fn last(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or_default()
}

/// `arn:…:function:NAME:live` -> `NAME`
fn function(alias: &str) -> &str {
    alias.rsplit(':').nth(1).unwrap_or(alias)
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines.dedup();
    lines
}
