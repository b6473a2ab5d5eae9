//! `sf logs`

use std::time::{SystemTime, UNIX_EPOCH};

use sf_host::EndSignals;
use sf_provider::{LogLine, LogQuery};

use crate::args::Logs;
use crate::commands::{build, plan};
use crate::errors::{Error, Exit};
use crate::settings::Settings;

/// Lines that are shown when nothing says how many.
const DEFAULT_TAIL: usize = 1000;

pub(crate) async fn run(settings: &Settings, args: &Logs) -> Result<Exit, Error> {
    let ui = &settings.ui;
    let (project, connection, cx) = plan::deployed(settings, &args.target).await?;
    if let Some(function) = &args.function {
        build::known(&project, function)?;
    }
    let since_ms = args.since.map(|since| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX)
    });
    let tail = args.tail.or(since_ms.is_none().then_some(DEFAULT_TAIL));
    let query = LogQuery { function: args.function.clone(), since_ms, tail, follow: args.follow };
    let mut lines = connection.operate.logs(&cx, &query).await?;
    let mut signals = EndSignals::listen().map_err(|cause| Error::io("listen for", "signals", &cause))?;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = signals.next() => return Ok(if args.follow { Exit::Ok } else { Exit::Interrupted }),
        };
        let Some(line) = line else { return Ok(Exit::Ok) };
        let line = line?;
        if ui.json() {
            ui.json_line(&line)?;
        } else {
            ui.result(text(&line));
        }
        // Whoever reads has had enough: `sf logs -f | head`.
        if ui.closed() {
            return Ok(Exit::Ok);
        }
    }
}

/// `2026-01-01T00:00:00.000Z hello | line`
pub(crate) fn text(line: &LogLine) -> String {
    let time = i64::try_from(line.time_ms)
        .ok()
        .and_then(chrono::DateTime::from_timestamp_millis)
        .unwrap_or_default();
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mark = if line.stream == "system" { "!" } else { "|" };
    format!("{time} {} {mark} {}", line.function, line.message)
}
