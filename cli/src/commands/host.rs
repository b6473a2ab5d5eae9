//! `sf host`

use std::net::SocketAddr;

use serde::Serialize;
use sf_host::{EndSignals, Host, HostConfig, HostError};
use sf_host_api::{Client, ClockAdvance, HostStatus};

use crate::args::{self, HostClock, HostRun};
use crate::embedded::{Embedded, Listening};
use crate::errors::{Error, Exit};
use crate::registry;
use crate::settings::Settings;
use crate::{wait, wait_beside_functions};

/// The JSON of `sf host start` and `sf host stop`.
#[derive(Serialize)]
struct Ran<'a> {
    command: &'static str,
    running: bool,
    url: Option<&'a str>,
    pid: Option<u32>,
}

/// The JSON of `sf host status`.
#[derive(Serialize)]
struct Status<'a> {
    command: &'static str,
    running: bool,
    #[serde(flatten)]
    status: Option<&'a HostStatus>,
}

pub(crate) fn run(settings: &Settings, command: &args::Host) -> Result<Exit, Error> {
    match command {
        args::Host::Start(port) => wait(start(settings, port.port)),
        args::Host::Stop => wait(stop(settings)),
        args::Host::Status => wait(status(settings)),
        args::Host::Clock(clock) => wait(advance(settings, clock)),
        args::Host::Run(args) => {
            if args.detached {
                sf_host::leave_session()
                    .map_err(|cause| Error::io("leave", "the terminal's session", &cause))?;
            }
            wait_beside_functions(serve(settings, args))
        }
    }
}

async fn start(settings: &Settings, port: u16) -> Result<Exit, Error> {
    let embedded = Embedded::find()?;
    let before = embedded.running().await?.is_some();
    let running = embedded.start(&settings.ui, port).await?;
    let how = if before { "runs already" } else { "runs" };
    settings.ui.result(format_args!("the host {how} at {} (process {})", running.url, running.pid));
    let ran = Ran { command: "host start", running: true, url: Some(&running.url), pid: Some(running.pid) };
    settings.ui.json_result(&ran)?;
    Ok(Exit::Ok)
}

async fn stop(settings: &Settings) -> Result<Exit, Error> {
    let stopped = Embedded::find()?.stop(&settings.ui).await?;
    settings.ui.result(if stopped { "the host is stopped" } else { "no host runs" });
    settings.ui.json_result(&Ran { command: "host stop", running: false, url: None, pid: None })?;
    Ok(Exit::Ok)
}

async fn status(settings: &Settings) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let Some(running) = Embedded::find()?.running().await? else {
        ui.result("no host runs");
        ui.json_result(&Status { command: "host status", running: false, status: None })?;
        return Ok(Exit::Ok);
    };
    let status = Client::new(&running.url, &running.token)?.status().await?;
    ui.result(format_args!(
        "the host {} runs at {} (process {})",
        status.health.version, status.url, status.health.pid
    ));
    ui.result(format_args!("its data is in {}", status.data_dir));
    if let Some(url) = &status.s3_url {
        ui.result(format_args!("its buckets answer to S3 clients at {url}"));
    }
    for layer in &status.isolation {
        let is = if layer.active { "active" } else { "NOT ACTIVE" };
        ui.result(format_args!("isolation of {}: {is}: {}", layer.name, layer.detail));
    }
    for app in &status.apps {
        let url = app.url.as_deref().unwrap_or("no HTTP");
        ui.result(format_args!("{} {}  {url}", app.project, app.stage));
        if let Some(problem) = &app.gateway_error {
            ui.warn(problem);
        }
        for function in &app.functions {
            ui.result(format_args!("  {}: {} workers", function.name, function.workers));
            if let Some(error) = &function.last_error {
                ui.warn(format_args!("function `{}`: {error}", function.name));
            }
        }
    }
    ui.json_result(&Status { command: "host status", running: true, status: Some(&status) })?;
    Ok(Exit::Ok)
}

async fn advance(settings: &Settings, clock: &HostClock) -> Result<Exit, Error> {
    let running = Embedded::find()?.running().await?.ok_or_else(registry::not_running)?;
    let client = Client::new(&running.url, &running.token)?;
    let advance_ms = u64::try_from(clock.advance.as_millis()).unwrap_or(u64::MAX);
    client.advance_clock(ClockAdvance { advance_ms }).await?;
    let ahead = client.status().await?.clock_offset_ms;
    settings.ui.result(format_args!("the schedules' clock is {} s ahead", ahead / 1000));
    settings.ui.json_result(&serde_json::json!({ "command": "host clock", "clock_offset_ms": ahead }))?;
    Ok(Exit::Ok)
}

/// Runs the host until it is told to stop; says where it listens once it does.
async fn serve(settings: &Settings, args: &HostRun) -> Result<Exit, Error> {
    let embedded = Embedded::find()?;
    let mut config = HostConfig::new(embedded.dir());
    config.control = SocketAddr::from(([127, 0, 0, 1], args.port.port));
    // Whoever takes any control port means to be in nobody's way.
    config.first_gateway_port = if args.port.port == 0 { 0 } else { args.port.port.saturating_add(1) };
    if cfg!(unix) {
        let program = std::env::current_exe().map_err(|cause| Error::io("find", "this program", &cause))?;
        config.worker_launcher = vec![program.into_os_string(), "__worker".into()];
    }
    let mut signals = EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))?;
    let host = Host::start(config).await.map_err(|cause: HostError| Error::from(cause))?;
    let listening = Listening { command: "host run".into(), url: host.url(), pid: std::process::id() };
    settings.ui.result(format_args!("the host listens at {}", listening.url));
    if settings.ui.json() {
        settings.ui.json_line(&listening)?;
    }
    host.run_until(async move { signals.next().await })
        .await
        .map_err(|cause| Error::io("serve", "the control API", &cause))?;
    Ok(Exit::Ok)
}
