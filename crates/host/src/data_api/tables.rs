//! Tables.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sf_data::{ItemPage, PutCondition, Query, SortCondition};

use super::Host;
use super::caller::{Access, Caller};
use super::extract::{Call, Named, Params};
use super::fault::Fault;

/// Items of a page when nothing is said.
const PAGE: usize = 100;
/// Items of a page at most.
const MAX_PAGE: usize = 1000;

type Answer = Result<Json<Value>, Fault>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Get {
    key: Value,
}

pub(super) async fn get(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(Get { key }): Call<Get>,
) -> Answer {
    let name = caller.may(Access::Read, "table", name)?;
    Ok(Json(match shared.data.get_item(&caller.app, &name, &key).await? {
        Some(found) => json!({ "item": found.item, "version": found.version }),
        None => json!({ "item": null }),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Put {
    item: Map<String, Value>,
    #[serde(default)]
    if_absent: bool,
    #[serde(default)]
    if_version: Option<String>,
}

pub(super) async fn put(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(put): Call<Put>,
) -> Answer {
    let name = caller.may(Access::Write, "table", name)?;
    let condition = match (put.if_absent, put.if_version) {
        (true, Some(_)) => return Err(Fault::bad_request("`ifAbsent` and `ifVersion` exclude each other")),
        (true, None) => PutCondition::IfAbsent,
        (false, Some(version)) => PutCondition::IfVersion(version),
        (false, None) => PutCondition::Always,
    };
    let version = shared.data.put_item(&caller.app, &name, put.item, condition).await?;
    Ok(Json(json!({ "version": version })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Delete {
    key: Value,
    #[serde(default)]
    if_version: Option<String>,
}

pub(super) async fn delete(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(Delete { key, if_version }): Call<Delete>,
) -> Answer {
    let name = caller.may(Access::Write, "table", name)?;
    let existed = shared.data.delete_item(&caller.app, &name, &key, if_version).await?;
    Ok(Json(json!({ "existed": existed })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryCall {
    partition: Value,
    #[serde(default)]
    sort: Option<Sort>,
    #[serde(default)]
    reverse: bool,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    cursor: Option<String>,
}

/// One of these.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Eq(Value),
    Lt(Value),
    Lte(Value),
    Gt(Value),
    Gte(Value),
    Between(Value, Value),
    Prefix(String),
}

impl From<Sort> for SortCondition {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Eq(value) => Self::Eq(value),
            Sort::Lt(value) => Self::Lt(value),
            Sort::Lte(value) => Self::Lte(value),
            Sort::Gt(value) => Self::Gt(value),
            Sort::Gte(value) => Self::Gte(value),
            Sort::Between(from, to) => Self::Between(from, to),
            Sort::Prefix(text) => Self::Prefix(text),
        }
    }
}

pub(super) async fn query(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(call): Call<QueryCall>,
) -> Answer {
    let name = caller.may(Access::Read, "table", name)?;
    let query = Query {
        partition: call.partition,
        sort: call.sort.map(Into::into),
        reverse: call.reverse,
        limit: page_size(call.limit)?,
        cursor: call.cursor,
    };
    Ok(page(shared.data.query_items(&caller.app, &name, query).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    cursor: Option<String>,
}

pub(super) async fn scan(
    State(shared): Host,
    caller: Caller,
    Params(Named { name }): Params<Named>,
    Call(Scan { limit, cursor }): Call<Scan>,
) -> Answer {
    let name = caller.may(Access::Read, "table", name)?;
    Ok(page(shared.data.scan_items(&caller.app, &name, page_size(limit)?, cursor).await?))
}

fn page_size(limit: Option<usize>) -> Result<usize, Fault> {
    match limit {
        None => Ok(PAGE),
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        Some(_) => Err(Fault::bad_request(format!("`limit` is 1 to {MAX_PAGE}"))),
    }
}

fn page(page: ItemPage) -> Json<Value> {
    let items: Vec<Value> =
        page.items.into_iter().map(|found| json!({ "item": found.item, "version": found.version })).collect();
    Json(json!({ "items": items, "cursor": page.cursor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_conditions_are_read_as_documented() {
        let read = |text: &str| serde_json::from_str::<Sort>(text).map(SortCondition::from).ok();
        assert_eq!(read(r#"{"eq": 1}"#), Some(SortCondition::Eq(json!(1))));
        assert_eq!(read(r#"{"lt": "a"}"#), Some(SortCondition::Lt(json!("a"))));
        assert_eq!(read(r#"{"lte": 1}"#), Some(SortCondition::Lte(json!(1))));
        assert_eq!(read(r#"{"gt": 1}"#), Some(SortCondition::Gt(json!(1))));
        assert_eq!(read(r#"{"gte": 1}"#), Some(SortCondition::Gte(json!(1))));
        assert_eq!(read(r#"{"between": [1, 2]}"#), Some(SortCondition::Between(json!(1), json!(2))));
        assert_eq!(read(r#"{"prefix": "a"}"#), Some(SortCondition::Prefix("a".into())));
        for wrong in [r#"{"between": [1]}"#, r#"{"prefix": 1}"#, r#"{"like": 1}"#, r#"{"eq": 1, "lt": 2}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_page_has_one_to_a_thousand_items() {
        assert_eq!(page_size(None).unwrap(), 100);
        assert_eq!(page_size(Some(1000)).unwrap(), 1000);
        assert!(page_size(Some(0)).is_err() && page_size(Some(1001)).is_err());
    }
}
