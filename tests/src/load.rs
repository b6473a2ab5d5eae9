//! Load: several connections that send the same request one after the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::wait::eventually;

/// Load that is going on.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    start: Instant,
    threads: Vec<JoinHandle<Report>>,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How long each answered request took.
    pub times: Vec<Duration>,
    /// What went wrong: a status other than 200, or a broken connection.
    pub failures: Vec<String>,
    /// Different bodies seen.
    pub bodies: Vec<String>,
    /// From start to stop.
    pub elapsed: Duration,
}

impl Report {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that this part (0.5, 0.99) of the requests stayed under.
    pub fn percentile(&self, part: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        let last = times.len().saturating_sub(1);
        times.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
    }
}

impl Load {
    /// GETs `url` on so many connections until stopped.
    pub fn start(url: &str, connections: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let threads = (0..connections)
            .map(|_| {
                let (url, stop, answered) = (url.to_owned(), stop.clone(), answered.clone());
                std::thread::spawn(move || work(&url, &stop, &answered))
            })
            .collect();
        Self { stop, answered, start: Instant::now(), threads }
    }

    /// Waits until so many more requests were answered from now on.
    pub fn answers(&self, more: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        eventually("the load is answered", || (self.answered.load(Ordering::Relaxed) >= goal).then_some(()));
    }

    /// Ends it.
    ///
    /// # Panics
    /// If one of its threads did.
    #[must_use]
    pub fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        let mut total = Report { elapsed: self.start.elapsed(), ..Report::default() };
        for thread in self.threads {
            let report = thread.join().expect("no panic in the load");
            total.times.extend(report.times);
            total.failures.extend(report.failures);
            for body in report.bodies {
                if !total.bodies.contains(&body) {
                    total.bodies.push(body);
                }
            }
        }
        total
    }
}

fn work(url: &str, stop: &AtomicBool, answered: &AtomicUsize) -> Report {
    let mut report = Report::default();
    let path = url
        .find("://")
        .and_then(|at| url[at + 3..].find('/').map(|slash| &url[at + 3 + slash..]))
        .unwrap_or("/");
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        match request(&mut connection, url, path) {
            Ok(body) => {
                report.times.push(start.elapsed());
                if report.bodies.last().is_none_or(|last| *last != body) && !report.bodies.contains(&body) {
                    report.bodies.push(body);
                }
            }
            Err(cause) => {
                report.failures.push(cause.to_string());
                connection = None;
            }
        }
        // A failure counts as an answer for those who wait for progress.
        answered.fetch_add(1, Ordering::Relaxed);
    }
    report
}

fn request(connection: &mut Option<Connection>, url: &str, path: &str) -> io::Result<String> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(Connection::open(url)?),
    };
    let response = open.send("GET", path, &[], b"")?;
    if response.status != 200 {
        return Err(io::Error::other(format!("{} {}", response.status, response.text())));
    }
    if response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
        *connection = None;
    }
    Ok(response.text())
}
