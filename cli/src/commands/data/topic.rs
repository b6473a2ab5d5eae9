//! `sf topic`

use std::collections::BTreeMap;

use serde::Serialize;
use sf_model::EventKind;

use super::queue::{body, messages, said};
use super::{absent, declared, deployed};
use crate::args::{Listed, Topic, TopicPublish};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::columns;

/// The JSON of `sf topic list`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    topics: Vec<Listeners<'a>>,
}

#[derive(Serialize)]
struct Listeners<'a> {
    name: &'a str,
    functions: Vec<&'a str>,
}

pub(crate) async fn run(settings: &Settings, command: &Topic) -> Result<Exit, Error> {
    match command {
        Topic::List(args) => list(settings, args),
        Topic::Publish(args) => publish(settings, args).await,
    }
}

/// The manifest knows it all.
fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let listens = |topic: &str| {
        let functions = project.app.functions.values().filter(move |function| {
            function
                .on
                .iter()
                .any(|event| matches!(&event.kind, EventKind::Topic { topic: to, .. } if to == topic))
        });
        functions.map(|function| function.name.as_str()).collect()
    };
    let topics: Vec<_> =
        project.app.topics.keys().map(|name| Listeners { name, functions: listens(name) }).collect();
    let row = |topic: &Listeners<'_>| {
        let functions = if topic.functions.is_empty() { "-".into() } else { topic.functions.join(", ") };
        vec![topic.name.to_owned(), format!("-> {functions}")]
    };
    if topics.is_empty() {
        settings.ui.info("the manifest declares no topic: add `[topics.NAME]`");
    } else {
        settings.ui.result(columns(&topics.iter().map(row).collect::<Vec<_>>()));
    }
    settings.ui.json_result(&Shown { command: "topic list", topics })?;
    Ok(Exit::Ok)
}

async fn publish(settings: &Settings, args: &TopicPublish) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    declared("topic", &args.name, &project.app.topics)?;
    let body = body(&args.body)?;
    let attributes: BTreeMap<String, String> = args.attributes.iter().cloned().collect();
    let at = deployed(settings, &project).await?;
    let sent = messages(&at, &project)?.publish(&at.cx, &args.name, body, &attributes).await;
    said(settings, "topic publish", &sent.map_err(absent)?)
}
