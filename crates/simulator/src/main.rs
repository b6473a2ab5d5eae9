//! `cargo xtask simulate`: plays the cases of many seeds on all cores, and explains one that fails.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers: it prints")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sf_simulator::{Case, play, shrink};

const USAGE: &str = "usage: cargo xtask simulate [--seeds N] [--from SEED] [--seed ONE]";

/// Seeds that are taken at once.
const BATCH: u64 = 64;

/// How often it says how far it is.
const NEWS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let seeds = match seeds(std::env::args().skip(1)) {
        Ok(seeds) => seeds,
        Err(cause) => {
            eprintln!("error: {cause}");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let count = seeds.end - seeds.start;
    match search(seeds.clone()) {
        Some(seed) => {
            explain(seed);
            ExitCode::FAILURE
        }
        None => {
            let took = start.elapsed().as_secs_f64();
            println!("{count} cases from seed {}: no rule is broken ({took:.1} s)", seeds.start);
            ExitCode::SUCCESS
        }
    }
}

fn seeds(args: impl Iterator<Item = String>) -> Result<Range<u64>, String> {
    let (mut count, mut from) = (20_000, 0);
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|word| word.parse::<u64>().ok()).ok_or(USAGE);
        match arg.as_str() {
            "--seeds" => count = number()?,
            "--from" => from = number()?,
            "--seed" => (from, count) = (number()?, 1),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(from..from.checked_add(count).ok_or(USAGE)?)
}

/// The lowest seed that fails, as far as was looked.
fn search(seeds: Range<u64>) -> Option<u64> {
    let (next, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| work(&next, seeds.end, &failed));
        }
        let mut told = Instant::now();
        while next.load(Ordering::Relaxed) < seeds.end && failed.load(Ordering::Relaxed) == u64::MAX {
            thread::park_timeout(Duration::from_millis(20));
            if told.elapsed() >= NEWS {
                told = Instant::now();
                let done = next.load(Ordering::Relaxed).min(seeds.end) - seeds.start;
                eprintln!("simulate: {done} of {}", seeds.end - seeds.start);
            }
        }
    });
    Some(failed.into_inner()).filter(|seed| *seed != u64::MAX)
}

fn work(next: &AtomicU64, end: u64, failed: &AtomicU64) {
    loop {
        let start = next.fetch_add(BATCH, Ordering::Relaxed);
        for seed in start..start.saturating_add(BATCH).min(end) {
            // Lower ones are looked at to their end, so that the lowest is told.
            if failed.load(Ordering::Relaxed) < seed {
                return;
            }
            if play(&Case::draw(seed), false).broken.is_some() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
        if start >= end {
            return;
        }
    }
}

/// Everything that helps to understand why a seed fails.
fn explain(seed: u64) {
    let case = Case::draw(seed);
    let first = play(&case, false);
    eprintln!("simulate: seed {seed} fails; looking for the smallest case that does");
    let smallest = shrink(&case);
    let played = play(&smallest, true);
    println!("seed {seed}\n\nthe rule that it breaks: {}\n", first.broken.unwrap_or_default());
    println!("the smallest case that was found: {}", shown(&smallest));
    println!("\nwhat happens in it:");
    for line in &played.trace {
        println!("{line}");
    }
    println!("\nthe rule that this breaks: {}", played.broken.unwrap_or_default());
    println!("\nagain: cargo xtask simulate --seed {seed}");
}

/// A case, each of its deploys in a line of its own.
fn shown(case: &Case) -> String {
    let mut text = format!("concurrency {}", case.concurrency);
    text += if case.on_disk { ", on a disk" } else { "" };
    text += if case.remove { ", removed at the end" } else { "" };
    for (number, act) in case.acts.iter().enumerate() {
        text += &format!("\n  {number}: {act:?}");
    }
    text
}
