//! `function`: code, settings, and a version of both, which is what the alias `live` shows to everybody.
//!
//! What a function *is* here is its newest version; `$LATEST` is where the next one is put together. Where the two differ (a run died between
//! them, or somebody changed `$LATEST` by hand), its code is said to be unpublished: no digest equals that, so the next run publishes.

mod code;
mod settle;
mod spec;

use async_trait::async_trait;
use sf_plan::Failure;

use super::{At, Inventory, Made, RemoteKind, Seen, Undone, owner};
use crate::api::{ApiError, lambda};
use crate::names::{self, LIVE};
use code::Source;
pub(crate) use code::is_kept;
pub(super) use settle::with_patience;
use settle::{is_there_already, settled};
use spec::Spec;

/// The kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function;

/// Without the version or alias that an answer may have put after it.
fn made(arn: &str, name: &str, version: &str) -> Made {
    let arn: Vec<&str> = arn.splitn(8, ':').take(7).collect();
    let arn = arn.join(":");
    Made::new(&arn, [("arn", arn.as_str()), ("name", name), ("version", version)])
}

/// The name in an ARN.
fn name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

/// The newest version, and whether it is the function as `$LATEST` has it.
async fn newest(
    at: &At<'_>,
    latest: &lambda::Configuration,
) -> Result<(Option<lambda::Configuration>, bool), ApiError> {
    // Nearly always the one that is called; and of the ways to ask for versions this one has the largest quota.
    let live = lambda::get_function(at.api, &latest.function_name, Some(LIVE)).await?;
    if let Some(live) = live.map(|live| live.configuration)
        && live.is_same_as(latest)
    {
        return Ok((Some(live), true));
    }
    let versions = lambda::list_versions(at.api, &latest.function_name).await?;
    let newest =
        versions.into_iter().max_by_key(|version| version.version.parse::<u64>().unwrap_or_default());
    let is_published = newest.as_ref().is_some_and(|newest| newest.is_same_as(latest));
    Ok((newest, is_published))
}

async fn seen(at: &At<'_>, name: &str) -> Result<Option<Seen<Spec>>, ApiError> {
    let Some(function) = lambda::get_function(at.api, name, None).await? else { return Ok(None) };
    let Some((key, tags)) = owner(&at.cx.scope, function.tags.clone()) else { return Ok(None) };
    let bucket = at.place.concrete(&names::bucket(&at.cx.scope, names::ARTIFACTS));
    let (newest, is_published) = newest(at, &function.configuration).await?;
    let digest = if is_published {
        code::digest(at, &bucket, &function.configuration.code_sha256).await?
    } else {
        code::UNPUBLISHED.to_owned()
    };
    let version = newest.map(|newest| newest.version).unwrap_or_default();
    let made = made(&function.configuration.function_arn, name, &version);
    Ok(Some(Seen { made, spec: Spec::of(function, digest, bucket, tags), key: Some(key) }))
}

impl Function {
    /// Makes the function; its first version.
    async fn make(
        &self,
        at: &At<'_>,
        spec: &Spec,
        source: &Source,
    ) -> Result<lambda::Configuration, ApiError> {
        let settings = lambda::Settings::fresh().change(&spec.settings());
        let tags = at.tags(&spec.tags);
        with_patience(|| async {
            let (code, _permit) = source.code(&spec.artifacts).await?;
            let input = lambda::CreateFunction {
                function_name: &spec.function_name,
                code,
                publish: true,
                architectures: &spec.architectures,
                tags: &tags,
                settings: &settings,
            };
            lambda::create_function(at.api, &input).await
        })
        .await
    }

    /// Brings `$LATEST` to what `spec` says, and makes a version of it. What is there decides, not what is recorded: a run may have died
    /// half-way.
    async fn publish(&self, at: &At<'_>, prior: &Spec, spec: &Spec) -> Result<String, Failure> {
        let name = &spec.function_name;
        let failed = |error: ApiError| at.failed("update", &error);
        let mut current = settled(at, name, None).await?;
        let change = current.settings().change(&spec.settings());
        if change != lambda::Settings::default() {
            with_patience(|| lambda::update_function_configuration(at.api, name, &change))
                .await
                .map_err(failed)?;
            current = settled(at, name, None).await?;
        }
        let is_rebuilt = current.architectures != spec.architectures;
        let mut published = None;
        if is_rebuilt || prior.code != spec.code {
            let source = Source::of(at, &spec.artifacts, &spec.code.digest).await?;
            source.keep(at, &spec.artifacts).await.map_err(failed)?;
            if is_rebuilt || source.sha256() != current.code_sha256 {
                published = Some(self.send(at, spec, &source).await.map_err(failed)?);
            }
        }
        // What a run that died has published is a version already.
        if published.is_none() && change == lambda::Settings::default() {
            let (newest, is_published) = newest(at, &current).await.map_err(failed)?;
            published = newest.filter(|_| is_published);
        }
        let published = match published {
            Some(published) => published,
            None => with_patience(|| lambda::publish_version(at.api, name, &current.code_sha256))
                .await
                .map_err(failed)?,
        };
        settled(at, name, Some(&published.version)).await?;
        Ok(published.version)
    }

