//! Answering HTTP: warm and cold, beside the languages' bare servers with the same handler and the same client.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sf_e2e::{Env, Load, http};

use crate::Result;
use crate::clock::{median, until};
use crate::machine::has;
use crate::report::{Row, Table, show};

const CONNECTIONS: usize = 16;
const SECONDS: u64 = 2;
const ROUNDS: usize = 11;
/// Functions deployed for the cold starts: each is called once.
const COLD: usize = 11;

/// The function's counterpart on Node's own server. The port is the first argument.
pub(crate) const BARE_NODE: &str = "import http from 'node:http';
http.createServer((request, response) => {
  const url = new URL(request.url, 'http://host');
  const body = JSON.stringify({ hello: url.pathname.split('/')[2] });
  response.setHeader('content-type', 'application/json');
  response.end(body);
}).listen(Number(process.argv[2]), '127.0.0.1');
";

/// The same on Python's own server, which starts a thread for each connection.
const BARE_PYTHON: &str = "import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Hello(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    def do_GET(self):
        body = json.dumps({'hello': self.path.split('/')[2]}).encode()
        self.send_response(200)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
Server(('127.0.0.1', int(sys.argv[1])), Hello).serve_forever()
";

/// The least that asyncio can do: no routing, no parsing but for the path. Nobody's server is as bare, so it is a remark and not a bar.
const BARE_ASYNCIO: &str = "import asyncio, json, sys
class Hello(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        body = json.dumps({'hello': data.split(b' ', 2)[1].decode().split('/')[2]}).encode()
        self.transport.write(b'HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n' % len(body) + body)
async def main():
    server = await asyncio.get_running_loop().create_server(Hello, '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
";

/// A language: how its function is written and what stands beside it.
struct Language {
    name: &'static str,
    program: &'static str,
    bare_name: &'static str,
    bare: &'static str,
    bare_file: &'static str,
    file: &'static str,
    handler: &'static str,
    code: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "Node.js",
        program: "node",
        bare_name: "`node:http`",
        bare: BARE_NODE,
        bare_file: "server.mjs",
        file: "hello.mjs",
        handler: "hello.mjs#hello",
        code: "export function hello(request, ctx) {\n  return Response.json({ hello: ctx.params.name });\n}\n",
    },
    Language {
        name: "Python",
        program: "python3",
        bare_name: "`ThreadingHTTPServer`",
        bare: BARE_PYTHON,
        bare_file: "server.py",
        file: "hello.py",
        handler: "hello.py:hello",
        code: "def hello(request, ctx):\n    return {\"hello\": ctx.params[\"name\"]}\n",
    },
];

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    LANGUAGES.iter().try_for_each(|language| serve(table, language))
}

fn serve(table: &mut Table, language: &Language) -> Result<()> {
    let env = Env::new();
    let family = if language.program == "node" { "node" } else { "python" };
    let mut manifest = "sf = 1\n\n[project]\nname = \"serve\"\n".to_owned();
    for index in 0..=COLD {
        manifest.push_str(&format!(
            "\n[functions.f{index}]\nhandler = \"{}\"\nruntime = \"{family}\"\nhttp = [\"GET /f{index}/{{name}}\"]\n",
            language.handler
        ));
    }
    let project = env.project("serve", &[("sf.toml", &manifest), (language.file, language.code)]);
    let _ = project.deploy();
    let url = project.url();
    cold(table, language, &url)?;
    warm(table, language, &format!("{url}/f{COLD}/world"))
}

fn cold(table: &mut Table, language: &Language, url: &str) -> Result<()> {
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for index in 0..COLD {
        let start = Instant::now();
        let answer = http::send("GET", &format!("{url}/f{index}/world"), &[], b"")?;
        ours.push(start.elapsed());
        if answer.status != 200 {
            return Err(format!("the cold function answered {} {}", answer.status, answer.text()).into());
        }
        bares.push(bare_cold(language.program, language.bare, language.bare_file)?);
    }
    let rival = format!("bare {} server, start to first answer", language.name);
    table.times(&format!("cold start, {}", language.name), median(ours), &rival, median(bares), Some(1.3));
    Ok(())
}

