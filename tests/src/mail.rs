//! A mail service for tests: it takes mails by HTTP, remembers them, and refuses the first.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::http::Head;

/// What was brought to the service.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The header `authorization`.
    pub authorization: String,
    /// The mail.
    pub body: Json,
}

/// A service that answers until the process ends.
pub struct MailService {
    /// Where it takes mails.
    pub url: String,
    brought: Arc<Mutex<Vec<Mail>>>,
}

impl Default for MailService {
    fn default() -> Self {
        Self::start()
    }
}

impl MailService {
    /// Starts one, which answers 503 to the first mail that it is brought and 202 to the others.
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/mails", listener.local_addr().expect("an address"));
        let brought = Arc::new(Mutex::new(Vec::new()));
        let all = brought.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                // A client that goes away in the middle brought nothing.
                let Ok(Some(head)) = Head::read(&mut reader) else { continue };
                let Ok((_, body)) = head.body(&mut reader, false) else { continue };
                let authorization = head.header("authorization").unwrap_or_default().to_owned();
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let mut all = all.lock().expect("no panic while held");
                all.push(Mail { authorization, body });
                let status = if all.len() == 1 { "503 Service Unavailable" } else { "202 Accepted" };
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, brought }
    }

    /// Everything brought so far, also what was refused.
    ///
    /// # Panics
    /// If the service panicked.
    pub fn brought(&self) -> Vec<Mail> {
        self.brought.lock().expect("no panic while held").clone()
    }
}
