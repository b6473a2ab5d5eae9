//! The project's own tools: `cargo xtask COMMAND`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers: it prints")]

mod bench;
mod conformance;
mod demo;
mod generate;
mod process;
mod simulate;
mod test;

use std::process::ExitCode;

/// A command: its name, what it does, and how.
type Command = (&'static str, &'static str, fn(&[String]) -> Result<(), String>);

const COMMANDS: &[Command] = &[
    ("bench", "measure, and write docs/benchmarks.md", bench::bench),
    (
        "conformance",
        "play kits/conformance against a provider: [--provider NAME] [node|python] [part of a name]",
        conformance::conformance,
    ),
    ("demo", "build sf, deploy examples/hello-node, call it; --stop removes it", demo::demo),
    ("generate", "make the files that come from code; --check only compares them", generate::generate),
    (
        "simulate",
        "play deploys with faults and crashes: [--seeds N] [--from SEED], or one again: [--seed ONE]",
        simulate::simulate,
    ),
    ("test", "run every test; further arguments narrow the Rust tests", test::test),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else { return usage() };
    let Some((_, _, command)) = COMMANDS.iter().find(|(known, ..)| known == name) else { return usage() };
    match command(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {name}: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("Usage: cargo xtask COMMAND\n");
    for (name, about, _) in COMMANDS {
        eprintln!("  {name:<12} {about}");
    }
    ExitCode::from(2)
}
