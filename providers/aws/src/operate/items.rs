//! Tables. What is in them is written as the kits write it, with a version that is new with every write.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, json};
use sf_plan::{Failure, Json};
use sf_provider::{Cx, Item, ItemPage, ItemQuery, Items};

use super::values::{self, VERSION, attribute};
use super::{AwsOperate, failure, refused};
use crate::api::ApiError;
use crate::api::dynamodb;
use crate::api::dynamodb::items::{self, Expression, Query};
use crate::names;

#[async_trait]
impl Items for AwsOperate {
    async fn get(&self, cx: &Cx, table: &str, key: &Json) -> Result<Option<Item>, Failure> {
        let known = self.table(cx, table, "read").await?;
        let found = items::get_item(&self.api, &known.physical, &object(table, key)?)
            .await
            .map_err(|error| asked("read", table, &error))?;
        Ok(found.filter(|item| !known.is_expired(item)).map(shown))
    }

    async fn put(&self, cx: &Cx, table: &str, item: &Json, if_absent: bool) -> Result<String, Failure> {
        let known = self.table(cx, table, "write").await?;
        let version: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        let mut attributes = object(table, item)?;
        attributes[VERSION] = attribute(&version.clone().into());
        let condition = if_absent.then(|| known.absent());
        match items::put_item(&self.api, &known.physical, &attributes, condition.as_ref()).await {
            Ok(()) => Ok(version),
            Err(error) if error.is(&["ConditionalCheckFailedException"]) => {
                // Sent twice, since the answer to the first was lost: what is in the way is our own.
                if error
                    .fields
                    .as_ref()
                    .is_some_and(|fields| fields["Item"][VERSION]["S"] == version.as_str())
                {
                    return Ok(version);
                }
                let message = format!("write table `{table}`: there is such an item already");
                Err(failure("conflict", message, "read it, or write it without that condition"))
            }
            Err(error) => Err(asked("write", table, &error)),
        }
    }

    async fn remove(&self, cx: &Cx, table: &str, key: &Json) -> Result<bool, Failure> {
        let physical = names::table(&cx.scope, table);
        items::delete_item(&self.api, &physical, &object(table, key)?)
            .await
            .map_err(|error| asked("remove from", table, &error))
    }

    async fn query(&self, cx: &Cx, table: &str, query: &ItemQuery) -> Result<ItemPage, Failure> {
        let known = self.table(cx, table, "query").await?;
        let condition = known.condition(table, query)?;
        let start = query.cursor.as_deref().map(|cursor| key_of(table, cursor)).transpose()?;
        let wanted = Wanted::Partition { condition: &condition, reverse: query.reverse };
        self.page(&known, wanted, query.limit, start).await.map_err(|error| asked("query", table, &error))
    }

    async fn scan(
        &self,
        cx: &Cx,
        table: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure> {
        let known = self.table(cx, table, "scan").await?;
        let start = cursor.map(|cursor| key_of(table, cursor)).transpose()?;
        self.page(&known, Wanted::All, limit, start).await.map_err(|error| asked("scan", table, &error))
    }
}

/// Which of a table's items.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Partition { condition: &'a Expression, reverse: bool },
    All,
}

/// What is to be known of a table before its items can be asked for.
struct Table {
    physical: String,
    partition: String,
    sort: Option<String>,
    /// The attribute that says when an item expires.
    expiry: Option<String>,
}

impl AwsOperate {
    async fn table(&self, cx: &Cx, table: &str, doing: &str) -> Result<Table, Failure> {
        let physical = names::table(&cx.scope, table);
        let asked_of = tokio::try_join!(
            dynamodb::describe_table(&self.api, &physical),
            dynamodb::describe_time_to_live(&self.api, &physical),
        );
        let (found, expiry) = asked_of.map_err(|error| asked(doing, table, &error))?;
        let found = found.ok_or_else(|| {
            let message = format!("{doing} table `{table}`: there is no `{physical}`");
            failure("not-found", message, "is it deployed? `sf deploy` makes what the manifest has")
        })?;
        let key = |kind: &str| {
            let mut parts = found.key_schema.iter();
            parts.find(|part| part.key_type == kind).map(|part| part.attribute_name.clone())
        };
        Ok(Table {
            partition: key("HASH").unwrap_or_default(),
            sort: key("RANGE"),
            expiry: expiry.attribute_name.filter(|_| expiry.status.starts_with("ENABL")),
            physical,
        })
    }
}

