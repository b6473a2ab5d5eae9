//! Everything tagged that a scope owns, as the tagging API lists it.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sf_plan::{Failure, ObjectKey};
use sf_provider::Scope;
use tokio::sync::OnceCell;

use super::At;
use super::tags::{Tags, owner};
use crate::api::gateway::{Api, Collection};
use crate::api::{Client, tagging};
use crate::names::addr::kind;
use crate::names::{PROJECT_TAG, STAGE_TAG};

/// What there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    /// ARNs by kind.
    arns: BTreeMap<String, Vec<(ObjectKey, String)>>,
    /// The region's APIs, asked for once: most kinds of API Gateway's are found through them, at its ten requests a second.
    apis: OnceCell<Vec<Api>>,
}

impl Inventory {
    /// Asks. IAM's roles are not in it: the tagging API does not have them.
    pub(crate) async fn take(api: &Client, scope: &Scope) -> Result<Self, Failure> {
        let filters = [(PROJECT_TAG, scope.project.as_str()), (STAGE_TAG, scope.stage.as_str())];
        let resources = tagging::get_resources(api, &filters)
            .await
            .map_err(|error| error.failure("list what the project has by its tags"))?;
        let mut inventory = Self::default();
        for (arn, tags) in resources {
            inventory.add(scope, arn, tags);
        }
        Ok(inventory)
    }

    fn add(&mut self, scope: &Scope, arn: String, tags: Tags) {
        if let Some((key, _)) = owner(scope, tags) {
            self.arns.entry(key.addr.kind.0.clone()).or_default().push((key, arn));
        }
    }

    /// Every API of the region.
    pub(crate) async fn apis(&self, at: &At<'_>) -> Result<&[Api], Failure> {
        let asked = self.apis.get_or_try_init(|| async { Collection::apis().all(at.api).await }).await;
        asked.map(Vec::as_slice).map_err(|error| at.failed("look for", &error))
    }

    /// The keys and ARNs of a kind.
    pub(crate) fn of(&self, kind: &str) -> &[(ObjectKey, String)] {
        self.arns.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The manifest's name of the function that an alias is of.
    pub(crate) fn function(&self, alias: &str) -> Option<&str> {
        let is_of = |arn: &str| alias.strip_prefix(arn).is_some_and(|rest| rest.starts_with(':'));
        let mut functions = self.of(kind::FUNCTION).iter();
        functions.find(|(_, arn)| is_of(arn)).map(|(key, _)| key.addr.name.as_str())
    }
}

/// Objects that are looked at together when everything of a kind is.
const AT_ONCE: usize = 16;

/// What there is of all that is asked about. (The questions are a list, and no iterator, for the compiler's sake: it cannot see that closures
/// which borrow may be sent to another thread.)
pub(crate) async fn all_found<T, E>(
    questions: Vec<impl Future<Output = Result<Option<T>, E>>>,
) -> Result<Vec<T>, E> {
    let found: Vec<_> = stream::iter(questions).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
