//! The one place that prints and asks. stdout carries results only; progress, messages and errors go to stderr.

mod changes;
mod events;
mod progress;
mod prompt;
pub(crate) mod style;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use indicatif::ProgressBar;
use serde::Serialize;
use sf_provider::Endpoint;

pub(crate) use self::changes::{Counts, Live, changes_text, destruction_text, drift_text, plan_text};
pub(crate) use self::events::replay;
pub(crate) use self::progress::Progress;
pub(crate) use self::prompt::Cursor;
use crate::args::{Color, Global};
use crate::errors::{Error, Exit};

/// How to speak with whoever started this process.
pub(crate) struct Ui {
    json: bool,
    quiet: bool,
    verbose: u8,
    stdout_color: ColorChoice,
    stderr_color: ColorChoice,
    /// Whether somebody is there to answer a question.
    interactive: bool,
    /// Whether bars may move on stderr.
    animate: bool,
    /// The bar that is on the screen now: lines are printed above it.
    bar: Mutex<Option<ProgressBar>>,
    /// Set once nobody reads stdout any more.
    closed: AtomicBool,
    /// The first failure to write a result, other than a closed pipe.
    failed: Mutex<Option<io::Error>>,
}

impl Ui {
    /// Looks at the flags, the terminal, `NO_COLOR`, `CI` and `TERM`, once.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stderr().is_terminal();
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            stdout_color: choice(global.color, &io::stdout()),
            stderr_color: choice(global.color, &io::stderr()),
            interactive: terminal && io::stdin().is_terminal() && !ci && !dumb && !global.json,
            animate: terminal && !ci && !dumb && !global.quiet,
            bar: Mutex::new(None),
            closed: AtomicBool::new(false),
            failed: Mutex::new(None),
        }
    }

    /// Whether results are wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether stderr shows colours: for text that another crate renders.
    pub(crate) fn colors(&self) -> bool {
        self.stderr_color != ColorChoice::Never
    }

    /// Whether more is to be said.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Whether somebody is there to answer a question.
    pub(crate) fn interactive(&self) -> bool {
        self.interactive
    }

    /// Whether stdout's reader is gone, so that an endless result may end.
    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A result for people; nothing with `--json`.
    pub(crate) fn result(&self, text: impl Display) {
        if !self.json {
            self.write_stdout(&format!("{text}\n"));
        }
    }

    /// Where something answers: a result.
    pub(crate) fn endpoint(&self, endpoint: &Endpoint) {
        let Endpoint { kind, name, url } = endpoint;
        let what = if kind == name { kind.clone() } else { format!("{kind} {name}") };
        self.result(format_args!("{what}  {0}{url}{0:#}", style::URL));
    }

    /// Text that is the result whatever the flags say: help, a completion script, a debug value.
    pub(crate) fn raw(&self, text: &str) {
        self.write_stdout(text);
    }

    /// Bytes that are the result as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.to_stdout(|| {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        });
    }

    /// The result for programs: one object, only with `--json`.
    pub(crate) fn json_result(&self, value: &impl Serialize) -> Result<(), Error> {
        if self.json {
            let text = serde_json::to_string_pretty(value).map_err(Error::internal)?;
            self.write_stdout(&format!("{text}\n"));
        }
        Ok(())
    }

    /// One line of a stream of JSON objects.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(Error::internal)?;
        self.write_stdout(&format!("{text}\n"));
        Ok(())
    }

    /// A message: what is going on.
    pub(crate) fn info(&self, text: impl Display) {
        if !self.quiet {
            self.write_stderr(&text.to_string());
        }
    }

    /// A message for those who asked for more.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.verbose > 0 {
            self.write_stderr(&format!("{0}{text}{0:#}", style::DIM));
        }
    }

    /// A part of what is going on that failed; the command goes on and ends with an error.
    pub(crate) fn problem(&self, text: impl Display) {
        self.write_stderr(&format!("{0}failed{0:#}{1}:{1:#} {text}", style::ERROR, style::BOLD));
    }

    /// Something that may not be as meant.
    pub(crate) fn warn(&self, text: impl Display) {
        self.write_stderr(&format!("{0}warning{0:#}{1}:{1:#} {text}", style::WARNING, style::BOLD));
    }

    /// What to do about it.
    pub(crate) fn hint(&self, text: impl Display) {
        self.write_stderr(&format!("{0}hint{0:#}: {text}", style::HINT));
    }

    /// Text that another crate rendered, such as a diagnostic under its line of the manifest.
    pub(crate) fn rendered(&self, text: &str) {
        self.write_stderr(text.trim_end_matches('\n'));
    }

    /// The end of a command that failed.
    pub(crate) fn error(&self, command: &str, error: &Error) {
        let body = error.body();
        self.write_stderr(&format!("{0}error{0:#}{1}:{1:#} {2}", style::ERROR, style::BOLD, body.message));
        for line in &body.details {
            self.write_stderr(&format!("  {0}|{0:#} {line}", style::DIM));
        }
        if let Some(id) = &body.request_id {
            self.write_stderr(&format!("  {0}request id: {id}{0:#}", style::DIM));
        }
        if let Some(hint) = &body.hint {
            self.hint(hint);
        }
        if self.json {
            let object = serde_json::json!({ "command": command, "error": body });
            self.write_stdout(&format!("{object:#}\n"));
        }
    }

    /// What went wrong with stdout itself, at the end of a command. A closed pipe is not an error: the reader had enough.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.failed.lock().ok().and_then(|mut failed| failed.take()) {
            Some(cause) => Err(Error::io("write", "stdout", &cause)),
            None => Ok(()),
        }
    }

    /// Rust ignores SIGPIPE, so a gone reader is an error of the write here, and never a panic.
    fn write_stdout(&self, text: &str) {
        self.to_stdout(|| {
            let mut out = AutoStream::new(io::stdout().lock(), self.stdout_color);
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
    }

    fn to_stdout(&self, write: impl FnOnce() -> io::Result<()>) {
        if self.closed() {
            return;
        }
        let written = self.above_bar(write);
        if let Err(cause) = written {
            self.closed.store(true, Ordering::Relaxed);
            if cause.kind() != io::ErrorKind::BrokenPipe
                && let Ok(mut failed) = self.failed.lock()
            {
                failed.get_or_insert(cause);
            }
        }
    }

    /// A line on stderr. There is nowhere left to say that stderr cannot be written.
    fn write_stderr(&self, text: &str) {
        let _ = self.above_bar(|| {
            let mut err = AutoStream::new(io::stderr().lock(), self.stderr_color);
            err.write_all(format!("{text}\n").as_bytes())
        });
    }

    /// Runs a write while the bar, if one is on the screen, is off it.
    fn above_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        let bar = self.bar.lock().ok().and_then(|bar| bar.clone());
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// Whether to colour a stream: `--color`, then what anstream knows of `NO_COLOR`, `CLICOLOR_FORCE` and the terminal.
fn choice(color: Color, stream: &impl anstream::stream::RawStream) -> ColorChoice {
    match color {
        Color::Auto => AutoStream::choice(stream),
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}

/// Help, version, or what clap has to say about the command line. Before there is a [`Ui`], so it looks for the flags itself.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    use clap::error::ErrorKind;

    let flags: Vec<String> = std::env::args().skip(1).take_while(|arg| arg != "--").collect();
    let color = if flags.iter().any(|arg| arg == "--color=never")
        || flags.windows(2).any(|two| two == ["--color", "never"])
    {
        Color::Never
    } else if flags.iter().any(|arg| arg == "--color=always")
        || flags.windows(2).any(|two| two == ["--color", "always"])
    {
        Color::Always
    } else {
        Color::Auto
    };
    let global = Global {
        json: flags.iter().any(|arg| arg == "--json"),
        color,
        quiet: false,
        verbose: 0,
        directory: None,
        manifest: None,
    };
    let ui = Ui::new(&global);
    let text = error.render().ansi().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.raw(&text);
            return Exit::Ok;
        }
        _ => ui.rendered(&text),
    }
    if ui.json {
        let plain = error.render().to_string();
        let message = plain.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Error::usage("usage", message)
            .hint("`sf help` shows the commands, `sf COMMAND --help` one of them");
        let object = serde_json::json!({ "command": null, "error": error.body() });
        ui.write_stdout(&format!("{object:#}\n"));
    }
    Exit::Usage
}

/// Bytes for people: `812 B`, `12.3 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut unit = 0;
    let mut scaled = bytes;
    let mut rest = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        rest = scaled % 1024;
        scaled /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{scaled} B") } else { format!("{scaled}.{} {}", rest * 10 / 1024, UNITS[unit]) }
}

/// `2026-01-01T00:00:00Z`, of milliseconds since the Unix epoch
pub(crate) fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(chrono::DateTime::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// `1 call`, `2 calls`
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Rows whose columns stand below each other.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows =
            [vec!["a".to_owned(), "1".into()], vec!["long".to_owned()], vec!["é".to_owned(), "22".into()]];
        assert_eq!(columns(&rows), "a     1\nlong\né     22");
        assert_eq!(columns(&[]), "");
    }
}
