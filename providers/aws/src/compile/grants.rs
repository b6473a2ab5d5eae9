//! `uses` and `secrets` of a function -> what its role allows: what `ctx` calls for each, and nothing else.

use sf_model::{Access, App, Function, ItemKind, Table, Use};

use super::Cx;
use super::statements::Statements;
use super::text::Text;
use crate::names::{self, LIVE, addr, arn};

/// What an entry of `uses` is about.
#[derive(Clone, Copy)]
pub(super) enum Used<'a> {
    Bucket,
    Table(&'a Table),
    Queue,
    Topic,
    Socket,
    Function(&'a Function),
}

/// What takes messages from a queue calls these: `uses`, and an event source in a function's name.
/// AWS authorises a batch by the name of the single operation: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html>.
/// Others that speak its protocol go by the operation's own name; granting that too opens nothing else.
pub(super) const CONSUME: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
];

const READ_ITEMS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const WRITE_ITEMS: &[&str] =
    &["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
const READ_OBJECTS: &[&str] = &["s3:GetObject"];
/// Besides listing, what makes S3 answer 404 instead of 403 for a key that is not there.
const LIST_OBJECTS: &[&str] = &["s3:ListBucket"];
const WRITE_OBJECTS: &[&str] = &["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"];

/// `None`: a workflow, which `check` refuses. A secret is granted elsewhere.
pub(super) fn used<'a>(app: &'a App, used: &Use) -> Option<Used<'a>> {
    match used.kind {
        ItemKind::Bucket => Some(Used::Bucket),
        ItemKind::Table => app.tables.get(&used.name).map(Used::Table),
        ItemKind::Queue => Some(Used::Queue),
        ItemKind::Topic => Some(Used::Topic),
        ItemKind::Socket => Some(Used::Socket),
        ItemKind::Function => app.functions.get(&used.name).map(Used::Function),
        ItemKind::Workflow | ItemKind::Secret => None,
    }
}

pub(super) fn add(cx: &Cx<'_>, function: &Function, statements: &mut Statements) {
    for use_ in function.uses.values() {
        if let Some(used) = used(cx.app, use_) {
            grant(cx, &use_.name, used, use_.access, statements);
        }
    }
    for name in function.secrets.values() {
        let secret = arn::secret(&names::secret(&cx.scope, name));
        statements.allow(&["secretsmanager:GetSecretValue"], Text::plain(secret));
    }
}

fn grant(cx: &Cx<'_>, name: &str, used: Used<'_>, access: Access, statements: &mut Statements) {
    let scope = &cx.scope;
    let reads = matches!(access, Access::Read | Access::ReadWrite);
    let writes = matches!(access, Access::Write | Access::ReadWrite);
    let mut allow = |when: bool, actions, resource: String| {
        if when {
            statements.allow(actions, Text::plain(resource));
        }
    };
    match used {
        Used::Bucket => {
            let bucket = names::bucket(scope, name);
            allow(reads, LIST_OBJECTS, arn::bucket(&bucket));
            allow(reads, READ_OBJECTS, arn::objects(&bucket));
            allow(writes, WRITE_OBJECTS, arn::objects(&bucket));
        }
        Used::Table(_) => {
            let table = arn::table(&names::table(scope, name));
            allow(reads, READ_ITEMS, table.clone());
            allow(writes, WRITE_ITEMS, table);
        }
        Used::Queue => {
            let queue = arn::queue(&names::queue(scope, name));
            allow(reads, CONSUME, queue.clone());
            allow(writes, &["sqs:SendMessage"], queue);
        }
        Used::Topic => allow(writes, &["sns:Publish"], arn::topic(&names::topic(scope, name))),
        Used::Function(_) => {
            allow(
                access == Access::Call,
                &["lambda:InvokeFunction"],
                arn::live(&names::function(scope, name)),
            );
        }
        Used::Socket if writes => {
            for method in ["DELETE", "POST"] {
                statements.allow(&["execute-api:ManageConnections"], connections(name, method));
            }
        }
        Used::Socket => {}
    }
}

/// The one ARN that is not known before the thing exists, for AWS makes up the id of an API. No circle comes of it: an API needs nothing.
fn connections(socket: &str, method: &str) -> Text {
    Text::plain(arn::before_api_id())
        .and_output(addr::websocket_api(socket), "id")
        .and(format!("/{LIVE}/{method}/@connections/*"))
}
