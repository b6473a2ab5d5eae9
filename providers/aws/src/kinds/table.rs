//! `table`: DynamoDB tables.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, Json};

use super::{At, Inventory, Made, Patience, RemoteKind, Seen, Tags, Undone, name_in, owner, retry, until};
use crate::api::ApiError;
use crate::api::dynamodb::{self, AttributeDefinition, KeyPart, NewTable};

pub(super) struct Table;

/// See `CreateTable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Spec {
    table_name: String,
    key_schema: Vec<KeyPart>,
    /// In the order of the keys that they are the types of.
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_view_type: Option<String>,
    /// The attribute that says when an item expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_live: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deletion_protection_enabled: bool,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// Another change of the table is under way.
fn is_busy(error: &ApiError) -> bool {
    error.is(&["ResourceInUseException", "LimitExceededException"])
}

impl Table {
    fn made(table: &dynamodb::Table) -> Made {
        let mut made = Made::new(
            table.table_arn.clone(),
            [("arn", table.table_arn.as_str()), ("name", table.table_name.as_str())],
        );
        if let Some((_, stream)) = table.stream() {
            made.outputs.insert("stream".to_owned(), Json::from(stream));
        }
        made
    }

    /// The table, when it can be used.
    async fn active(at: &At<'_>, name: &str) -> Result<dynamodb::Table, Failure> {
        let active = until(Patience::USUAL, || async {
            let table = dynamodb::describe_table(at.api, name).await?;
            Ok(table.filter(|table| table.table_status == "ACTIVE"))
        });
        active.await.map_err(|error| at.failed("wait for", &error))?.ok_or_else(|| {
            let cause = "DynamoDB has not finished with it after five minutes";
            at.failure("timeout", "wait for", cause, "look at the table in AWS's console, then deploy again")
        })
    }

    async fn named(at: &At<'_>, name: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let failed = |error| at.failed("read", &error);
        let Some(table) = dynamodb::describe_table(at.api, name).await.map_err(failed)? else {
            return Ok(None);
        };
        if table.table_status == "DELETING" {
            return Ok(None);
        }
        let more = tokio::try_join!(
            dynamodb::describe_time_to_live(at.api, name),
            dynamodb::list_tags(at.api, &table.table_arn),
        );
        let (expiry, tags) = match more {
            Ok(more) => more,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let Some((key, tags)) = owner(&at.cx.scope, tags) else { return Ok(None) };
        let expires = matches!(expiry.status.as_str(), "ENABLED" | "ENABLING");
        let made = Self::made(&table);
        let spec = Spec {
            stream_view_type: table.stream().map(|(view, _)| view.to_owned()),
            attribute_definitions: in_order_of(&table.key_schema, table.attribute_definitions),
            table_name: table.table_name,
            key_schema: table.key_schema,
            time_to_live: expiry.attribute_name.filter(|_| expires),
            deletion_protection_enabled: table.deletion_protection_enabled,
            tags,
        };
        Ok(Some(Seen { made, spec, key: Some(key) }))
    }

    async fn set_stream(at: &At<'_>, name: &str, view: Option<&str>) -> Result<(), Failure> {
        retry(Patience::USUAL, is_busy, || dynamodb::update_stream(at.api, name, view))
            .await
            .map_err(|error| at.failed("change the stream of", &error))?;
        Self::active(at, name).await.map(drop)
    }

    async fn set_protection(at: &At<'_>, name: &str, enabled: bool) -> Result<(), ApiError> {
        retry(Patience::USUAL, is_busy, || dynamodb::update_protection(at.api, name, enabled)).await
    }

    /// Lets it be deleted; `false`: it is gone, or about to be.
    async fn unprotect(at: &At<'_>, name: &str) -> Result<bool, Failure> {
        let failed = |error| at.failed("change the deletion protection of", &error);
        match dynamodb::describe_table(at.api, name).await.map_err(failed)? {
            Some(table) if table.deletion_protection_enabled => {
                Self::set_protection(at, name, false).await.map_err(failed)?;
                Ok(true)
            }
            found => Ok(found.is_some()),
        }
    }

    async fn set_expiry(at: &At<'_>, name: &str, attribute: &str, enabled: bool) -> Result<(), Failure> {
        let set = retry(Patience::USUAL, is_busy, || {
            dynamodb::update_time_to_live(at.api, name, attribute, enabled)
        });
        match set.await {
            Ok(()) => Ok(()),
            // The answer to the same request was lost.
            Err(error)
                if error.message.contains(if enabled { "already enabled" } else { "already disabled" }) =>
            {
                Ok(())
            }
            Err(error) => {
                let mut failure = at.failed("change the time to live of", &error);
                if error.message.contains("multiple times") {
                    failure.hint = Some("AWS lets it change once in an hour: deploy again later".to_owned());
                }
                Err(failure)
            }
        }
    }
}

/// DynamoDB gives attributes back in an order of its own.
fn in_order_of(keys: &[KeyPart], mut definitions: Vec<AttributeDefinition>) -> Vec<AttributeDefinition> {
    let place = |definition: &AttributeDefinition| {
        keys.iter().position(|key| key.attribute_name == definition.attribute_name).unwrap_or(keys.len())
    };
    definitions.sort_by_key(place);
    definitions
}

#[async_trait]
impl RemoteKind for Table {
    type Spec = Spec;