    async fn send(
        &self,
        at: &At<'_>,
        spec: &Spec,
        source: &Source,
    ) -> Result<lambda::Configuration, ApiError> {
        with_patience(|| async {
            let (code, _permit) = source.code(&spec.artifacts).await?;
            let architectures = &spec.architectures;
            let input = lambda::UpdateFunctionCode { code, publish: true, architectures };
            lambda::update_function_code(at.api, &spec.function_name, &input).await
        })
        .await
    }

    async fn reserve(&self, at: &At<'_>, spec: &Spec) -> Result<(), Failure> {
        let (name, reserved) = (&spec.function_name, spec.reserved_concurrency);
        with_patience(|| lambda::set_reserved_concurrency(at.api, name, reserved))
            .await
            .map_err(|error| at.failed("reserve instances for", &error))
    }
}

#[async_trait]
impl RemoteKind for Function {
    type Spec = Spec;

    const UNSTABLE: &'static [&'static str] = &["version"];
    const VERBATIM: &'static [&'static str] = &["Environment", "Layers"];
    const REPLACED_BY: &'static [&'static str] = &["FunctionName"];

    async fn create(&self, at: &At<'_>, spec: &Spec) -> Result<Made, Undone> {
        let name = &spec.function_name;
        let source = Source::of(at, &spec.artifacts, &spec.code.digest).await?;
        if !source.is_inline() {
            let kept = source.keep(at, &spec.artifacts).await;
            kept.map_err(|error| at.failed("keep the code of", &error))?;
        }
        let keep = async { if source.is_inline() { source.keep(at, &spec.artifacts).await } else { Ok(()) } };
        let (kept, created) = tokio::join!(keep, self.make(at, spec, &source));
        let created = match created {
            Ok(created) => created,
            Err(error) if is_there_already(&error) => return Err(Undone::Exists),
            Err(error) => return Err(at.failed("create", &error).into()),
        };
        let made = made(&created.function_arn, name, &created.version);
        let rest = async {
            kept.map_err(|error| at.failed("keep the code of", &error))?;
            settled(at, name, Some(&created.version)).await?;
            if spec.reserved_concurrency.is_some() {
                self.reserve(at, spec).await?;
            }
            Ok(())
        };
        match rest.await {
            Ok(()) => Ok(made),
            Err(failure) => Err(Undone::Failed(Some(made), failure)),
        }
    }

    async fn update(&self, at: &At<'_>, prior: &Seen<Spec>, spec: &Spec) -> Result<Made, Failure> {
        let mut made = prior.made.clone();
        if !prior.spec.is_same_version_as(spec) {
            let version = self.publish(at, &prior.spec, spec).await?;
            made.outputs.insert("version".to_owned(), version.into());
        }
        if prior.spec.reserved_concurrency != spec.reserved_concurrency {
            self.reserve(at, spec).await?;
        }
        let failed = |error: ApiError| at.failed("tag", &error);
        let tags = at.tag_change(prior.key.as_ref(), &prior.spec.tags, &spec.tags);
        let arn = &made.id;
        if !tags.set.is_empty() {
            with_patience(|| lambda::tag_resource(at.api, arn, &tags.set)).await.map_err(failed)?;
        }
        if !tags.remove.is_empty() {
            with_patience(|| lambda::untag_resource(at.api, arn, &tags.remove)).await.map_err(failed)?;
        }
        Ok(made)
    }

    async fn delete(&self, at: &At<'_>, prior: &Seen<Spec>) -> Result<(), Failure> {
        with_patience(|| lambda::delete_function(at.api, name(&prior.made.id), None))
            .await
            .map_err(|error| at.failed("delete", &error))
    }

    async fn look(&self, at: &At<'_>, id: &str) -> Result<Option<Seen<Spec>>, Failure> {
        seen(at, name(id)).await.map_err(|error| at.failed("read", &error))
    }

    /// What is found after a lost answer may still be in the making.
    async fn locate(&self, at: &At<'_>, spec: &Spec) -> Result<Option<Seen<Spec>>, Failure> {
        let found = seen(at, &spec.function_name).await.map_err(|error| at.failed("read", &error))?;
        if let Some(found) = &found {
            let version = found.made.output("version");
            settled(at, &spec.function_name, (!version.is_empty()).then_some(version)).await?;
        }
        Ok(found)
    }

    async fn list(&self, at: &At<'_>, inventory: &Inventory) -> Result<Vec<Seen<Spec>>, Failure> {
        super::look_at_all(self, at, inventory).await
    }
}
