//! `cargo xtask simulate`: plays the cases of many seeds on all cores, and explains one that fails.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers: it prints")]

use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sf_simulator::{Case, Tally, play, shrink};

const USAGE: &str = "usage: cargo xtask simulate [--seeds N] [--from SEED] [--seed ONE] [--jobs N]";

/// Seeds that are taken at once.
const BATCH: u64 = 64;

/// How often it says how far it is.
const NEWS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(cause) => {
            eprintln!("error: {cause}");
            return ExitCode::from(2);
        }
    };
    let (start, seeds) = (Instant::now(), wanted.seeds.clone());
    let (failed, tally) = search(wanted);
    if let Some(seed) = failed {
        explain(seed);
        return ExitCode::FAILURE;
    }
    let took = start.elapsed().as_secs_f64();
    println!("{} cases from seed {}: no rule is broken ({took:.1} s)", seeds.end - seeds.start, seeds.start);
    println!("{tally}");
    ExitCode::SUCCESS
}

/// What the command line says.
struct Wanted {
    seeds: Range<u64>,
    jobs: usize,
}

fn wanted(args: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let (mut count, mut from) = (20_000, 0);
    let mut jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|word| word.parse::<u64>().ok()).ok_or(USAGE);
        match arg.as_str() {
            "--seeds" => count = number()?,
            "--from" => from = number()?,
            "--seed" => (from, count) = (number()?, 1),
            "--jobs" => jobs = usize::try_from(number()?).unwrap_or(1).max(1),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(Wanted { seeds: from..from.checked_add(count).ok_or(USAGE)?, jobs })
}

/// The lowest seed that fails, as far as was looked, and what happened on the way.
fn search(Wanted { seeds, jobs }: Wanted) -> (Option<u64>, Tally) {
    let search = Search {
        next: AtomicU64::new(seeds.start),
        end: seeds.end,
        failed: AtomicU64::new(u64::MAX),
        tally: Mutex::default(),
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| search.work())).collect();
        let mut told = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::park_timeout(Duration::from_millis(20));
            if told.elapsed() >= NEWS {
                told = Instant::now();
                let done = search.next.load(Ordering::Relaxed).min(seeds.end) - seeds.start;
                eprintln!("simulate: {done} of {}", seeds.end - seeds.start);
            }
        }
    });
    let failed = Some(search.failed.into_inner()).filter(|seed| *seed != u64::MAX);
    (failed, search.tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What the workers share.
struct Search {
    next: AtomicU64,
    end: u64,
    failed: AtomicU64,
    tally: Mutex<Tally>,
}

impl Search {
    fn work(&self) {
        let mut tally = Tally::default();
        loop {
            let start = self.next.fetch_add(BATCH, Ordering::Relaxed);
            // Lower ones are looked at to their end, so that the lowest is told.
            let seeds = (start..start.saturating_add(BATCH).min(self.end))
                .take_while(|seed| *seed < self.failed.load(Ordering::Relaxed));
            let mut is_over = true;
            for seed in seeds {
                is_over = false;
                let played = play(&Case::draw(seed), false);
                tally += played.tally;
                if played.broken.is_some() {
                    self.failed.fetch_min(seed, Ordering::Relaxed);
                }
            }
            if is_over {
                *self.tally.lock().unwrap_or_else(PoisonError::into_inner) += tally;
                return;
            }
        }
    }
}

/// Everything that helps to understand why a seed fails.
fn explain(seed: u64) {
    let case = Case::draw(seed);
    let first = play(&case, false);
    eprintln!("simulate: seed {seed} fails; looking for the smallest case that does");
    // It need not be the same rule.
    let smallest = shrink(&case, |case| play(case, false).broken.is_some());
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
