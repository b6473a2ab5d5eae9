//! Just enough of HTTP/1.1 for a program without dependencies. A real one would take `axum`, or what it likes: `sf` asks only that it
//! listens on `$PORT`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// A request whose body is here.
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
}

/// Serves on `$PORT` until the process ends, each connection in a thread of its own.
pub fn serve(handler: fn(&Request) -> (u16, String)) -> io::Result<()> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || connection(&stream, handler));
    }
    Ok(())
}

fn connection(stream: &TcpStream, handler: fn(&Request) -> (u16, String)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        let (status, body) = handler(&request);
        let head = format!("HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut writer = stream;
        writer.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}

/// The next request; `None` at the end of the connection, or where it is not understood.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let (mut length, mut chunked, mut header) = (0, false, String::new());
    while reader.read_line(&mut header)? > 2 {
        if let Some((name, value)) = header.trim_end().split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "transfer-encoding" => chunked = true,
                _ => {}
            }
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let start = body.len();
        body.resize(start + size + 2, 0);
        reader.read_exact(&mut body[start..])?;
        body.truncate(start + size);
        chunked = size > 0;
    }
    Ok(Some(Request { method: method.into(), path: path.into(), body }))
}
