//! What a kit adds to a function: bytes to its artifact, time to its start, time to each call. Beside it stands the least that a worker can be: the
//! bare runtime with the same handler, connected to the same socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::clock::{interleaved, median};
use crate::report::{Row, Table, show};

/// The design's bars.
const COLD_BAR: Duration = Duration::from_millis(5);
const WARM_BAR: Duration = Duration::from_micros(200);
const STARTS: usize = 21;
const CALLS: usize = 4000;

/// A language: its kit, a handler, and a program that does with that handler what a worker does, without a kit: a line in, a line out.
struct Language {
    name: &'static str,
    program: &'static str,
    main: &'static str,
    kit: &'static str,
    file: &'static str,
    handler: &'static str,
    bare: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "Node.js",
        program: "node",
        main: "main.mjs",
        kit: "kits/node/runtime",
        file: "hello.mjs",
        handler: "export function hello(event) { return { hello: event.id }; }\n",
        bare: "import net from 'node:net';
import { hello } from './hello.mjs';
const socket = net.connect(Number(process.argv[2]), '127.0.0.1');
socket.setNoDelay(true);
socket.write('ready\\n');
socket.on('data', (line) => socket.write(JSON.stringify(hello(JSON.parse(line))) + '\\n'));
",
    },
    Language {
        name: "Python",
        program: "python3",
        main: "main.py",
        kit: "kits/python/runtime",
        file: "hello.py",
        handler: "def hello(event, ctx=None):\n    return {'hello': event['id']}\n",
        bare: "import json, socket, sys
from hello import hello
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connection.sendall(b'ready\\n')
for line in connection.makefile():
    connection.sendall(json.dumps(hello(json.loads(line))).encode() + b'\\n')
",
    },
];

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    LANGUAGES.iter().try_for_each(|language| one(table, language))
}

fn one(table: &mut Table, language: &Language) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kit = crate::machine::root().join(language.kit);
    let bytes = copy(&kit, &folder.path().join(".sf-kit"))?;
    std::fs::write(folder.path().join(language.file), language.handler)?;
    let bare = folder.path().join(format!("bare_{}", language.file));
    std::fs::write(&bare, language.bare)?;
    let worker = Worker { language, folder: folder.path(), bare };
    let [ours, bares] =
        interleaved(STARTS, [&mut || Ok(worker.start(true)?.1), &mut || Ok(worker.start(false)?.1)])?;
    let added = ours.saturating_sub(bares);
    let row = |what: String, sf: Duration, beside: Duration, added: Duration, bar: Duration| Row {
        what,
        sf: show(sf),
        beside: format!("without a kit: {}", show(beside)),
        ratio: None,
        bar: format!("adds under {} (adds {})", show(bar), show(added)),
        held: Some(added < bar),
    };
    table.row(row(format!("kit, {}: process start to ready", language.name), ours, bares, added, COLD_BAR));
    let (ours, bares) = (worker.call(true)?, worker.call(false)?);
    let added = ours.saturating_sub(bares);
    table.row(row(format!("kit, {}: one call and its answer", language.name), ours, bares, added, WARM_BAR));
    table.note(format!(
        "The {} kit is {:.1} KiB in the artifact, before compression.",
        language.name,
        bytes as f64 / 1024.0
    ));
    Ok(())
}

/// Copies a folder; gives its bytes.
fn copy(from: &Path, to: &Path) -> Result<u64> {
    std::fs::create_dir_all(to)?;
    let mut bytes = 0;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true if entry.file_name() == "__pycache__" => {}
            true => bytes += copy(&entry.path(), &target)?,
            false => bytes += std::fs::copy(entry.path(), target)?,
        }
    }
    Ok(bytes)
}

/// How the two kinds of worker are started and talked to.
struct Worker<'a> {
    language: &'a Language,
    folder: &'a Path,
    bare: PathBuf,
}

/// A started worker; killed when dropped.
struct Running {
    child: Child,
    stream: TcpStream,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker<'_> {
    /// Starts one and waits for its first bytes: READY, or `ready`.
    fn start(&self, with_kit: bool) -> Result<(Running, Duration)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let mut command = Command::new(self.language.program);
        command.current_dir(self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        // As the host runs it: byte code is not written beside read-only code.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        if with_kit {
            command.arg(format!(".sf-kit/{}", self.language.main));
            command.env("SF_WORKER_SOCKET", format!("tcp:127.0.0.1:{port}")).env("SF_WORKER_TOKEN", "token");
            command.env("SF_HANDLER_FILE", self.language.file).env("SF_HANDLER_EXPORT", "hello");
        } else {
            command.arg(&self.bare).arg(port.to_string());
        }
        let start = Instant::now();
        let child = command.spawn()?;
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        if with_kit {
            let ready = read_frame(&mut stream)?;
            if ready.0 != 16 {
                return Err(format!("the {} kit did not become ready", self.language.name).into());
            }
        } else {
            read_line(&mut stream)?;
        }
        Ok((Running { child, stream }, start.elapsed()))
    }

    /// The median time of a call, after as many to warm up.
    fn call(&self, with_kit: bool) -> Result<Duration> {
        let (mut running, _) = self.start(with_kit)?;
        let mut times = Vec::new();
        for number in 1..=2 * CALLS {
            let start = Instant::now();
            if with_kit {
                running.stream.write_all(&request(u32::try_from(number)?))?;
                read_frame(&mut running.stream)?;
            } else {
                running.stream.write_all(b"{\"id\": \"7\"}\n")?;
                read_line(&mut running.stream)?;
            }
            times.push(start.elapsed());
        }
        Ok(median(times.split_off(CALLS)))
    }
}

/// A REQUEST of `docs/worker-protocol.md`.
fn request(id: u32) -> Vec<u8> {
    const HEAD: &str = r#"{"kind":"event","id":"i","event":{"specversion":"1.0","id":"7","type":"sf.invoke","source":"/cli"},"deadline_ms":4102444800000,"trace":"00-0-0-01"}"#;
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    [&length(10 + HEAD.len())[..], &[1], &id.to_be_bytes(), &[1], &length(HEAD.len()), HEAD.as_bytes()]
        .concat()
}

/// A frame's type and payload.
fn read_frame(stream: &mut TcpStream) -> Result<(u8, Vec<u8>)> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut rest = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    stream.read_exact(&mut rest)?;
    Ok((rest[0], rest.split_off(5)))
}

fn read_line(stream: &mut TcpStream) -> Result<()> {
    let mut buffer = [0; 256];
    while stream.read(&mut buffer)? > 0 {
        if buffer.contains(&b'\n') {
            return Ok(());
        }
    }
    Err("the bare worker ended".into())
}
