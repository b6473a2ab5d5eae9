//! A `schedule` of `on` -> `schedule/FUNCTION-HASH`, and what all schedules share: a group, and the role in which they call.

use sf_model::{EventKind, Function, Interface, Schedule};
use sf_plan::Json;

use super::statements::Statements;
use super::text::Text;
use super::{Cx, Object, live, output, role, text};
use crate::cron;
use crate::names::{self, ACCOUNT, REGION, addr, arn};

/// Put in by Scheduler at each call: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>.
const TIME: &str = "<aws.scheduler.scheduled-time>";
const EXECUTION: &str = "<aws.scheduler.execution-id>";
const ARN: &str = "<aws.scheduler.schedule-arn>";

pub(super) fn compile(function: &Function) -> Vec<Object> {
    of(function)
        .filter_map(|schedule| {
            let name = names::schedule(&function.name, schedule);
            // `check` has said why, where there is none.
            let expression = cron::translate(&schedule.expr).ok()?;
            let input = input(function, &name);
            let object = Object::new(
                addr::schedule(&name),
                [
                    ("Name", text(name)),
                    ("GroupName", output(addr::schedule_group(), "name")),
                    ("ScheduleExpression", text(expression)),
                    ("ScheduleExpressionTimezone", text(&schedule.timezone)),
                    ("Alias", live(&function.name)),
                    ("Role", output(addr::schedules_role(), "arn")),
                    ("Input", text(input.to_string())),
                ],
            );
            Some(object)
        })
        .collect()
}

/// The group and the role; none where nothing is scheduled.
pub(super) fn shared(cx: &Cx<'_>) -> Vec<Object> {
    let mut statements = Statements::default();
    let mut any = false;
    for function in cx.app.functions.values().filter(|function| of(function).next().is_some()) {
        let alias = arn::live(&names::function(&cx.scope, &function.name));
        statements.allow(&["lambda:InvokeFunction"], Text::plain(alias));
        any = true;
    }
    if !any {
        return Vec::new();
    }
    let group = names::whole(&cx.scope, names::longest::SCHEDULE);
    let name = names::schedules_role(&cx.scope);
    vec![
        Object::new(addr::schedule_group(), [("Name", text(group))]),
        role::object(cx, addr::schedules_role(), name, "scheduler.amazonaws.com", statements.value()),
    ]
}

pub(crate) fn of(function: &Function) -> impl Iterator<Item = &Schedule> {
    function.on.iter().filter_map(|event| match &event.kind {
        EventKind::Schedule(schedule) => Some(schedule),
        EventKind::Queue { .. }
        | EventKind::Topic { .. }
        | EventKind::Bucket { .. }
        | EventKind::Table { .. } => None,
    })
}

/// What the function is called with: what its kit knows a schedule by, or what EventBridge's rules send, which handlers of Lambda's know.
fn input(function: &Function, name: &str) -> Json {
    match function.interface {
        Interface::Portable | Interface::Web => {
            serde_json::json!({ "sf-schedule": name, "time": TIME, "id": EXECUTION })
        }
        Interface::Lambda => serde_json::json!({
            "version": "0",
            "id": EXECUTION,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": TIME,
            "region": REGION,
            "resources": [ARN],
            "detail": {},
        }),
    }
}
