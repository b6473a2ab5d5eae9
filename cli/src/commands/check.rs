//! `sf check`: everything that is wrong with the manifest; and with a provider named, what is wrong there.

use serde::Serialize;
use sf_provider::Identity;

use crate::args::{Check, Target};
use crate::commands::data::secret;
use crate::commands::plan;
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::registry::{self, Reach};
use crate::settings::{self, Settings};
use crate::ui::{columns, counted};

/// The JSON of `sf check`; one with errors is an error object instead.
#[derive(Serialize)]
struct Checked<'a> {
    command: &'static str,
    project: &'a str,
    stage: &'a str,
    provider: &'a str,
    functions: usize,
    diagnostics: serde_json::Value,
    /// Only if the provider was to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Option<Identity>>,
}

pub(crate) fn run(settings: &Settings, args: &Check) -> Result<Exit, Error> {
    let named = args.provider.is_some();
    let provider = args.provider.clone().or_else(settings::provider);
    let project = Project::open(settings, &Target { provider, stage: args.stage.clone() })?;
    let app = &project.app;
    let said = if project.diagnostics.is_empty() { "" } else { ", with what is said above" };
    settings.ui.result(format_args!(
        "{}: ok{said} ({}, stage {}, provider {}, {})",
        project.manifest.source.name,
        app.project,
        app.stage,
        app.provider,
        counted(app.functions.len(), "function")
    ));
    let identity = if named { Some(crate::wait(ask(settings, &project))?) } else { None };
    settings.ui.json_result(&Checked {
        command: "check",
        project: &app.project,
        stage: &app.stage,
        provider: &app.provider,
        functions: app.functions.len(),
        diagnostics: sf_model::to_json(&project.manifest.source, &project.diagnostics),
        identity,
    })?;
    Ok(Exit::Ok)
}

/// Who we are at the provider. Nothing is started to find out.
async fn ask(settings: &Settings, project: &Project) -> Result<Option<Identity>, Error> {
    let ui = &settings.ui;
    let Some(connection) = registry::connect(settings, &project.app, Reach::IfRunning).await? else {
        ui.info("the provider does not run here yet: `sf deploy` starts it");
        return Ok(None);
    };
    let rights = project.backend.rights(&project.deployed);
    let identity = connection.operate.identity(&plan::context(project), &rights).await?;
    match &identity {
        Some(identity) => ui.result(columns(&rows(identity))),
        None => ui.info(format_args!("provider `{}` does not say who you are", project.app.provider)),
    }
    for note in identity.iter().flat_map(|identity| &identity.notes) {
        ui.info(note);
    }
    secret::warn_of_missing(settings, project, &connection).await?;
    let missing = identity.as_ref().map(|identity| identity.missing.clone()).unwrap_or_default();
    if missing.is_empty() {
        return Ok(identity);
    }
    let message =
        format!("check provider `{}`: {} missing", project.app.provider, counted(missing.len(), "thing"));
    Err(Error::new(Exit::Failed, "provider-incomplete", message).details(missing))
}

fn rows(identity: &Identity) -> Vec<Vec<String>> {
    let Identity { account, user, location, endpoint, version, missing: _, notes: _ } = identity;
    let all = [
        ("account", account),
        ("user", user),
        ("location", location),
        ("endpoint", endpoint),
        ("version", version),
    ];
    let row = |(name, value): (&str, &Option<String>)| Some(vec![name.to_owned(), value.clone()?]);
    all.into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_provider_knows_is_shown() {
        let identity = Identity {
            account: Some("123456789012".into()),
            location: Some("eu-west-1".into()),
            ..Identity::default()
        };
        assert_eq!(columns(&rows(&identity)), "account   123456789012\nlocation  eu-west-1");
    }
}