/// The bare server from its start to its first answer.
pub(crate) fn bare_cold(program: &str, code: &str, file: &str) -> Result<Duration> {
    let start = Instant::now();
    let server = Server::start(program, code, file)?;
    until("the bare server answers", || http::send("GET", &server.url, &[], b"").ok())?;
    Ok(start.elapsed())
}

fn warm(table: &mut Table, language: &Language, url: &str) -> Result<()> {
    let bare = Server::start(language.program, language.bare, language.bare_file)?;
    let asyncio = match language.program {
        "python3" => Some(Server::start("python3", BARE_ASYNCIO, "asyncio_server.py")?),
        _ => None,
    };
    for server in std::iter::once(&bare).chain(&asyncio) {
        until("the bare server answers", || http::send("GET", &server.url, &[], b"").ok())?;
    }
    // Once for nothing: compilers and caches are warm after it.
    load(url, 1)?;
    load(&bare.url, 1)?;
    let (mut ours, mut bares, mut barest) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(load(url, SECONDS)?);
        bares.push(load(&bare.url, SECONDS)?);
        barest.extend(asyncio.as_ref().map(|server| load(&server.url, SECONDS)).transpose()?);
    }
    let (ours, bare) = (middle(ours), middle(bares));
    let ratio = ours.rate / bare.rate;
    table.row(Row {
        what: format!("warm requests a second, {}, {CONNECTIONS} connections", language.name),
        sf: ours.to_string(),
        beside: format!("bare {}: {bare}", language.bare_name),
        ratio: Some(ratio),
        bar: "at least 0.8x".into(),
        held: Some(ratio >= 0.8),
    });
    if !barest.is_empty() {
        table.note(format!(
            "A bare `asyncio.Protocol` that parses nothing but the path, beside the Python row: {}.",
            middle(barest)
        ));
    }
    Ok(())
}

/// What a client saw.
#[derive(Clone, Copy)]
struct Seen {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0}/s, p50 {}, p99 {}", self.rate, show(self.p50), show(self.p99))
    }
}

fn middle(mut loads: Vec<Seen>) -> Seen {
    loads.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    loads[loads.len() / 2]
}

fn load(url: &str, seconds: u64) -> Result<Seen> {
    if has("wrk", &["--version"]) { wrk(url, seconds) } else { built_in(url, seconds) }
}

fn built_in(url: &str, seconds: u64) -> Result<Seen> {
    let load = Load::start(url, CONNECTIONS);
    std::thread::sleep(Duration::from_secs(seconds));
    let report = load.stop();
    if let Some(failure) = report.failures.first() {
        return Err(format!("{} of the requests to {url} failed: {failure}", report.failures.len()).into());
    }
    Ok(Seen { rate: report.rate(), p50: report.percentile(0.5), p99: report.percentile(0.99) })
}

fn wrk(url: &str, seconds: u64) -> Result<Seen> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--latency", url])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    if field("Non-2xx or 3xx responses:").or(field("Socket errors:")).is_some() {
        return Err(format!("requests to {url} failed:\n{text}").into());
    }
    let rate = field("Requests/sec:").and_then(|rate| rate.parse().ok());
    let (p50, p99) = (field("50%").and_then(wrk_time), field("99%").and_then(wrk_time));
    match (rate, p50, p99) {
        (Some(rate), Some(p50), Some(p99)) => Ok(Seen { rate, p50, p99 }),
        _ => Err(format!("wrk said something unknown:\n{text}").into()),
    }
}

/// `1.23ms`, `456.00us`, `1.00s`
fn wrk_time(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let scale = match &text[unit..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number * scale))
}

/// A bare server; killed when dropped.
struct Server {
    url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(program: &str, code: &str, file: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(file), code)?;
        // Free now, and nobody else on this machine is in a hurry for it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.arg(file).arg(port.to_string()).current_dir(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { url: format!("http://127.0.0.1:{port}/f/world"), child, _folder: folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It runs until it is killed; that it ended before is seen by whoever calls it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
