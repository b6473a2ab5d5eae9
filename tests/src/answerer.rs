//! A small HTTP server for tests: what it answers is a function of the request.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use crate::http::Head;

/// A request to an [`Answerer`].
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`, …
    pub method: String,
    /// With its query.
    pub path: String,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// What came with it.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A server that answers until the process ends.
pub struct Answerer {
    /// `http://127.0.0.1:PORT`
    pub url: String,
}

impl Answerer {
    /// Starts one that answers a status and a body; `None`: it reads the request and never answers.
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start(answer: impl Fn(&Asked) -> Option<(u16, String)> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            let mut unanswered = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                // A client that goes away in the middle asked nothing.
                let Ok(Some(head)) = Head::read(&mut reader) else { continue };
                let Ok((_, body)) = head.body(&mut reader, false) else { continue };
                let mut words = head.first.split(' ').map(str::to_owned);
                let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let Some((status, body)) =
                    answer(&Asked { method, path, headers: head.headers.clone(), body })
                else {
                    unanswered.push(stream);
                    continue;
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} -\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url }
    }
}
