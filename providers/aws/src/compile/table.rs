//! `[tables.NAME]` -> a table; a `table` of `on` -> its stream and an event source.

use sf_model::{App, EventKind, Function, KeyType, Table, TableKey};
use sf_plan::Value;

use super::{Cx, Object, flag, live, map, number, output, text, texts};
use crate::names::{self, addr};

/// Changes a call. Few, since a portable function is called for each in turn and all must be done within its timeout.
const BATCH: u64 = 10;
/// Five deliveries, as on every provider.
const RETRIES: u64 = 4;

pub(super) fn compile(cx: &Cx<'_>, name: &str, table: &Table) -> Object {
    let keys: Vec<(&TableKey, &str)> = [(&table.partition, "HASH")]
        .into_iter()
        .chain(table.sort.as_ref().map(|sort| (sort, "RANGE")))
        .collect();
    let schema = keys
        .iter()
        .map(|(key, kind)| map([("AttributeName", text(&key.name)), ("KeyType", text(*kind))]))
        .collect();
    let attributes = keys
        .iter()
        .map(|(key, _)| map([("AttributeName", text(&key.name)), ("AttributeType", text(letter(key.kind)))]))
        .collect();
    // A stream costs nothing, but reading one does; without a listener there is none.
    let stream = is_listened_to(cx.app, name).then(|| text("NEW_AND_OLD_IMAGES"));
    Object::new(
        addr::table(name),
        [
            ("TableName", text(names::table(&cx.scope, name))),
            ("KeySchema", Value::List(schema)),
            ("AttributeDefinitions", Value::List(attributes)),
        ],
    )
    .with_some("StreamViewType", stream)
    .with_some("TimeToLive", table.ttl.as_ref().map(text))
    .with_some("DeletionProtectionEnabled", table.protect.then(|| flag(true)))
}

/// From the oldest change that the stream has: those of the moments in which the event source comes to be are among them.
pub(super) fn listeners(function: &Function) -> Vec<Object> {
    let listener = |table: &str| {
        Object::new(
            addr::event_source(&function.name, &addr::table(table)),
            [
                ("Alias", live(&function.name)),
                ("EventSourceArn", output(addr::table(table), "stream")),
                ("BatchSize", number(BATCH)),
                ("StartingPosition", text("TRIM_HORIZON")),
                ("MaximumRetryAttempts", number(RETRIES)),
                ("OnFailure", output(addr::failure_queue(&function.name), "arn")),
                ("FunctionResponseTypes", texts(["ReportBatchItemFailures"])),
                ("BisectBatchOnFunctionError", flag(true)),
            ],
        )
    };
    of(function).map(listener).collect()
}

/// The tables whose changes a function is called with.
pub(crate) fn of(function: &Function) -> impl Iterator<Item = &str> {
    function.on.iter().filter_map(|event| match &event.kind {
        EventKind::Table { table } => Some(table.as_str()),
        EventKind::Schedule(_)
        | EventKind::Queue { .. }
        | EventKind::Topic { .. }
        | EventKind::Bucket { .. } => None,
    })
}

fn is_listened_to(app: &App, name: &str) -> bool {
    app.functions.values().flat_map(of).any(|table| table == name)
}

fn letter(kind: KeyType) -> &'static str {
    match kind {
        KeyType::String => "S",
        KeyType::Number => "N",
        KeyType::Bytes => "B",
    }
}