    const HOLDS_DATA: bool = true;
    const PROTECTED_BY: Option<&'static str> = Some("DeletionProtectionEnabled");
    const DELETE_FIRST: bool = true;
    const UNSTABLE: &'static [&'static str] = &["stream"];
    /// All else leaves the stream as it is, and so who reads it need not begin anew.
    const DISTURBED_BY: &'static [&'static str] = &["StreamViewType"];
    const REPLACED_BY: &'static [&'static str] = &["TableName", "KeySchema", "AttributeDefinitions"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let tags = at.tags(&spec.tags);
        let table = NewTable {
            name: &spec.table_name,
            key_schema: &spec.key_schema,
            attribute_definitions: &spec.attribute_definitions,
            stream_view_type: spec.stream_view_type.as_deref(),
            deletion_protection: spec.deletion_protection_enabled,
            tags: &tags,
        };
        // So many tables may be made at once.
        let too_many = |error: &ApiError| error.is(&["LimitExceededException"]);
        match retry(Patience::USUAL, too_many, || dynamodb::create_table(at.api, table)).await {
            Ok(()) => {}
            Err(error) if error.is(&["ResourceInUseException"]) => return Err(Undone::Exists),
            Err(error) => return Err(at.failed("create", &error).into()),
        }
        let table = Self::active(at, &spec.table_name).await?;
        let made = Self::made(&table);
        if let Some(attribute) = &spec.time_to_live {
            let set = Self::set_expiry(at, &spec.table_name, attribute, true).await;
            set.map_err(|failure| Undone::Failed(Some(made.clone()), failure))?;
        }
        Ok(made)
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let name = &spec.table_name;
        // It may still be what a run that died was making.
        let table = Self::active(at, name).await?;
        if prior.spec.stream_view_type != spec.stream_view_type {
            // What a stream says cannot change while there is one.
            if prior.spec.stream_view_type.is_some() {
                Self::set_stream(at, name, None).await?;
            }
            if let Some(view) = &spec.stream_view_type {
                Self::set_stream(at, name, Some(view)).await?;
            }
        }
        if prior.spec.time_to_live != spec.time_to_live {
            if let Some(attribute) = &prior.spec.time_to_live {
                Self::set_expiry(at, name, attribute, false).await?;
            }
            if let Some(attribute) = &spec.time_to_live {
                Self::set_expiry(at, name, attribute, true).await?;
            }
        }
        if prior.spec.deletion_protection_enabled != spec.deletion_protection_enabled {
            let set = Self::set_protection(at, name, spec.deletion_protection_enabled).await;
            set.map_err(|error| at.failed("change the deletion protection of", &error))?;
            Self::active(at, name).await?;
        }
        let change = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let failed = |error| at.failed("tag", &error);
        if !change.set.is_empty() {
            dynamodb::tag_resource(at.api, &table.table_arn, &change.set).await.map_err(failed)?;
        }
        if !change.remove.is_empty() {
            dynamodb::untag_resource(at.api, &table.table_arn, &change.remove).await.map_err(failed)?;
        }
        Ok(Self::made(&Self::active(at, name).await?))
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        let name = name_in(&prior.made.id);
        let failed = |error: ApiError| at.failed("delete", &error);
        // What the manifest protects goes since that was asked for; what somebody else protects does not.
        if prior.spec.deletion_protection_enabled && !Self::unprotect(at, name).await? {
            return Ok(());
        }
        match retry(Patience::USUAL, is_busy, || Self::begin_deletion(at, name)).await {
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) if error.is(&["ValidationException"]) => {
                let hint = "did somebody turn its deletion protection on? turn it off, or deploy with `--refresh` first";
                return Err(Failure { hint: Some(hint.to_owned()), ..failed(error) });
            }
            result => result.map_err(failed)?,
        }
        let gone = until(Patience::USUAL, || async {
            let table = dynamodb::describe_table(at.api, name).await?;
            Ok(table.is_none().then_some(()))
        });
        gone.await.map_err(failed)?.ok_or_else(|| {
            let cause = "DynamoDB is still at it after five minutes";
            at.failure("timeout", "delete", cause, "run the command again later")
        })
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        Self::named(at, name_in(id)).await
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        Self::named(at, &spec.table_name).await
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        super::look_at_all(self, at, inventory).await
    }
}

impl Table {
    /// A table that is being deleted is in use, too; that is no reason to wait.
    async fn begin_deletion(at: &At<'_>, name: &str) -> Result<(), ApiError> {
        match dynamodb::delete_table(at.api, name).await {
            Err(error) if error.is(&["ResourceInUseException"]) => {
                match dynamodb::describe_table(at.api, name).await? {
                    Some(table) if table.table_status != "DELETING" => Err(error),
                    _ => Ok(()),
                }
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_in_the_order_of_the_keys() {
        let key = |name: &str, kind: &str| KeyPart { attribute_name: name.into(), key_type: kind.into() };
        let keys = [key("room", "HASH"), key("at", "RANGE")];
        let definition =
            |name: &str| AttributeDefinition { attribute_name: name.into(), attribute_type: "S".into() };
        let ordered = in_order_of(&keys, vec![definition("at"), definition("room")]);
        assert_eq!(ordered, [definition("room"), definition("at")]);
    }
}
