//! The bridge from AWS Lambda's Runtime API to a program that serves HTTP on `$PORT` (`interface = "web"`). It is the artifact's `bootstrap`.
//!
//! ```text
//! Lambda ─ GET …/invocation/next ─> recognise ─┬─ http_event ─────────> request ─┐
//!                                              └─ records ─> event ─> POST / ────┴─> program on $PORT
//! Lambda <─ POST …/response or …/error <─ deliver <──────────────────────────────── answer
//! ```
//!
//! One invocation at a time, as Lambda gives them. What it is started with is in `docs/providers/aws.md`.

mod deliver;
mod event;
mod failure;
mod http_event;
mod item;
mod kit;
mod link;
mod log;
mod marks;
mod program;
mod recognise;
mod records;
mod runtime_api;
mod trace;

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::deliver::{deliver, time_left};
use crate::kit::Kit;
use crate::link::Error;
use crate::program::Program;
use crate::runtime_api::RuntimeApi;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::say(&error);
            ExitCode::FAILURE
        }
    }
}

/// Until Lambda ends it.
async fn run() -> Result<(), Error> {
    let variable = |name: &str| {
        std::env::var(name).map_err(|_| {
            format!("`{name}` is not set: functions that `sf` deploys on AWS are started with it")
        })
    };
    let kit = variable(kit::VARIABLE)?;
    let kit: Kit =
        serde_json::from_str(&kit).map_err(|error| format!("read `{}`: {error}", kit::VARIABLE))?;
    let mut api = RuntimeApi::at(&variable(runtime_api::VARIABLE)?);
    let mut program = Program::of(&kit, &PathBuf::from(variable("LAMBDA_TASK_ROOT")?));
    let ended = tokio::select! {
        served = serve(&mut api, &kit, &mut program) => served.map(|never| match never {}),
        stopped = asked_to_stop() => stopped.map_err(Error::from),
    };
    program.stop().await;
    ended
}

async fn serve(api: &mut RuntimeApi, kit: &Kit, program: &mut Program) -> Result<Infallible, Error> {
    // Lambda has its own mind about how long this may take.
    if let Err(failure) = program.ensure(Duration::MAX).await {
        api.fail_to_start(&failure).await?;
        return Err(failure.into());
    }
    loop {
        let invocation = api.next().await?;
        let failed = match deliver(&invocation, kit, program).await {
            Ok(answer) => api.respond(&invocation.id, answer).await?,
            Err(failure) => {
                api.fail(&invocation.id, &failure).await?;
                Some(failure)
            }
        };
        if let Some(failure) = failed {
            log::failed(&kit.function, &invocation.id, &failure);
        }
        // A program that has ended is started again now, before anybody waits for it. If it cannot be, the next invocation says so.
        let _ = program.ensure(time_left(&invocation)).await;
    }
}

/// Lambda's way to say that this is the end: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>
#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
