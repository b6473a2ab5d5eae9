//! `permission`: who may call a function's alias, a statement of the function's own policy for each.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sf_plan::{Failure, Json};

use super::function::with_patience;
use super::{At, Inventory, Made, RemoteKind, Seen, Text, Undone, of_alias};
use crate::api::ApiError;
use crate::api::lambda::policy::{self, AddPermission, Statement, add_permission, remove_permission};
use crate::names::addr::kind;
use crate::names::{ACCOUNT, Place, statement};

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission;

/// Its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Spec {
    alias: String,
    /// See [`statement`].
    statement_id: String,
    action: String,
    principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_arn: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    function_url_auth_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invoked_via_function_url: Option<bool>,
}

impl Spec {
    /// A statement of the policy, as AddPermission would be told to make it.
    fn of(place: &Place, alias: &str, statement: &Statement) -> Self {
        let text = |name: &str| condition(&statement.condition, name).map(str::to_owned);
        // In its general form already: digits alone are not known for an account.
        let account = |account: String| if account == place.account { ACCOUNT.to_owned() } else { account };
        Self {
            alias: alias.to_owned(),
            statement_id: statement.sid.clone(),
            action: plain(&statement.action),
            principal: principal(&statement.principal),
            source_arn: text("aws:SourceArn").map(Text::Whole),
            source_account: text("aws:SourceAccount").map(account),
            function_url_auth_type: text("lambda:FunctionUrlAuthType"),
            invoked_via_function_url: text("lambda:InvokedViaFunctionUrl").map(|text| text == "true"),
        }
    }

    fn made(&self) -> Made {
        Made::new(format!("{}/{}", self.alias, self.statement_id), [])
    }
}

/// The value of a condition, whatever its operator; the case of names does not count.
fn condition<'a>(conditions: &'a Json, name: &str) -> Option<&'a str> {
    let operators = conditions.as_object()?.values().filter_map(Json::as_object);
    operators.flatten().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}

/// `apigateway.amazonaws.com`, an account, or `*`.
fn principal(principal: &Json) -> String {
    match principal.get("Service").or_else(|| principal.get("AWS")).unwrap_or(principal) {
        Json::String(text) => match text.strip_prefix("arn:").and_then(|arn| arn.strip_suffix(":root")) {
            Some(arn) => arn.rsplit(':').next().unwrap_or(arn).to_owned(),
            None => text.clone(),
        },
        other => other.to_string(),
    }
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

async fn statements(at: &At<'_>, alias: &str) -> Result<Vec<Spec>, Failure> {
    let of = of_alias::parsed(at, alias)?;
    let statements = policy::get_policy(at.api, of.function, of.alias).await;
    let statements = statements.map_err(|error| at.failed("read", &error))?;
    Ok(statements.iter().map(|statement| Spec::of(at.place, alias, statement)).collect())
}

async fn find(at: &At<'_>, alias: &str, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
    let spec = statements(at, alias).await?.into_iter().find(|spec| spec.statement_id == id);
    Ok(spec.map(|spec| Seen { made: spec.made(), spec, key: None }))
}

async fn add(at: &At<'_>, spec: &Spec) -> Result<Result<(), ApiError>, Failure> {
    let of = of_alias::parsed(at, &spec.alias)?;
    let source = spec.source_arn.as_ref().map(Text::joined);
    let input = AddPermission {
        statement_id: &spec.statement_id,
        action: &spec.action,
        principal: &spec.principal,
        source_arn: source.as_deref(),
        source_account: spec.source_account.as_deref(),
        function_url_auth_type: spec.function_url_auth_type.as_deref(),
        invoked_via_function_url: spec.invoked_via_function_url,
    };
    Ok(with_patience(|| add_permission(at.api, of.function, of.alias, &input)).await)
}

async fn remove(at: &At<'_>, spec: &Spec) -> Result<(), Failure> {
    let of = of_alias::parsed(at, &spec.alias)?;
    let remove = || remove_permission(at.api, of.function, of.alias, &spec.statement_id);
    with_patience(remove).await.map_err(|error| at.failed("delete", &error))
}

#[async_trait]
impl RemoteKind for Permission {
    type Spec = Spec;

    const TAGGED: bool = false;
    const REPLACED_BY: &'static [&'static str] = &["Alias", "StatementId"];
    // An alias goes with its function only, and no policy outlives that.
    const GOES_WITH: &'static [&'static str] = &[kind::ALIAS];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        match add(at, spec).await? {
            Ok(()) => Ok(spec.made()),
            Err(error) if error.is(&["ResourceConflictException"]) => Err(Undone::Exists),
            Err(error) => Err(at.failed("create", &error).into()),
        }
    }

    /// A statement cannot be changed.
    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        if prior.spec == *spec {
            return Ok(prior.made.clone());
        }
        remove(at, &prior.spec).await?;
        add(at, spec).await?.map_err(|error| at.failed("update", &error))?;
        Ok(spec.made())
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        remove(at, &prior.spec).await
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        let Some((alias, statement)) = id.split_once('/') else { return Ok(None) };
        find(at, alias, statement).await
    }

    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        find(at, &spec.alias, &spec.statement_id).await
    }

    /// Those of which it can be told what they are for. The rest are made again to the same effect, since their ids say the same.
    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        let look = async |alias: String| {
            let ours = |spec: Spec| {
                let what = statement::what(&spec.statement_id)?;
                Some((Some(what), Seen { made: spec.made(), spec, key: None }))
            };
            Ok(statements(at, &alias).await?.into_iter().filter_map(ours).collect())
        };
        of_alias::list(&at.key.addr.kind.0, inventory, look).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(statement: Json) -> Spec {
        let place =
            Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() };
        Spec::of(&place, "alias", &serde_json::from_value(statement).unwrap())
    }

    #[test]
    fn a_statement_tells_what_it_was_made_of() {
        let spec = of(json!({
            "Sid": "sf-a",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": "alias",
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
            },
        }));
        assert_eq!(spec.principal, "s3.amazonaws.com");
        assert_eq!(spec.source_account.as_deref(), Some(ACCOUNT));
        assert_eq!(spec.source_arn, Some(Text::Whole("arn:aws:s3:::b".into())));
        assert_eq!(spec.function_url_auth_type, None);
    }

    #[test]
    fn every_kind_of_principal_is_read() {
        let principal =
            |principal: Json| of(json!({"Sid": "s", "Action": "a", "Principal": principal})).principal;
        assert_eq!(principal(json!("*")), "*");
        assert_eq!(principal(json!({"AWS": "*"})), "*");
        assert_eq!(principal(json!({"AWS": "arn:aws:iam::123456789012:root"})), "123456789012");
    }

    #[test]
    fn what_is_true_of_an_address_is_read() {
        let conditions = json!({
            "StringEquals": {"lambda:FunctionUrlAuthType": "NONE"},
            "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
        });
        let spec = of(json!({"Sid": "s", "Action": "a", "Principal": "*", "Condition": conditions}));
        assert_eq!(spec.function_url_auth_type.as_deref(), Some("NONE"));
        assert_eq!(spec.invoked_via_function_url, Some(true));
    }
}
