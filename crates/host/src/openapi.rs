//! The description of the control API, made from its types.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use sf_host_api::{
    ApiError, ApiSpec, AppStatus, AuthorizerSpec, BucketSpec, ClockAdvance, FunctionSpec, Health, HostStatus,
    InboxStatus, InvokeRequest, InvokeResponse, LogLine, MessageView, Moved, QueueSpec, ReleaseSpec,
    Resource, ResourcePut, RolloutStatus, RouteSpec, S3Access, ScheduleSpec, SecretInfo, SecretSpec,
    SocketSpec, SubscriptionSpec, TableSpec, TopicSpec,
};

/// An OpenAPI 3.1 document: <https://spec.openapis.org/oas/v3.1.0>.
pub fn openapi() -> Value {
    let mut description = Description {
        generator: schemars::generate::SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into())
            .into_generator(),
        paths: Map::new(),
    };
    description.add_paths();
    // Specs stand in `ResourcePut.spec` by kind; they are described though no path names them.
    for described in [
        schema::<FunctionSpec>,
        schema::<RouteSpec>,
        schema::<ScheduleSpec>,
        schema::<ApiSpec>,
        schema::<AuthorizerSpec>,
        schema::<BucketSpec>,
        schema::<QueueSpec>,
        schema::<SecretSpec>,
        schema::<SocketSpec>,
        schema::<SubscriptionSpec>,
        schema::<TableSpec>,
        schema::<TopicSpec>,
        schema::<ReleaseSpec>,
        schema::<ApiError>,
    ] {
        described(&mut description.generator);
    }
    let schemas = description.generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sf host control API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": description.paths,
        "components": { "schemas": schemas, "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "security": [{ "token": [] }],
    })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().into()
}

type Body = fn(&mut SchemaGenerator) -> Value;

struct Description {
    generator: SchemaGenerator,
    paths: Map<String, Value>,
}

impl Description {
    fn add_paths(&mut self) {
        let (app, item) =
            ("/v1/apps/{project}/{stage}", "/v1/apps/{project}/{stage}/resources/{kind}/{name}");
        self.add("get", "/v1/health", "Who this is; needs no token", None, Some(schema::<Health>));
        self.add("get", "/v1/openapi.json", "This description; needs no token", None, None);
        self.add("get", "/v1/status", "The host and all apps", None, Some(schema::<HostStatus>));
        self.add("get", "/v1/s3", "The key to the buckets, for S3 clients", None, Some(schema::<S3Access>));
        self.add("post", "/v1/shutdown", "Finish what is in flight and exit", None, None);
        self.add(
            "post",
            "/v1/clock",
            "Move the clock of schedules forward",
            Some(schema::<ClockAdvance>),
            None,
        );
        self.add("head", "/v1/artifacts/{digest}", "Whether an artifact is there", None, None);
        self.add("put", "/v1/artifacts/{digest}", "Upload an artifact (a zip)", None, None);
        self.add("get", "/v1/apps", "All apps", None, Some(schema::<Vec<AppStatus>>));
        self.add("get", app, "One app", None, Some(schema::<AppStatus>));
        self.add(
            "get",
            &format!("{app}/resources"),
            "An app's resources",
            None,
            Some(schema::<Vec<Resource>>),
        );
        self.add("get", item, "One resource", None, Some(schema::<Resource>));
        self.add(
            "put",
            item,
            "Store a resource; a release takes effect",
            Some(schema::<ResourcePut>),
            Some(schema::<Resource>),
        );
        self.add("delete", item, "Delete a resource", None, None);
        self.add_rollout(app);
        let invoke = format!("{app}/functions/{{name}}/invoke");
        self.add(
            "post",
            &invoke,
            "Call a function",
            Some(schema::<InvokeRequest>),
            Some(schema::<InvokeResponse>),
        );
        self.add(
            "get",
            &format!("{app}/logs"),
            "Log lines, one JSON object a line",
            None,
            Some(schema::<LogLine>),
        );
        self.add_messages_and_secrets(app);
    }

    fn add_rollout(&mut self, app: &str) {
        let path = format!("{app}/rollout");
        let status = Some(schema::<RolloutStatus> as Body);
        self.add("get", &path, "How the last release is taking over", None, status);
        self.add("put", &path, "Put a release that takes over in steps", Some(schema::<ResourcePut>), status);
        self.add("delete", &path, "Take a rollout back that is under way", None, status);
    }

    fn add_messages_and_secrets(&mut self, app: &str) {
        let inbox = format!("{app}/inboxes/{{kind}}/{{name}}");
        let get: [(String, &str, Body); 4] = [
            (
                format!("{app}/inboxes"),
                "Queues and subscriptions, and how much waits there",
                schema::<Vec<InboxStatus>>,
            ),
            (inbox.clone(), "One of them: of a `queue` or a `subscription`", schema::<InboxStatus>),
            (
                format!("{inbox}/messages"),
                "The oldest messages, or dead letters (`dead`, `limit`), without taking them",
                schema::<Vec<MessageView>>,
            ),
            (format!("{app}/secrets"), "Secrets without their values", schema::<Vec<SecretInfo>>),
        ];
        for (path, summary, answer) in get {
            self.add("get", &path, summary, None, Some(answer));
        }
        let moved: Option<Body> = Some(schema::<Moved>);
        self.add("post", &format!("{inbox}/redrive"), "Deliver dead letters again", None, moved);
        self.add("post", &format!("{inbox}/purge"), "Delete messages, or dead letters (`dead`)", None, moved);
        let secret = format!("{app}/secrets/{{name}}");
        self.add("put", &secret, "Set a secret: its value is the body", None, None);
        self.add("delete", &secret, "Remove a secret's value", None, None);
    }

    fn add(
        &mut self,
        method: &str,
        path: &str,
        summary: &str,
        request: Option<Body>,
        response: Option<Body>,
    ) {
        let content = |schema: Value| json!({ "application/json": { "schema": schema } });
        let mut operation =
            json!({ "summary": summary, "responses": { "default": { "description": "an error" } } });
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let parameters: Vec<Value> =
            names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })).collect();
        operation["parameters"] = parameters.into();
        operation["responses"]["default"]["content"] = content(schema::<ApiError>(&mut self.generator));
        operation["responses"]["2XX"] = json!({ "description": summary });
        if let Some(body) = request {
            operation["requestBody"] =
                json!({ "required": true, "content": content(body(&mut self.generator)) });
        }
        if let Some(body) = response {
            operation["responses"]["2XX"]["content"] = content(body(&mut self.generator));
        }
        let entry = self.paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    }
}