impl AwsOperate {
    /// Up to `limit` items. One more is asked for, so that the last page is known to be the last.
    async fn page(
        &self,
        table: &Table,
        wanted: Wanted<'_>,
        limit: usize,
        mut start: Option<Json>,
    ) -> Result<ItemPage, ApiError> {
        let mut found: Vec<Json> = Vec::new();
        loop {
            let more = limit + 1 - found.len();
            let page = match wanted {
                Wanted::Partition { condition, reverse } => {
                    let query = Query { condition, reverse, limit: more, start: start.as_ref() };
                    items::query(&self.api, &table.physical, query).await?
                }
                Wanted::All => items::scan(&self.api, &table.physical, more, start.as_ref()).await?,
            };
            found.extend(page.items.into_iter().filter(|item| !table.is_expired(item)));
            start = page.last_evaluated_key;
            if start.is_none() || found.len() > limit {
                break;
            }
        }
        let is_more = found.len() > limit;
        found.truncate(limit);
        let cursor = found.last().filter(|_| is_more).map(|last| table.cursor(last));
        Ok(ItemPage { items: found.into_iter().map(shown).collect(), cursor })
    }
}

impl Table {
    /// DynamoDB removes what has expired some time later.
    fn is_expired(&self, item: &Json) -> bool {
        let expires = self.expiry.as_ref().and_then(|name| item[name]["N"].as_str()?.parse::<f64>().ok());
        expires.is_some_and(|seconds| seconds <= now())
    }

    /// Nothing of that key is there, or only what has expired.
    fn absent(&self) -> Expression {
        let mut names = Map::from_iter([("#key".to_owned(), Json::from(self.partition.clone()))]);
        let mut text = "attribute_not_exists(#key)".to_owned();
        let mut values = Map::new();
        if let Some(expiry) = &self.expiry {
            text.push_str(" OR (attribute_type(#ttl, :number) AND #ttl <= :now)");
            names.insert("#ttl".into(), expiry.clone().into());
            values.insert(":number".into(), json!({ "S": "N" }));
            values.insert(":now".into(), attribute(&json!(now())));
        }
        Expression { text, names, values }
    }

    fn condition(&self, table: &str, query: &ItemQuery) -> Result<Expression, Failure> {
        let mut condition = Expression {
            text: "#partition = :partition".into(),
            names: Map::from_iter([("#partition".to_owned(), self.partition.clone().into())]),
            values: Map::from_iter([(":partition".to_owned(), attribute(&query.partition))]),
        };
        if let Some(sort) = &query.sort {
            let Some(name) = &self.sort else {
                return Err(bad(table, "the table has no sort key to compare"));
            };
            let (text, values) = range(table, sort)?;
            condition.text = format!("{} AND {text}", condition.text);
            condition.names.insert("#sort".into(), name.clone().into());
            condition.values.extend(values);
        }
        Ok(condition)
    }

    /// The key of an item, as text that means nothing to others.
    fn cursor(&self, item: &Json) -> String {
        let names = [Some(&self.partition), self.sort.as_ref()].into_iter().flatten();
        let key: Map<String, Json> = names.map(|name| (name.clone(), item[name].clone())).collect();
        URL_SAFE_NO_PAD.encode(Json::from(key).to_string())
    }
}

/// A condition on the sort key as an expression of `#sort`, and its values.
fn range(table: &str, sort: &Json) -> Result<(String, Map<String, Json>), Failure> {
    let one = sort.as_object().filter(|sort| sort.len() == 1).and_then(|sort| sort.iter().next());
    let known = "`sort` is one of eq, lt, lte, gt, gte, between, prefix";
    let (condition, value) = one.ok_or_else(|| bad(table, known))?;
    let operator = match condition.as_str() {
        "eq" => "=",
        "lt" => "<",
        "lte" => "<=",
        "gt" => ">",
        "gte" => ">=",
        "prefix" => {
            let values = Map::from_iter([(":sort".to_owned(), attribute(value))]);
            return Ok(("begins_with(#sort, :sort)".into(), values));
        }
        "between" => {
            let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
                return Err(bad(table, "`sort.between` is a list of two values"));
            };
            let values = [(":sort".to_owned(), attribute(low)), (":high".to_owned(), attribute(high))];
            return Ok(("#sort BETWEEN :sort AND :high".into(), Map::from_iter(values)));
        }
        _ => return Err(bad(table, known)),
    };
    let values = Map::from_iter([(":sort".to_owned(), attribute(value))]);
    Ok((format!("#sort {operator} :sort"), values))
}

fn shown(attributes: Json) -> Item {
    let (item, version) = values::item(attributes);
    Item { item, version }
}

fn object(table: &str, item: &Json) -> Result<Json, Failure> {
    let object = item.as_object().ok_or_else(|| bad(table, "what is given is not an object"))?;
    Ok(values::attributes(object))
}

fn key_of(table: &str, cursor: &str) -> Result<Json, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    key.ok_or_else(|| bad(table, "the cursor is not one that an earlier page gave"))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn asked(doing: &str, table: &str, error: &ApiError) -> Failure {
    refused(&format!("{doing} table `{table}`"), error)
}

fn bad(table: &str, cause: &str) -> Failure {
    failure("bad-request", format!("table `{table}`: {cause}"), "see `sf table --help`")
}
