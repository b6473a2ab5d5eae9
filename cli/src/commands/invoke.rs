//! `sf invoke`

use serde::Serialize;
use serde_json::Value;
use sf_provider::{Invocation, InvokeResult};

use crate::args::Invoke;
use crate::commands::data::input;
use crate::commands::{build, logs, plan};
use crate::errors::{Error, Exit};
use crate::settings::Settings;

/// The JSON of `sf invoke`.
#[derive(Serialize)]
struct Invoked<'a> {
    command: &'static str,
    function: &'a str,
    #[serde(flatten)]
    result: &'a InvokeResult,
}

pub(crate) async fn run(settings: &Settings, args: &Invoke) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let payload = match &args.data {
        Some(data) => input::json(data, "--data")?,
        None => Value::Null,
    };
    let (project, connection, cx) = plan::deployed(settings, &args.target).await?;
    build::known(&project, &args.function)?;
    let invocation = Invocation { function: args.function.clone(), payload };
    let progress = ui.progress("waiting for the answer", 0);
    let result = connection.operate.invoke(&cx, &invocation).await?;
    drop(progress);
    for line in &result.logs {
        ui.info(logs::text(line));
    }
    match &result.payload {
        Value::String(text) => ui.result(text),
        payload => ui.result(format_args!("{payload:#}")),
    }
    ui.json_result(&Invoked { command: "invoke", function: &args.function, result: &result })?;
    ui.detail(format_args!("{} ms", result.duration_ms));
    if !result.ok && !ui.json() {
        ui.problem(format_args!("invoke `{}`: the function failed", args.function));
    }
    Ok(if result.ok { Exit::Ok } else { Exit::Function })
}
