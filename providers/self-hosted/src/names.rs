//! Every name that this backend gives to a remote thing. The host keeps each project's stage apart
//! (`/v1/apps/{project}/{stage}`), so a name is unique within its stage and kind alone.

use sf_model::{Method, PathPattern, Route, Schedule, ScheduleExpr, Segment};
use sf_plan::{Addr, RemoteId};
use sf_provider::Scope;
use sha2::{Digest as _, Sha256};

/// The HTTP API's settings.
pub const API: &str = "api";
/// What lets requests through to routes.
pub const AUTHORIZER: &str = "authorizer";
/// A bucket.
pub const BUCKET: &str = "bucket";
/// A function.
pub const FUNCTION: &str = "function";
/// A queue.
pub const QUEUE: &str = "queue";
/// What answers now.
pub const RELEASE: &str = "release";
/// A route of the gateway.
pub const ROUTE: &str = "route";
/// A schedule.
pub const SCHEDULE: &str = "schedule";

/// A secret.
pub const SECRET: &str = "secret";
/// A WebSocket API.
pub const SOCKET: &str = "socket";
/// Who is called for what happens at a resource.
pub const SUBSCRIPTION: &str = "subscription";
/// A table.
pub const TABLE: &str = "table";
/// A topic.
pub const TOPIC: &str = "topic";

/// Annotation: the resolved inputs that the resource was put from, in the JSON form of [`sf_plan::Value`].
pub const INPUTS_ANNOTATION: &str = "sf.inputs";
/// Annotation: the objects that it used then, a list of [`sf_plan::ObjectKey`]s.
pub const DEPS_ANNOTATION: &str = "sf.deps";
/// Annotation: its generation, a number. A resource without it was not put by this backend.
pub const GENERATION_ANNOTATION: &str = "sf.generation";

/// Hexadecimal digits of a hash in a name: enough for the few schedules and subscriptions of one function.
const SHORT_HASH_DIGITS: usize = 8;

/// The one API.
pub fn api() -> Addr {
    Addr::new(API, "api")
}

/// A function.
pub fn function(name: &str) -> Addr {
    Addr::new(FUNCTION, name)
}

/// The one release.
pub fn release() -> Addr {
    Addr::new(RELEASE, "current")
}

/// `route/GET /profiles/{id}`
pub fn route(route: &Route) -> Addr {
    Addr::new(ROUTE, format!("{} {}", method(route.method), path(&route.path)))
}

/// `schedule/report-1a2b3c4d`: from what it says, so that another order in the manifest is the same schedule.
pub fn schedule(function: &str, schedule: &Schedule) -> Addr {
    let said = format!("{}\n{}", expression(&schedule.expr), schedule.timezone);
    Addr::new(SCHEDULE, format!("{function}-{}", short_hash(&said)))
}

/// `subscription/resize-1a2b3c4d`: the function's `nth` one to that resource.
pub fn subscription(function: &str, resource: &Addr, nth: u32) -> Addr {
    Addr::new(SUBSCRIPTION, format!("{function}-{}", short_hash(&format!("{resource}\n{nth}"))))
}

/// `project/stage/kind/name`
pub fn remote_id(scope: &Scope, addr: &Addr) -> RemoteId {
    RemoteId(format!("{}/{}/{addr}", scope.project, scope.stage))
}

/// A method as the host writes it.
pub fn method(method: Method) -> &'static str {
    match method {
        Method::Any => "ANY",
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
    }
}

/// A path as the host writes it: `/profiles/{id}`, `/orders/{proxy+}`.
pub fn path(pattern: &PathPattern) -> String {
    if pattern.0.is_empty() {
        return "/".to_owned();
    }
    let segment = |segment: &Segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::Param(name) => format!("/{{{name}}}"),
        Segment::Greedy(name) => format!("/{{{name}+}}"),
    };
    pattern.0.iter().map(segment).collect()
}

/// A schedule's expression as the host writes it: five cron fields, or `rate(300 seconds)`.
pub fn expression(expr: &ScheduleExpr) -> String {
    match expr {
        ScheduleExpr::Cron(fields) => fields.clone(),
        ScheduleExpr::Rate(every) => format!("rate({} seconds)", every.as_secs()),
    }
}

fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hash = hex::encode(digest);
    hash.truncate(SHORT_HASH_DIGITS);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_the_host_reads_it() {
        let pattern = PathPattern(vec![
            Segment::Literal("orders".into()),
            Segment::Param("id".into()),
            Segment::Greedy("rest".into()),
        ]);
        assert_eq!(path(&pattern), "/orders/{id}/{rest+}");
        assert_eq!(path(&PathPattern(Vec::new())), "/");
    }

    #[test]
    fn a_schedule_is_named_after_what_it_says() {
        let nightly = |timezone: &str| Schedule {
            expr: ScheduleExpr::Cron("0 3 * * *".into()),
            timezone: timezone.into(),
        };
        let seoul = schedule("report", &nightly("Asia/Seoul"));
        assert_eq!(seoul, schedule("report", &nightly("Asia/Seoul")));
        assert_ne!(seoul, schedule("report", &nightly("UTC")));
        assert_ne!(seoul, schedule("other", &nightly("Asia/Seoul")));
        assert_eq!(seoul.name.len(), "report-".len() + SHORT_HASH_DIGITS);
    }
}
