//! A gate between `sf` and the API that it deploys to (the host's, or AWS's): counts the requests that change something, and holds one back at a chosen moment, so that the
//! test can kill `sf` exactly there.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use crate::http::Head;
use crate::project::Project;
use crate::wait::{DEADLINE, eventually};

/// On which side of a request's effect the gate closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The host never hears of the request.
    Before,
    /// The host has done it, and the answer is lost.
    After,
    /// Nothing is lost: the request goes on when the gate is opened.
    Delay,
}

/// Which request.
#[derive(Clone, Debug)]
enum Which {
    /// Counted from 0.
    Nth(usize),
    /// The first one that begins so.
    First(String),
}

#[derive(Default)]
struct Shared {
    /// The request to stop at, and when.
    armed: Option<(Which, When)>,
    /// Requests that changed something, since they were last asked for.
    mutating: Vec<String>,
    /// Whether the armed request has come.
    closed: bool,
}

/// The gate.
pub struct Gate {
    /// Where it listens.
    pub url: String,
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

impl Gate {
    /// In front of the control API at `upstream` (`http://127.0.0.1:PORT`).
    ///
    /// # Panics
    /// If there is no free port.
    pub fn new(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let shared = Arc::<(Mutex<Shared>, Condvar)>::default();
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let state = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, state) = (upstream.clone(), state.clone());
                // A connection that breaks is the tests' daily bread: what counts is what `sf` makes of it.
                std::thread::spawn(move || drop(serve(client, &upstream, &state)));
            }
        });
        Self { url, shared }
    }

    /// Closes at the `nth` request (from 0) from now on that changes something.
    pub fn arm(&self, nth: usize, when: When) {
        self.arm_at(Which::Nth(nth), when);
    }

    /// Closes at the first request that begins so (`PUT /v1/`) and changes something.
    pub fn arm_on(&self, line: &str, when: When) {
        self.arm_at(Which::First(line.to_owned()), when);
    }

    fn arm_at(&self, which: Which, when: When) {
        *self.lock() = Shared { armed: Some((which, when)), ..Shared::default() };
    }

    /// Lets everything through again.
    pub fn open(&self) {
        *self.lock() = Shared::default();
        self.shared.1.notify_all();
    }

    /// Waits until the armed request has come.
    ///
    /// # Panics
    /// If it does not come.
    pub fn await_closed(&self) {
        let waited = self.shared.1.wait_timeout_while(self.lock(), DEADLINE, |state| !state.closed);
        assert!(
            !waited.expect("no panic while held").1.timed_out(),
            "the request that the gate waits for never came"
        );
    }

    /// Runs `sf` in a project until the `nth` request (from 0) that changes something, and kills it there (kill -9); `false` if it made
    /// fewer and ended well.
    ///
    /// # Panics
    /// If it fails by itself.
    pub fn kill_at(&self, nth: usize, when: When, project: &Project<'_>, args: &[&str]) -> bool {
        self.arm(nth, when);
        self.kill_when_closed(project, args)
    }

    /// As [`Self::kill_at`], at the first request that begins so.
    ///
    /// # Panics
    /// If it fails by itself, or makes no such request.
    pub fn kill_on(&self, line: &str, when: When, project: &Project<'_>, args: &[&str]) {
        self.arm_on(line, when);
        assert!(self.kill_when_closed(project, args), "there was no request `{line}`");
    }

    fn kill_when_closed(&self, project: &Project<'_>, args: &[&str]) -> bool {
        let mut running = project.start(args);
        let came = || (self.is_closed() || !running.runs()).then_some(());
        eventually("the request comes, or `sf` ends", came);
        let is_closed = self.is_closed();
        let _ = if is_closed { running.kill() } else { running.wait().ok() };
        self.open();
        is_closed
    }

    /// Whether the armed request has come.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The requests that changed something since the gate was armed or opened: `PUT /v1/…`.
    pub fn mutating(&self) -> Vec<String> {
        self.lock().mutating.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.0.lock().expect("no panic while held")
    }
}

/// Notes a request; says when to stop if it is the one.
fn note(shared: &Mutex<Shared>, request: &str) -> Option<When> {
    if request.starts_with("GET ") || request.starts_with("HEAD ") {
        return None;
    }
    let mut state = shared.lock().expect("no panic while held");
    let place = state.mutating.len();
    state.mutating.push(request.rsplit_once(' ').map_or(request, |(line, _)| line).to_owned());
    let (which, when) = state.armed.as_mut()?;
    if matches!(which, Which::First(line) if request.starts_with(line.as_str())) {
        *which = Which::Nth(place);
    }
    match (which, *when) {
        (Which::Nth(nth), when) if place == *nth => Some(when),
        // Those that come after it, on other connections, are stopped as well: `sf` is as good as dead.
        (Which::Nth(nth), When::Before | When::After) if place > *nth => Some(When::Before),
        _ => None,
    }
}

fn serve(client: TcpStream, upstream: &str, shared: &(Mutex<Shared>, Condvar)) -> io::Result<()> {
    let mut host = BufReader::new(TcpStream::connect(upstream)?);
    let mut client = BufReader::new(client);
    while let Some(request) = Head::read(&mut client)? {
        let stop = note(&shared.0, &request.first);
        match stop {
            Some(When::Before) => return hold(shared),
            Some(When::Delay) => hold(shared)?,
            Some(When::After) | None => {}
        }
        let (body, _) = request.body(&mut client, false)?;
        host.get_mut().write_all(&request.raw)?;
        host.get_mut().write_all(&body)?;
        let answer = Head::read(&mut host)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let bodiless = request.first.starts_with("HEAD ")
            || [" 204 ", " 304 "].iter().any(|code| answer.first.contains(code));
        let (body, _) = if bodiless { Default::default() } else { answer.body(&mut host, true)? };
        if stop == Some(When::After) {
            return hold(shared);
        }
        client.get_mut().write_all(&answer.raw)?;
        client.get_mut().write_all(&body)?;
    }
    Ok(())
}

/// Says that the moment has come, and answers nothing until the gate is opened.
fn hold(shared: &(Mutex<Shared>, Condvar)) -> io::Result<()> {
    let mut state = shared.0.lock().expect("no panic while held");
    state.closed = true;
    shared.1.notify_all();
    while state.closed {
        state = shared.1.wait(state).expect("no panic while held");
    }
    Ok(())
}
