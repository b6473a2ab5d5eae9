//! The addresses of objects in the state: `KIND/NAME`.

use sf_model::Route;
use sf_plan::Addr;

use super::short_hash;

/// The kinds there are.
pub(crate) mod kind {
    pub(crate) const ALIAS: &str = "alias";
    pub(crate) const ARTIFACTS: &str = "artifacts";
    pub(crate) const AUTHORIZER: &str = "authorizer";
    pub(crate) const BUCKET: &str = "bucket";
    pub(crate) const DEAD_LETTERS: &str = "dead-letters";
    pub(crate) const DOMAIN: &str = "domain";
    pub(crate) const DOMAIN_MAPPING: &str = "domain-mapping";
    pub(crate) const EVENT_SOURCE: &str = "event-source";
    pub(crate) const FAILURE_QUEUE: &str = "failure-queue";
    pub(crate) const FUNCTION: &str = "function";
    pub(crate) const HTTP_API: &str = "http-api";
    pub(crate) const INTEGRATION: &str = "integration";
    pub(crate) const INVOKE_CONFIG: &str = "invoke-config";
    pub(crate) const LOG_GROUP: &str = "log-group";
    pub(crate) const NOTIFICATION: &str = "notification";
    pub(crate) const PERMISSION: &str = "permission";
    pub(crate) const QUEUE: &str = "queue";
    pub(crate) const ROLE: &str = "role";
    pub(crate) const ROUTE: &str = "route";
    pub(crate) const SCHEDULE: &str = "schedule";
    pub(crate) const SCHEDULE_GROUP: &str = "schedule-group";
    pub(crate) const SECRET: &str = "secret";
    pub(crate) const STAGE: &str = "stage";
    pub(crate) const SUBSCRIPTION: &str = "subscription";
    pub(crate) const TABLE: &str = "table";
    pub(crate) const TOPIC: &str = "topic";
    pub(crate) const URL: &str = "url";
    pub(crate) const WARM: &str = "warm";
    pub(crate) const WEBSOCKET_API: &str = "websocket-api";
}

/// The one name of what there is one of.
const API: &str = "api";

/// The bucket that keeps the built code.
pub(crate) fn artifacts() -> Addr {
    Addr::new(kind::ARTIFACTS, "artifacts")
}

pub(crate) fn log_group(function: &str) -> Addr {
    Addr::new(kind::LOG_GROUP, function)
}

pub(crate) fn role(function: &str) -> Addr {
    Addr::new(kind::ROLE, function)
}

/// The role of all schedules. No function is called so: names begin with a letter.
pub(crate) fn schedules_role() -> Addr {
    Addr::new(kind::ROLE, ":schedules")
}

pub(crate) fn function(name: &str) -> Addr {
    Addr::new(kind::FUNCTION, name)
}

pub(crate) fn alias(function: &str) -> Addr {
    Addr::new(kind::ALIAS, function)
}

pub(crate) fn warm(function: &str) -> Addr {
    Addr::new(kind::WARM, function)
}

pub(crate) fn invoke_config(function: &str) -> Addr {
    Addr::new(kind::INVOKE_CONFIG, function)
}

pub(crate) fn failure_queue(function: &str) -> Addr {
    Addr::new(kind::FAILURE_QUEUE, function)
}

pub(crate) fn url(function: &str) -> Addr {
    Addr::new(kind::URL, function)
}

/// `permission/profile:GET /profiles/{id}`: what may call the function.
pub(crate) fn permission(function: &str, what: &str) -> Addr {
    Addr::new(kind::PERMISSION, format!("{function}:{what}"))
}

pub(crate) fn http_api() -> Addr {
    Addr::new(kind::HTTP_API, API)
}

pub(crate) fn authorizer(name: &str) -> Addr {
    Addr::new(kind::AUTHORIZER, name)
}

pub(crate) fn integration(function: &str) -> Addr {
    Addr::new(kind::INTEGRATION, function)
}

/// `route/GET /profiles/{id}`
pub(crate) fn route(route: &Route) -> Addr {
    Addr::new(kind::ROUTE, route.to_string())
}

pub(crate) fn http_stage() -> Addr {
    Addr::new(kind::STAGE, API)
}

pub(crate) fn domain(domain: &str) -> Addr {
    Addr::new(kind::DOMAIN, domain)
}

pub(crate) fn domain_mapping(domain: &str) -> Addr {
    Addr::new(kind::DOMAIN_MAPPING, domain)
}

pub(crate) fn websocket_api(socket: &str) -> Addr {
    Addr::new(kind::WEBSOCKET_API, socket)
}

/// `integration/chat:talk`
pub(crate) fn socket_integration(socket: &str, function: &str) -> Addr {
    Addr::new(kind::INTEGRATION, format!("{socket}:{function}"))
}

/// `route/chat:$connect`. The routes of the HTTP API begin with a method, in capitals.
pub(crate) fn socket_route(socket: &str, key: &str) -> Addr {
    Addr::new(kind::ROUTE, format!("{socket}:{key}"))
}

/// The stage of a socket. One called as the HTTP API's is told from it by the colon that no name has.
pub(crate) fn socket_stage(socket: &str) -> Addr {
    let name = if socket == API { format!("{socket}:") } else { socket.to_owned() };
    Addr::new(kind::STAGE, name)
}

pub(crate) fn schedule_group() -> Addr {
    Addr::new(kind::SCHEDULE_GROUP, "schedules")
}

/// By its physical name, which says the function and the time.
pub(crate) fn schedule(physical: &str) -> Addr {
    Addr::new(kind::SCHEDULE, physical)
}

pub(crate) fn queue(name: &str) -> Addr {
    Addr::new(kind::QUEUE, name)
}

pub(crate) fn dead_letters(queue: &str) -> Addr {
    Addr::new(kind::DEAD_LETTERS, queue)
}

pub(crate) fn topic(name: &str) -> Addr {
    Addr::new(kind::TOPIC, name)
}

/// `subscription/announce-1a2b3c4d`: AWS has one of a function to a topic, so another filter is the same one.
pub(crate) fn subscription(function: &str, topic: &str) -> Addr {
    Addr::new(kind::SUBSCRIPTION, to(function, &self::topic(topic)))
}

pub(crate) fn bucket(name: &str) -> Addr {
    Addr::new(kind::BUCKET, name)
}

pub(crate) fn notification(bucket: &str) -> Addr {
    Addr::new(kind::NOTIFICATION, bucket)
}

pub(crate) fn table(name: &str) -> Addr {
    Addr::new(kind::TABLE, name)
}

/// `event-source/send-1a2b3c4d`: of a queue or a table.
pub(crate) fn event_source(function: &str, source: &Addr) -> Addr {
    Addr::new(kind::EVENT_SOURCE, to(function, source))
}

pub(crate) fn secret(name: &str) -> Addr {
    Addr::new(kind::SECRET, name)
}

fn to(function: &str, resource: &Addr) -> String {
    format!("{function}-{}", short_hash(&resource.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_called_as_the_api_has_a_stage_of_its_own() {
        assert_ne!(socket_stage("api"), http_stage());
        assert_eq!(socket_stage("chat").to_string(), "stage/chat");
    }

    #[test]
    fn what_listens_is_named_after_the_function_and_the_resource() {
        assert_ne!(event_source("f", &queue("a")), event_source("f", &table("a")));
        assert_ne!(subscription("f", "a"), subscription("g", "a"));
    }
}
