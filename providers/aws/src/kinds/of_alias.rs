//! What hangs on a function's alias: it has no tags of its own, and is found by the function's.

use futures_util::TryFutureExt as _;
use sf_plan::{Addr, Failure, ObjectKey};

use super::{At, Inventory, Made, Seen, all_found};
use crate::api::lambda::on_alias::AliasOf;
use crate::names::LIVE;
use crate::names::addr::kind;

/// The alias of an ARN: `arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-profile:live`.
pub(super) fn parsed<'a>(at: &At<'_>, arn: &'a str) -> Result<AliasOf<'a>, Failure> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", function, alias] => Ok(AliasOf { function, alias }),
        _ => Err(at.failure(
            "bad-inputs",
            "put",
            &format!("`{arn}` is not the ARN of a function's alias"),
            "this is a defect of the AWS provider: please report it",
        )),
    }
}

/// What there is one of for an alias is known by the alias.
pub(super) fn made(alias: &str) -> Made {
    Made::new(alias, [])
}

/// The ARN of the alias that everything calls.
pub(super) fn live(function: &str) -> String {
    format!("{function}:{LIVE}")
}

/// A thing, and what its name has after the function's, if anything.
type Part<S> = (Option<String>, Seen<S>);

/// What there is one of for an alias, as [`list`] wants it.
pub(super) fn single<S>(found: Result<Option<Seen<S>>, Failure>) -> Result<Vec<Part<S>>, Failure> {
    Ok(found?.map(|seen| (None, seen)).into_iter().collect())
}

/// Everything of a kind that hangs on the aliases of the scope's functions: `look` is given an alias's ARN, and says for each thing what its name
/// has after the function's, if anything.
pub(super) async fn list<S, F>(
    of_kind: &str,
    inventory: &Inventory,
    look: impl Fn(String) -> F,
) -> Result<Vec<Seen<S>>, Failure>
where
    F: Future<Output = Result<Vec<Part<S>>, Failure>>,
{
    let functions = inventory.of(kind::FUNCTION);
    let found = functions.iter().map(|(_, arn)| look(live(arn)).map_ok(Some)).collect();
    let found = functions.iter().zip(all_found(found).await?);
    Ok(found
        .flat_map(|((owner, _), found)| found.into_iter().map(move |found| named(of_kind, owner, found)))
        .collect())
}

fn named<S>(kind: &str, owner: &ObjectKey, (what, mut seen): Part<S>) -> Seen<S> {
    let function = &owner.addr.name;
    let name = what.map_or_else(|| function.clone(), |what| format!("{function}:{what}"));
    seen.key = Some(ObjectKey { addr: Addr::new(kind, name), generation: owner.generation });
    seen
}
