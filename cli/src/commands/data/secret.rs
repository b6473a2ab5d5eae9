//! `sf secret`

use std::io::IsTerminal;

use serde::Serialize;
use sf_provider::{SecretState, Secrets};

use super::{declared, input, supported};
use crate::args::{Listed, Secret, SecretRm, SecretSet};
use crate::commands::plan;
use crate::errors::Error;
use crate::errors::Exit;
use crate::project::Project;
use crate::registry::{self, Connection, Reach};
use crate::settings::Settings;
use crate::ui::{columns, time};

/// The JSON of `sf secret list`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    secrets: &'a [SecretState],
}

pub(crate) async fn run(settings: &Settings, command: &Secret) -> Result<Exit, Error> {
    match command {
        Secret::Set(args) => set(settings, args).await,
        Secret::List(args) => list(settings, args).await,
        Secret::Rm(args) => remove(settings, args).await,
    }
}

/// Before the first deploy as well: so that the first release has what it needs, the host is started as a deploy would.
async fn set(settings: &Settings, args: &SecretSet) -> Result<Exit, Error> {
    // From here on the value is in this process's memory.
    sf_host::forbid_memory_reads();
    let project = Project::open(settings, &args.target)?;
    declared("secret", &args.name, &project.app.secrets)?;
    let value = value(settings, args)?;
    let connection =
        registry::connect(settings, &project.app, Reach::Start).await?.ok_or_else(registry::not_running)?;
    let secrets = of(&connection, &project)?;
    secrets.set(&plan::context(&project), &args.name, value).await?;
    settings.ui.result(format_args!("secret `{}` is set for stage `{}`", args.name, project.app.stage));
    let done = serde_json::json!({ "command": "secret set", "name": args.name, "stage": project.app.stage });
    settings.ui.json_result(&done)?;
    Ok(Exit::Ok)
}

/// From `--from-file`, from stdin when something is piped in, else from whoever sits there.
fn value(settings: &Settings, args: &SecretSet) -> Result<Vec<u8>, Error> {
    let value = if let Some(path) = &args.from_file {
        std::fs::read(path).map_err(|cause| Error::io("read", path.display(), &cause))?
    } else if !std::io::stdin().is_terminal() {
        without_line_end(input::stdin()?)
    } else if settings.ui.interactive() {
        settings.ui.ask_hidden(&format!("Value of `{}`", args.name))?.into_bytes()
    } else {
        let message = format!("set secret `{}`: there is no value, and nobody can be asked", args.name);
        return Err(Error::usage("no-value", message).hint("pipe it in, or name a file with `--from-file`"));
    };
    if value.is_empty() {
        let message = format!("set secret `{}`: the value is empty", args.name);
        return Err(Error::usage("empty-value", message).hint("`sf secret rm` deletes a value"));
    }
    Ok(value)
}

/// `echo` and editors end what they write with a line end that is not part of the secret.
fn without_line_end(mut value: Vec<u8>) -> Vec<u8> {
    if value.last() == Some(&b'\n') {
        value.pop();
        if value.last() == Some(&b'\r') {
            value.pop();
        }
    }
    value
}

async fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let secrets = match registry::connect(settings, &project.app, Reach::IfRunning).await? {
        Some(connection) => known(&connection, &project).await?,
        None => with_declared(&project, Vec::new()),
    };
    let row = |secret: &SecretState| {
        let value = secret.updated_ms.map_or_else(|| "no value".to_owned(), |ms| format!("set {}", time(ms)));
        let note = if secret.declared { "" } else { "not in the manifest" };
        vec![secret.name.clone(), value, note.to_owned()]
    };
    if secrets.is_empty() {
        settings.ui.info("the manifest declares no secret: add `[secrets.NAME]`");
    } else {
        settings.ui.result(columns(&secrets.iter().map(row).collect::<Vec<_>>()));
    }
    settings.ui.json_result(&Shown { command: "secret list", secrets: &secrets })?;
    Ok(Exit::Ok)
}

async fn remove(settings: &Settings, args: &SecretRm) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let connection =
        registry::connect(settings, &project.app, Reach::Running).await?.ok_or_else(registry::not_running)?;
    let existed = of(&connection, &project)?.remove(&plan::context(&project), &args.name).await?;
    if !existed {
        // A name that is nowhere is a slip of the pen.
        declared("secret", &args.name, &project.app.secrets)?;
    }
    let what = if existed { "has no value any more" } else { "had no value" };
    settings.ui.result(format_args!("secret `{}` {what}", args.name));
    let done = serde_json::json!({ "command": "secret rm", "name": args.name, "existed": existed });
    settings.ui.json_result(&done)?;
    Ok(Exit::Ok)
}

/// A warning for each secret of the manifest that has no value: functions that ask for one will fail.
pub(crate) async fn warn_of_missing(
    settings: &Settings,
    project: &Project,
    connection: &Connection,
) -> Result<(), Error> {
    if project.app.secrets.is_empty() || connection.operate.secrets().is_none() {
        return Ok(());
    }
    for secret in known(connection, project).await? {
        if secret.declared && secret.updated_ms.is_none() {
            settings.ui.warn(format_args!("secret `{}` has no value", secret.name));
            settings
                .ui
                .hint(format_args!("`sf secret set {}` sets it; no new deploy is needed", secret.name));
        }
    }
    Ok(())
}

async fn known(connection: &Connection, project: &Project) -> Result<Vec<SecretState>, Error> {
    let listed = of(connection, project)?.list(&plan::context(project)).await?;
    Ok(with_declared(project, listed))
}

/// What the manifest says is declared, deployed or not.
fn with_declared(project: &Project, mut secrets: Vec<SecretState>) -> Vec<SecretState> {
    for secret in &mut secrets {
        secret.declared = project.app.secrets.contains_key(&secret.name);
    }
    // Deployed once, no longer in the manifest, and without a value: nothing to tell.
    secrets.retain(|secret| secret.declared || secret.updated_ms.is_some());
    for name in project.app.secrets.keys() {
        if !secrets.iter().any(|secret| secret.name == *name) {
            secrets.push(SecretState { name: name.clone(), declared: true, updated_ms: None });
        }
    }
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    secrets
}

fn of<'a>(connection: &'a Connection, project: &Project) -> Result<&'a dyn Secrets, Error> {
    supported(connection.operate.secrets(), project, "secrets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_of_a_pipe_is_not_part_of_the_secret() {
        for (piped, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", "")] {
            assert_eq!(without_line_end(piped.into()), secret.as_bytes());
        }
    }
}
