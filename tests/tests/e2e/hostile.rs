//! Crowds of clients that want nothing but a connection: they cost little, and others are served meanwhile.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sf_e2e::{Env, eventually, http, sf};

use crate::support::pair;

/// Connections that the crowd tries to hold.
const CROWD: usize = 10_000;
/// Files that this process needs for everything else, other tests included.
const SPARE: usize = 2_000;

/// How many files this process may have open, after asking for as many as it may ask for.
fn open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

fn files_of(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Memory in use, in MiB.
fn memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() >> 10
}

/// Holds connections: those that the other side closes are opened again, until the crowd is dropped.
struct Crowd {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn gather(address: &str, size: usize) -> Self {
        const THREADS: usize = 8;
        let over = Arc::new(AtomicBool::new(false));
        let threads = (0..THREADS).map(|_| {
            let (address, over) = (address.to_owned(), over.clone());
            std::thread::spawn(move || hold(&address, size / THREADS, &over))
        });
        Self { threads: threads.collect(), over }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A connection that could not be opened is tried again; nothing here panics.
            let _ = thread.join();
        }
    }
}

fn hold(address: &str, size: usize, over: &AtomicBool) {
    let mut held: Vec<Option<TcpStream>> = Vec::new();
    held.resize_with(size, || None);
    while !over.load(Ordering::Relaxed) {
        for (index, place) in held.iter_mut().enumerate() {
            let is_open = place.as_ref().is_some_and(is_open);
            if !is_open && !over.load(Ordering::Relaxed) {
                *place = open(address, index).ok();
            }
        }
        std::thread::yield_now();
    }
}

/// Some say nothing, some begin a request, some sit on their connection after one.
fn open(address: &str, index: usize) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    match index % 10 {
        0 => stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n")?,
        1..=4 => stream.write_all(b"GET /one HTTP/1.1\r\nhost: a\r\nx: ")?,
        _ => {}
    }
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn is_open(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 512]), Ok(0)) && stream.take_error().is_ok_and(|error| error.is_none())
}

#[test]
fn ten_thousand_idle_connections_hinder_nobody() {
    let env = Env::new();
    let project = pair(&env, "crowd");
    let _ = project.deploy();
    let url = project.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    assert_eq!(http::get(&format!("{url}/one")).text(), "one");
    let pid = env.host().pid;
    let (files, memory) = (files_of(pid), memory_of(pid));
    let size = open_files().saturating_sub(SPARE).min(CROWD);
    assert!(size >= 5_000, "this needs a hard limit of at least 7,000 open files");
    let crowd = Crowd::gather(&address, size);
    // Each is cut off after 20 s, so that a slow machine never sees all of them at once; it must see thousands.
    let begun = Instant::now();
    eventually("thousands are connected", || {
        let held = files_of(pid).saturating_sub(files);
        let is_slow = begun.elapsed() > Duration::from_secs(25);
        (held > size * 9 / 10 || is_slow && held > size / 2).then_some(())
    });
    for _ in 0..50 {
        assert_eq!(http::get(&format!("{url}/one")).text(), "one");
        assert_eq!(http::get(&format!("{url}/two")).text(), "two");
    }
    let used = memory_of(pid).saturating_sub(memory);
    assert!(used < 400, "{size} idle connections need {used} MiB");
    drop(crowd);
    eventually("all are gone", || (files_of(pid) < files + 100).then_some(()));
    assert_eq!(http::get(&format!("{url}/one")).text(), "one");
}

#[test]
fn a_host_without_files_left_goes_on_when_there_are_some() {
    let env = Env::new();
    let project = pair(&env, "narrow");
    let start = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" host start"])
        .arg(sf())
        .current_dir(env.dir())
        .env_clear()
        .envs(env.command(env.dir(), &[]).get_envs().filter_map(|(name, value)| Some((name, value?))))
        .output()
        .unwrap();
    assert!(start.status.success(), "{}", String::from_utf8_lossy(&start.stderr));
    let _ = project.deploy();
    let url = project.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut before = http::Connection::open(&url).unwrap();
    assert_eq!(before.send("GET", "/one", &[], b"").unwrap().text(), "one");
    // Once the host takes no more, the system soon makes others wait as well: that many are enough.
    let socket_address = address.parse().unwrap();
    let join = |_| TcpStream::connect_timeout(&socket_address, Duration::from_secs(2)).ok();
    let crowd: Vec<TcpStream> = (0..600).map_while(join).collect();
    assert!(crowd.len() > 200, "only {} clients came", crowd.len());
    // Those that are too many are told so, or wait.
    let mut last = crowd.last().unwrap().try_clone().unwrap();
    last.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut told = String::new();
    let _ = last.read_to_string(&mut told);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 503"), "{told}");
    assert_eq!(before.send("GET", "/one", &[], b"").unwrap().text(), "one");
    for stream in crowd {
        let _ = stream.shutdown(Shutdown::Both);
    }
    eventually("new clients are served again", || {
        let answer = http::send("GET", &format!("{url}/two"), &[], b"").ok()?;
        (answer.status == 200).then_some(())
    });
}
