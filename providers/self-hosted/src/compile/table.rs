//! `[tables.NAME]` -> `table/NAME`

use sf_model::{KeyType, Table, TableKey};
use sf_plan::{Addr, Value};

use super::{Inputs, protection, text};
use crate::names;

pub(super) fn compile(name: &str, table: &Table) -> (Addr, Inputs) {
    let mut inputs = Inputs::from([("partition".into(), key(&table.partition))]);
    if let Some(sort) = &table.sort {
        inputs.insert("sort".into(), key(sort));
    }
    if let Some(ttl) = &table.ttl {
        inputs.insert("ttl".into(), text(ttl));
    }
    inputs.extend(protection(table.protect));
    (Addr::new(names::TABLE, name), inputs)
}

fn key(key: &TableKey) -> Value {
    let kind = match key.kind {
        KeyType::String => "string",
        KeyType::Number => "number",
        KeyType::Bytes => "bytes",
    };
    Value::Map(Inputs::from([("name".into(), text(&key.name)), ("kind".into(), text(kind))]))
}
