//! A small HTTP/1.1 client, which shows exactly what came and hides no error behind a retry.

use std::io::{self, BufRead, BufReader, Write};
use std::net::ToSocketAddrs;

use serde_json::Value as Json;
use tungstenite::{HandshakeError, WebSocket};

use crate::stream::{Stream, connect};

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text()))
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A connection that is kept open between requests.
pub struct Connection {
    authority: String,
    stream: BufReader<Box<dyn Stream>>,
}

impl Connection {
    /// To `http://host:port` or `https://…`; a path after it is ignored.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn open(url: &str) -> io::Result<Self> {
        let authority = split(url).0.to_owned();
        Ok(Self { stream: BufReader::new(connect(address(url), tls(url))?), authority })
    }

    /// To this address, whatever the name of the host in the URL means: that name is only said, and nobody there needs to speak TLS.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn open_at(address: impl ToSocketAddrs, url: &str) -> io::Result<Self> {
        let authority = split(url).0.to_owned();
        Ok(Self { stream: BufReader::new(connect(address, None)?), authority })
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not HTTP.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.authority);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut message = head.into_bytes();
        message.extend_from_slice(body);
        self.stream.get_mut().write_all(&message)?;
        let head = Head::read(&mut self.stream)?.ok_or_else(|| invalid("closed without an answer"))?;
        let status = head.first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| invalid(&head.first))?;
        let bodiless = method == "HEAD" || status == 204 || status == 304;
        let body = if bodiless { Vec::new() } else { head.body(&mut self.stream, true)?.1 };
        Ok(Response { status, headers: head.headers, body })
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// When nothing listens there, the connection breaks, or the answer is not HTTP.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
    let mut headers = headers.to_vec();
    headers.push(("connection", "close"));
    Connection::open(url)?.send(method, split(url).1, &headers, body)
}

/// As [`send`], to this address, whatever the name of the host in the URL means.
///
/// # Errors
/// As of [`send`].
pub fn send_to(
    address: impl ToSocketAddrs,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut headers = headers.to_vec();
    headers.push(("connection", "close"));
    Connection::open_at(address, url)?.send(method, split(url).1, &headers, body)
}

/// Opens a WebSocket at `ws://host:port/…` or `wss://…`.
///
/// # Errors
/// When nothing listens there, or the handshake is refused.
pub fn open_socket(url: &str) -> tungstenite::Result<WebSocket<Box<dyn Stream>>> {
    match tungstenite::client(url, connect(address(url), tls(url))?) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(cause)) => Err(cause),
        Err(HandshakeError::Interrupted(_)) => unreachable!("the stream blocks"),
    }
}

/// GET, whatever the status.
///
/// # Panics
/// If there is no answer.
#[track_caller]
pub fn get(url: &str) -> Response {
    send("GET", url, &[], b"").unwrap_or_else(|cause| panic!("GET {url}: {cause}"))
}

/// POST of JSON, whatever the status.
///
/// # Panics
/// If there is no answer.
#[track_caller]
pub fn post(url: &str, body: &Json) -> Response {
    send("POST", url, &[("content-type", "application/json")], body.to_string().as_bytes())
        .unwrap_or_else(|cause| panic!("POST {url}: {cause}"))
}

/// Where to connect to. Every name below `localhost` is this machine (RFC 6761, 6.3); not every resolver knows.
fn address(url: &str) -> String {
    let authority = split(url).0;
    let default = if tls(url).is_some() { "443" } else { "80" };
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, default));
    let host = if host.ends_with(".localhost") { "127.0.0.1" } else { host };
    format!("{host}:{port}")
}

/// The name of the host, if TLS is spoken there.
fn tls(url: &str) -> Option<&str> {
    let authority = split(url).0;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    (url.starts_with("https://") || url.starts_with("wss://")).then_some(host)
}

/// `http://host:port/path` -> (`host:port`, `/path`)
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).map_or((rest, "/"), |end| rest.split_at(end))
}

/// The head of a message, for both directions.
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) raw: Vec<u8>,
}

impl Head {
    /// `None` if the peer closed instead of sending one.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut raw = Vec::new();
        loop {
            let start = raw.len();
            if stream.read_until(b'\n', &mut raw)? == 0 {
                return if raw.is_empty() {
                    Ok(None)
                } else {
                    Err(invalid("closed in the middle of a head"))
                };
            }
            if raw[start..] == *b"\r\n" {
                break;
            }
        }
        let text = String::from_utf8_lossy(&raw);
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self { first, headers, raw }))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as it was sent, and as it is meant. `to_end`: without a length it goes on until the peer closes, as an answer's does.
    pub(crate) fn body(&self, stream: &mut impl BufRead, to_end: bool) -> io::Result<(Vec<u8>, Vec<u8>)> {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return chunked(stream);
        }
        let mut body = Vec::new();
        match self.header("content-length") {
            Some(length) => {
                let length: usize = length.parse().map_err(|_| invalid(length))?;
                body.resize(length, 0);
                stream.read_exact(&mut body)?;
            }
            None if to_end => {
                stream.read_to_end(&mut body)?;
            }
            None => {}
        }
        Ok((body.clone(), body))
    }
}

fn chunked(stream: &mut impl BufRead) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut raw, mut body) = (Vec::new(), Vec::new());
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line)?;
        raw.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line);
        let size = text.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk without its size"))?;
        // The chunk and its line end; after the last one only the line end (trailers are not used here).
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        raw.extend_from_slice(&chunk);
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return Ok((raw, body));
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_with_a_length_in_chunks_and_to_the_end() {
        let mut wire = &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
            2\r\nab\r\n1\r\nc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc"[..];
        for _ in 0..3 {
            let head = Head::read(&mut wire).unwrap().unwrap();
            assert_eq!(head.body(&mut wire, true).unwrap().1, b"abc");
        }
        assert!(Head::read(&mut wire).unwrap().is_none());
    }

    #[test]
    fn a_url_says_where_to_connect_to() {
        assert_eq!(address("http://127.0.0.1:80/a:1"), "127.0.0.1:80");
        assert_eq!(address("ws://a.execute-api.localhost:4566/live"), "127.0.0.1:4566");
        assert_eq!(
            (address("https://a.example/b").as_str(), tls("https://a.example/b")),
            ("a.example:443", Some("a.example"))
        );
        assert_eq!(
            (address("wss://a.example?b=c").as_str(), tls("http://a.example")),
            ("a.example:443", None)
        );
    }

    #[test]
    fn a_cut_off_body_is_an_error() {
        let mut wire = &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"[..];
        let head = Head::read(&mut wire).unwrap().unwrap();
        assert!(head.body(&mut wire, true).is_err());
    }
}
