//! Tables.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sf_host_api::http::Method;
use sf_plan::Failure;
use sf_provider::{Cx, Item, ItemPage, ItemQuery, Items};

use super::HostOperate;
use super::data::{DataCall, segment};

/// The answer to `get`: no version where there is no item.
#[derive(Deserialize)]
struct Got {
    item: Json,
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize)]
struct Put {
    version: String,
}

#[derive(Deserialize)]
struct Deleted {
    existed: bool,
}

#[async_trait]
impl Items for HostOperate {
    async fn get(&self, cx: &Cx, table: &str, key: &Json) -> Result<Option<Item>, Failure> {
        let got: Got = self.data_json(cx, call(table, "get", &json!({ "key": key }))?).await?;
        Ok(got.version.map(|version| Item { item: got.item, version }))
    }

    async fn put(&self, cx: &Cx, table: &str, item: &Json, if_absent: bool) -> Result<String, Failure> {
        let body =
            if if_absent { json!({ "item": item, "ifAbsent": true }) } else { json!({ "item": item }) };
        Ok(self.data_json::<Put>(cx, call(table, "put", &body)?).await?.version)
    }

    async fn remove(&self, cx: &Cx, table: &str, key: &Json) -> Result<bool, Failure> {
        let deleted: Deleted = self.data_json(cx, call(table, "delete", &json!({ "key": key }))?).await?;
        Ok(deleted.existed)
    }

    async fn query(&self, cx: &Cx, table: &str, query: &ItemQuery) -> Result<ItemPage, Failure> {
        self.data_json(cx, call(table, "query", &json!(query))?).await
    }

    async fn scan(
        &self,
        cx: &Cx,
        table: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<ItemPage, Failure> {
        let body = match cursor {
            Some(cursor) => json!({ "limit": limit, "cursor": cursor }),
            None => json!({ "limit": limit }),
        };
        self.data_json(cx, call(table, "scan", &body)?).await
    }
}

fn call(table: &str, operation: &str, body: &Json) -> Result<DataCall<'static>, Failure> {
    Ok(DataCall::json(Method::POST, format!("/tables/{}/{operation}", segment(table)?), body))
}
