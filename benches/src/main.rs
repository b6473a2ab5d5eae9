//! Measures `sf` beside its rivals, in one run on one machine, and writes `docs/benchmarks.md`: `cargo xtask bench [PART]…`.
//!
//! Every number is the median of interleaved runs (A B A B …, so that a slow minute of the machine hits both), and what counts is
//! the ratio beside the bar. With named parts only those are measured, and the table is printed but not written.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers: it prints")]

mod aws;
mod build;
mod clock;
mod deploy;
mod kit;
mod large;
mod machine;
mod makespan;
mod plan;
mod process;
mod report;
mod scale;
mod serve;
mod startup;
mod state;
mod tree;

use std::process::ExitCode;

use report::Table;

/// Any failure ends the run: half a table misleads.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A part: its name and how it is measured.
type Part = (&'static str, fn(&mut Table) -> Result<()>);

const PARTS: &[Part] = &[
    ("startup", startup::measure),
    ("build", build::measure),
    ("plan", plan::measure),
    ("state", state::measure),
    ("large", large::measure),
    ("deploy", deploy::measure),
    ("serve", serve::measure),
    ("kit", kit::measure),
    ("scale", scale::measure),
    ("aws", aws::measure),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    match run(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run(wanted: &[String]) -> Result<()> {
    if let Some(unknown) = wanted.iter().find(|name| PARTS.iter().all(|(known, _)| known != name)) {
        let known: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no part `{unknown}`; there are {}", known.join(", ")).into());
    }
    let mut table = Table::default();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|part| part == name) {
            eprintln!("measuring: {name}");
            measure(&mut table)?;
        }
    }
    let page = format!("{}{}\n{table}", report::INTRODUCTION, machine::facts());
    println!("{table}");
    if wanted.is_empty() {
        let path = machine::root().join("docs/benchmarks.md");
        std::fs::write(&path, page)?;
        eprintln!("written: docs/benchmarks.md");
    }
    Ok(())
}
