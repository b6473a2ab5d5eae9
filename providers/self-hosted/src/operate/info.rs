//! What is deployed, in the words of `sf info`.

use sf_host_api::{
    AppStatus, EventSource, HostStatus, Resource, RollingFunction, RolloutState, RolloutStatus,
    SubscriptionSpec,
};
use sf_provider::{Endpoint, Identity, Info};

use crate::names;

/// Of the app's status, and its resources: what the status does not tell of.
pub(super) fn info(status: AppStatus, resources: &[Resource]) -> Info {
    let problems = problems(&status);
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
        endpoints: endpoints(&status, resources),
        routes: routes.collect(),
        schedules: schedules.collect(),
        events: events(resources),
        rollouts: status.rollout.as_ref().map(rollouts).unwrap_or_default(),
        functions: status.functions.into_iter().map(|function| function.name).collect(),
        release: status.release,
        problems,
    }
}

/// Of a host at that URL, asked by an `sf` of that version.
pub(super) fn identity(url: &str, status: HostStatus, own: &str) -> Identity {
    let version = status.health.version;
    let older = (version != own).then(|| {
        format!("the host is of version {version} and this sf of {own}: `sf host stop` ends it, and the next deploy starts a new one")
    });
    Identity {
        location: Some(status.data_dir),
        endpoint: Some(url.to_owned()),
        version: Some(version),
        missing: older.into_iter().collect(),
        ..Identity::default()
    }
}

/// The API's first, then the sockets'. An address at which nothing listens is no endpoint.
fn endpoints(status: &AppStatus, resources: &[Resource]) -> Vec<Endpoint> {
    if status.gateway_error.is_some() {
        return Vec::new();
    }
    let api =
        status.url.iter().map(|url| Endpoint { kind: "api".into(), name: "api".into(), url: url.clone() });
    let sockets = resources.iter().filter(|resource| resource.kind == names::SOCKET).filter_map(|socket| {
        let url = socket.outputs.get("url")?.as_str()?.to_owned();
        Some(Endpoint { kind: names::SOCKET.into(), name: socket.name.clone(), url })
    });
    api.chain(sockets).collect()
}

/// `topic projects -> announce`, sorted.
fn events(resources: &[Resource]) -> Vec<String> {
    let subscriptions = resources.iter().filter(|resource| resource.kind == names::SUBSCRIPTION);
    // One that this version cannot read was put by another one: it has nothing to say of it.
    let specs = subscriptions
        .filter_map(|resource| serde_json::from_value::<SubscriptionSpec>(resource.spec.clone()).ok());
    let mut lines: Vec<String> =
        specs.map(|spec| format!("{} -> {}", source(&spec.source), spec.function)).collect();
    lines.sort();
    lines
}

fn source(source: &EventSource) -> String {
    match source {
        EventSource::Queue { queue, .. } => format!("queue {queue}"),
        EventSource::Topic { topic, .. } => format!("topic {topic}"),
        EventSource::Bucket { bucket, event, .. } => format!("bucket {bucket}, {event}"),
        EventSource::Table { table } => format!("table {table}"),
    }
}

/// What is under way, or why the last one was taken back.
fn rollouts(status: &RolloutStatus) -> Vec<String> {
    let share = |function: &RollingFunction| {
        let RollingFunction { name, percent, calls, errors, .. } = function;
        format!("{percent} % of calls go to the new version of {name}: {calls} so far, {errors} failed")
    };
    match (status.state, &status.cause) {
        (RolloutState::UnderWay, _) => status.functions.iter().map(share).collect(),
        (RolloutState::Back, Some(cause)) => vec![format!("the last one was taken back: {}", cause.message)],
        (RolloutState::Back, None) | (RolloutState::Done, _) => Vec::new(),
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
    use sf_host_api::{FunctionStatus, Health};

    use super::*;

    #[test]
    fn what_does_not_work_is_said() {
        let status = AppStatus {
            project: "shop".into(),
            stage: "dev".into(),
            url: Some("http://127.0.0.1:8080".into()),
            gateway_error: Some("port 8080 is taken".into()),
            rollout: None,
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
        let info = info(status, &[]);
        assert_eq!(info.endpoints, []);
        let expected = [
            "the HTTP API does not answer: port 8080 is taken",
            "function `hello` could not be started: there is no `node` on PATH",
        ];
        assert_eq!(info.problems, expected);
    }

    #[test]
    fn a_rollout_is_told_while_it_goes_on_and_when_it_was_taken_back() {
        let functions =
            vec![RollingFunction { name: "hello".into(), percent: 10, every_ms: 1000, calls: 7, errors: 0 }];
        let mut status =
            RolloutStatus { revision: "r2".into(), state: RolloutState::UnderWay, functions, cause: None };
        assert_eq!(rollouts(&status), ["10 % of calls go to the new version of hello: 7 so far, 0 failed"]);
        status.state = RolloutState::Back;
        status.cause = Some(sf_host_api::ApiError {
            code: "rollout-failed".into(),
            message: "it had 1 error".into(),
            hint: None,
            names: Default::default(),
        });
        assert_eq!(rollouts(&status), ["the last one was taken back: it had 1 error"]);
    }

    #[test]
    fn a_host_of_another_version_is_told() {
        let status = |version: &str| HostStatus {
            health: Health { version: version.into(), pid: 7, host_id: "h".into() },
            started_ms: 0,
            url: "http://127.0.0.1:7070".into(),
            s3_url: None,
            data_dir: "/data".into(),
            clock_offset_ms: 0,
            isolation: Vec::new(),
            apps: Vec::new(),
        };
        let same = identity("http://127.0.0.1:7070", status("1.0.0"), "1.0.0");
        assert_eq!((same.location.as_deref(), same.missing), (Some("/data"), Vec::new()));
        let other = identity("http://127.0.0.1:7070", status("1.0.0"), "1.1.0");
        assert!(other.missing[0].contains("1.0.0") && other.missing[0].contains("sf host stop"));
    }
}
