//! What was deployed earlier: which release is gone back to, and where its code comes from.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sf_engine::{Draft, Release, Session, Store};
use sf_plan::{Digest, ObjectKey, Plan};

use crate::errors::{Error, Exit};
use crate::pipeline::Zips;
use crate::project::Project;

/// The release of that number, as what is to be deployed now. Without a number it is the one before the live one, so that a second rollback undoes
/// the first; or the live one itself, if a deploy that failed since has left something else.
pub(crate) async fn back_to(
    project: &Project,
    store: &dyn Store,
    session: &Session<'_>,
    number: Option<u64>,
) -> Result<Draft, Error> {
    let release = match number {
        Some(number) => numbered(project, store, number, "roll back to").await?,
        None => earlier(project, store, session).await?,
    };
    let Release { about, desired, .. } = release;
    Ok(Draft {
        desired,
        artifacts: about.artifacts,
        git_sha: about.git_sha,
        rollback_to: Some(about.number),
        run: None,
    })
}

/// The release of that number, or an error that says which there are.
pub(crate) async fn numbered(
    project: &Project,
    store: &dyn Store,
    number: u64,
    purpose: &str,
) -> Result<Release, Error> {
    if let Some(release) = store.release(number).await? {
        return Ok(release);
    }
    let known = store.releases().await?;
    let message = format!("{purpose} release {number} of `{}`: there is none", project.app.project);
    let error = Error::usage("unknown-release", message);
    Err(match known.as_slice() {
        [] => error.hint("nothing was deployed yet: `sf deploy` makes the first release"),
        [only] => error.hint(format!("there is release {only} alone")),
        [first, .., last] => error.hint(format!("there are releases {first} to {last}: see `sf releases`")),
    })
}

async fn earlier(project: &Project, store: &dyn Store, session: &Session<'_>) -> Result<Release, Error> {
    let known = store.releases().await?;
    let none = |cause: &str| {
        let message = format!("roll back `{}`: {cause}", project.app.project);
        Error::new(Exit::Failed, "no-earlier-release", message)
            .hint("every `sf deploy` that changes something makes one; `sf releases` lists them")
    };
    let Some(live) = known.last() else { return Err(none("there is no release yet")) };
    let live = numbered(project, store, *live, "roll back to").await?;
    let plan = session.plan(live.desired.clone(), project.backend.schemas())?;
    if plan.actual_changes().next().is_some() {
        return Ok(live);
    }
    match known.as_slice() {
        [.., before, _] => numbered(project, store, *before, "roll back to").await,
        _ => Err(none("the live release is the only one")),
    }
}

/// Sees to it that every call of a plan will find the code that it carries: in the build cache, or at the provider. Nothing is changed before
/// that is certain.
pub(crate) async fn provide(
    project: &Project,
    session: &Session<'_>,
    plan: &Plan,
    draft: &Draft,
    zips: &Zips,
) -> Result<(), Error> {
    let mut wanted = session.uploads(plan);
    wanted.retain(|digest, _| !zips.place(digest).is_file());
    if wanted.is_empty() {
        return Ok(());
    }
    let parts: BTreeMap<Digest, PathBuf> =
        wanted.keys().map(|digest| (digest.clone(), zips.place(digest).with_extension("part"))).collect();
    prepare(&parts)?;
    let gone = session.fetch(parts.clone()).await?;
    for (digest, part) in parts {
        if !gone.contains(&digest) && part.is_file() {
            let zip = zips.place(&digest);
            fs::rename(&part, &zip).map_err(|cause| Error::io("keep", zip.display(), &cause))?;
        }
    }
    wanted.retain(|digest, _| gone.contains(digest));
    if wanted.is_empty() { Ok(()) } else { Err(code_gone(project, &wanted, draft)) }
}

/// A folder for the files, and none of them there: an earlier run may have left the beginning of one.
fn prepare(parts: &BTreeMap<Digest, PathBuf>) -> Result<(), Error> {
    for part in parts.values() {
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder).map_err(|cause| Error::io("create", folder.display(), &cause))?;
        }
        match fs::remove_file(part) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", part.display(), &cause));
            }
            _ => {}
        }
    }
    Ok(())
}

fn code_gone(project: &Project, gone: &BTreeMap<Digest, ObjectKey>, draft: &Draft) -> Error {
    let of: Vec<_> = gone.values().map(|key| format!("`{key}`")).collect();
    let which = draft.rollback_to.map_or_else(String::new, |number| format!(" to release {number}"));
    let message = format!(
        "roll back `{}`{which}: the code of {} is neither in the build cache nor at the provider; nothing was changed",
        project.app.project,
        of.join(", ")
    );
    let hint = match &draft.git_sha {
        Some(sha) => {
            let short: String = sha.chars().take(12).collect();
            format!("it was made from commit {short}: check that out and run `sf deploy`")
        }
        None => "check out the sources of that release and run `sf deploy`".to_owned(),
    };
    Error::new(Exit::Failed, "artifact-gone", message).hint(hint)
}
