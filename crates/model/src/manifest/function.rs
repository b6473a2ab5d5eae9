//! `[functions.NAME]` and `[defaults]`

use schemars::{Schema, SchemaGenerator, json_schema};

use super::api::ThrottleSection;
use super::event::EventEntry;
use super::scalar::{AnyKey, EnvKey, FirstName, HandlerText, Percent, ProviderName, RolloutKind, Runtimes};
use crate::app::{Access, Interface, Payload, Route};
use crate::decode::{Decode, Decoder, EnvText, Map, OneOrMany, Spanned, section};
use crate::diagnostic::Span;
use crate::node::{Node, NodeKind};
use crate::units::{ByteSize, Period};

section! {
    /// What every function inherits that does not say it itself.
    DefaultsSection {
        /// The language: `node`, `node22`, `python3.12`, …
        runtime: Runtimes,
        /// Memory: `256MiB`.
        memory: ByteSize,
        /// The longest one call may take: `10s`.
        timeout: Period,
        /// Environment variables. A function's own of the same name wins.
        env: Map<EnvKey, EnvText>,
    }
}

section! {
    /// A function: code that is called by requests and events.
    FunctionSection {
        /// The file and its export: `src/profile.mjs#profile`, `src/report.py:nightly`, or, with the interface
        /// `lambda`, `legacy/orders.handler`.
        handler: HandlerText,
        /// How the code is called. `portable` (the default): Fetch requests and CloudEvents. `lambda`: an AWS Lambda
        /// handler. `web`: any program that serves HTTP on `$PORT`.
        interface: Interface,
        /// With the interface `lambda`: the version of API Gateway's payload in which it gets HTTP requests. Default: `2.0`.
        payload: Payload,
        /// How a `web` program is built.
        build: BuildSection,
        /// The language: `node`, `node22`, `python3.12`, … Default: that of `[defaults]`, else of the handler's file.
        runtime: Runtimes,
        /// Memory. Default: `256MiB`.
        memory: ByteSize,
        /// The longest one call may take. Default: `10s`.
        timeout: Period,
        /// Environment variables. They may hold outputs of resources: `${queue.mail.url}`.
        env: Map<EnvKey, EnvText>,
        /// Its routes in the API: `"GET /profiles/{id}"`, or a table with the route's own settings; one or an array.
        /// `"url"`: an address of its own, outside the API.
        http: HttpField,
        /// What else calls it: schedules, queues, topics, buckets and tables; one or an array.
        on: OneOrMany<EventEntry>,
        /// What it may use, by name: the only grant of access there is.
        uses: Map<AnyKey, Access>,
        /// The secrets that it may read.
        secrets: Vec<Spanned<String>>,
        /// How many instances are kept ready.
        warm: u32,
        /// How a new version takes over.
        rollout: RolloutSection,
        /// What goes into its artifact besides what is found.
        package: PackageSection,
        /// The first name that it had, by which providers go on knowing it: a new name in the manifest then makes no new object.
        was: FirstName,
        /// The only providers on which it exists. Left out: all.
        only: Vec<Spanned<ProviderName>>,
    }
}

section! {
    /// How a `web` program is built.
    BuildSection {
        /// Run by the shell in the project's folder.
        command: String = required,
        /// The file or folder that it makes, relative to the project's folder.
        output: String = required,
    }
}

section! {
    /// How a new version takes over.
    RolloutSection {
        /// `all-at-once`, `canary` or `linear`.
        kind: RolloutKind = required,
        /// The share of requests that the new version gets at each step, ascending: `["10%", "50%"]`.
        steps: Vec<Spanned<Percent>>,
        /// How long each step lasts.
        every: Period,
    }
}

section! {
    /// What goes into the artifact besides what is found.
    PackageSection {
        /// Globs of files to add.
        include: Vec<Spanned<String>>,
        /// Globs of files to leave out.
        exclude: Vec<Spanned<String>>,
    }
}

section! {
    /// A route with settings of its own.
    HttpSection {
        /// `GET /profiles/{id}`
        route: Route = required,
        /// The authorizer of `[api]` that checks its requests.
        auth: String,
        /// Its own limit.
        throttle: ThrottleSection,
    }
}

/// `"url"`, one route, or an array of routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpField {
    pub(crate) url: Option<Span>,
    pub(crate) routes: Vec<Spanned<HttpSection>>,
}

/// A route with settings, or its text alone.
struct HttpEntry(HttpSection);

impl Decode for HttpField {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if matches!(&node.kind, NodeKind::String(text) if text == "url") {
            return Some(Self { url: Some(node.span), routes: Vec::new() });
        }
        let entries = OneOrMany::<HttpEntry>::decode(node, d)?;
        let section = |entry: Spanned<HttpEntry>| Spanned { value: entry.value.0, span: entry.span };
        Some(Self { url: None, routes: entries.0.into_iter().map(section).collect() })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let routes = OneOrMany::<HttpEntry>::schema(generator);
        json_schema!({ "anyOf": [{ "const": "url" }, routes] })
    }
}

impl Decode for HttpEntry {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.kind {
            NodeKind::String(_) => {
                Some(Self(HttpSection { route: Some(d.spanned(node)?), ..HttpSection::default() }))
            }
            NodeKind::Table(_) => HttpSection::decode(node, d).map(Self),
            _ => {
                d.wrong_type(node, "a route such as `\"GET /profiles/{id}\"`");
                None
            }
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [Route::schema(generator), HttpSection::schema(generator)] })
    }
}
