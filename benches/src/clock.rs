//! Timing commands, and the median.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// How long a command takes from start to end. It must succeed; what it prints is dropped.
pub(crate) fn time(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|cause| format!("start {command:?}: {cause}"))?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// Runs everything in turn, so many rounds; the median of each.
pub(crate) fn interleaved<const N: usize>(
    rounds: usize,
    mut contenders: [&mut dyn FnMut() -> Result<Duration>; N],
) -> Result<[Duration; N]> {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push(contender()?);
        }
    }
    Ok(times.map(median))
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Tries until there is an answer, without a pause, since the pause would be measured.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if start.elapsed() > Duration::from_secs(30) {
            return Err(format!("waited 30 s in vain: {what}").into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}
