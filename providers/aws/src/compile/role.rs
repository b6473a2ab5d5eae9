//! Who a function is: its role, with the statements that the manifest derives. ARNs are named by placeholders and names, so a role waits for
//! nothing that it names.

use sf_model::{EventKind, Function};
use sf_plan::{Addr, Value};

use super::statements::Statements;
use super::text::Text;
use super::{Cx, Object, failures, grants, text};
use crate::names::{self, addr, arn};

/// Lambda makes a network interface for each pair of subnet and security groups in the function's name. EC2 has no names for what does not
/// exist yet, so these have no single resource.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html>
const NETWORK: &[&str] = &[
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];
/// X-Ray has no resources that could be named.
const TRACING: &[&str] = &["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
const STREAM: &[&str] =
    &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];

pub(super) fn compile(cx: &Cx<'_>, function: &Function) -> Object {
    let name = names::role(&cx.scope, &function.name);
    let statements = statements(cx, function);
    object(cx, addr::role(&function.name), name, "lambda.amazonaws.com", statements.value())
}

/// A role of the scope.
pub(super) fn object(cx: &Cx<'_>, addr: Addr, name: String, service: &str, statement: Value) -> Object {
    Object::new(
        addr,
        [
            ("RoleName", text(name)),
            ("Path", text(names::role_path(&cx.scope))),
            ("Service", text(service)),
            ("Statement", statement),
        ],
    )
}

/// About how many characters the function's policy has.
pub(crate) fn policy_size(cx: &Cx<'_>, function: &Function) -> usize {
    statements(cx, function).size()
}

fn statements(cx: &Cx<'_>, function: &Function) -> Statements {
    let scope = &cx.scope;
    let physical = names::function(scope, &function.name);
    let mut statements = Statements::default();
    statements
        .allow(&["logs:CreateLogStream", "logs:PutLogEvents"], Text::plain(arn::log_streams(&physical)));
    grants::add(cx, function, &mut statements);
    for event in &function.on {
        match &event.kind {
            EventKind::Queue { queue, .. } => {
                statements.allow(grants::CONSUME, Text::plain(arn::queue(&names::queue(scope, queue))));
            }
            EventKind::Table { table } => {
                statements.allow(STREAM, Text::plain(arn::table_streams(&names::table(scope, table))));
            }
            // These call by the function's own policy, or by the role of the schedules.
            EventKind::Schedule(_) | EventKind::Topic { .. } | EventKind::Bucket { .. } => {}
        }
    }
    if let Some(queue) = failures::queue_name(cx, function) {
        statements.allow(&["sqs:SendMessage"], Text::plain(arn::queue(&queue)));
    }
    let settings = cx.settings.of(&function.name);
    if settings.traced {
        statements.allow(TRACING, Text::plain("*"));
    }
    if settings.vpc.is_some() {
        statements.allow(NETWORK, Text::plain("*"));
    }
    statements
}
