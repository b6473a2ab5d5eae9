//! Which rights a deploy would miss: IAM is asked, nothing is tried.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use sf_plan::Failure;
use sf_provider::Right;

use crate::api::iam::{self, simulate};
use crate::api::{ApiError, Client};
use crate::names::arn;

/// A name that the patterns of [`crate::rights`] fit, in the place of their asterisks: IAM wants to be asked about one thing.
const ANY: &str = "sf-check";

/// What is known of the rights.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Those that are not given, one sentence for each place.
    pub(super) missing: Vec<String>,
    /// What could not be asked.
    pub(super) notes: Vec<String>,
}

/// Asks for whoever the credentials belong to.
pub(super) async fn ask(api: &Client, rights: &[Right]) -> Result<Known, Failure> {
    let who = api.identity().await?;
    let Some(caller) = arn::caller(&who.arn) else {
        let note = format!("the rights of {} cannot be asked about", who.arn);
        return Ok(Known { notes: vec![note], ..Known::default() });
    };
    let principal = match caller {
        // May do everything, and IAM answers no question about it.
        arn::Caller::Root => return Ok(Known::default()),
        arn::Caller::User => who.arn.clone(),
        arn::Caller::Role { name } => role(api, &who.arn, name).await,
    };
    let place = api.place().await?;
    let mut by_pattern: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for right in rights {
        by_pattern.entry(&right.on).or_default().push(&right.action);
    }
    let questions = by_pattern.iter().map(|(pattern, actions)| {
        let pattern = place.concrete(pattern);
        let principal = principal.as_str();
        async move {
            let on = if pattern == "*" { pattern.clone() } else { pattern.replace('*', ANY) };
            let answer = simulate::simulate(api, principal, actions, &on).await?;
            let refused: Vec<_> =
                answer.into_iter().filter(simulate::Evaluation::is_refused).map(|one| one.action).collect();
            Ok::<_, ApiError>((pattern, refused))
        }
    });
    let mut known = Known::default();
    for answer in join_all(questions).await {
        match answer {
            Ok((_, refused)) if refused.is_empty() => {}
            Ok((pattern, refused)) => known.missing.push(format!("{} on {pattern}", refused.join(", "))),
            Err(error) => known.notes = vec![unknown(&error)],
        }
    }
    Ok(known)
}

/// The role's own ARN: that of its session does not tell the role's path.
async fn role(api: &Client, session: &str, name: &str) -> String {
    match iam::get_role(api, name).await {
        Ok(Some(role)) => role.arn,
        // Perhaps it has none.
        _ => arn::role_of_session(session, name),
    }
}

fn unknown(error: &ApiError) -> String {
    let failure = error.failure("the rights could not be asked about");
    match failure.hint {
        Some(hint) => format!("{} ({hint})", failure.message),
        None => failure.message,
    }
}
