//! Ports of the host's own choice.
//!
//! Systems take the local ports of outgoing connections, and of whoever asks for port 0, from one range (32768 and up on Linux, 49152 and
//! up elsewhere). A listener in that range may find its port gone after a restart. So "any port" is one below it here.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpSocket};

/// Above the well-known services, below what systems hand out.
const OWN: Range<u16> = 20_000..30_000;
/// Then the system may choose.
const ATTEMPTS: usize = 64;
/// Connections that wait to be accepted, as far as the system lets them. Beyond it a client's first packet is dropped, and the client tries again
/// only after a second: with the usual 128, a crowd that comes at once would wait for each other.
const BACKLOG: u32 = 4096;

/// Listens at an address; port 0 is any port that is likely to be free after a restart, too.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if address.port() == 0 {
        for _ in 0..ATTEMPTS {
            let port = fastrand::u16(OWN);
            if promised().contains(&port) {
                continue;
            }
            if let Ok(listener) = open(SocketAddr::new(address.ip(), port)) {
                return Ok(listener);
            }
        }
    }
    open(address)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As the standard library does: on Unix a port whose last connections still fade away is free; on Windows this would share it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Ports that programs of ours were told to listen at.
static PROMISED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

fn promised() -> MutexGuard<'static, BTreeSet<u16>> {
    PROMISED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that is told to one program only, as long as this is kept: one that two were told would have the calls of both.
#[derive(Debug)]
pub(crate) struct Promised(u16);

impl Promised {
    pub(crate) fn port(&self) -> u16 {
        self.0
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        promised().remove(&self.0);
    }
}

/// A port for a program that can only be told a number. Some other program may take it until this one listens, which is as unlikely as it can
/// be made.
pub(crate) fn free(ip: IpAddr) -> io::Result<Promised> {
    for _ in 0..ATTEMPTS {
        let port = listen(SocketAddr::new(ip, 0))?.local_addr()?.port();
        if promised().insert(port) {
            return Ok(Promised(port));
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn any_port_is_none_that_the_system_hands_out() {
        let any = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let (one, two) = (listen(any).unwrap(), listen(any).unwrap());
        let ports = [one, two].map(|listener| listener.local_addr().unwrap().port());
        assert!(ports.iter().all(|port| OWN.contains(port)), "{ports:?}");
        assert_ne!(ports[0], ports[1]);
        assert!(OWN.contains(&free(any.ip()).unwrap().port()));
    }

    #[tokio::test]
    async fn a_port_is_told_to_one_program_only() {
        let ip = Ipv4Addr::LOCALHOST.into();
        let mut kept = Vec::new();
        for _ in 0..500 {
            kept.push(free(ip).unwrap());
        }
        let ports: BTreeSet<u16> = kept.iter().map(Promised::port).collect();
        assert_eq!(ports.len(), kept.len());
        assert!(promised().is_superset(&ports));
    }

    #[tokio::test]
    async fn a_port_that_is_asked_for_is_that_or_none() {
        let taken = listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let error = listen(taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
