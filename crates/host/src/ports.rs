//! Ports of the host's own choice.
//!
//! Systems take the local ports of outgoing connections, and of whoever asks for port 0, from one range (32768 and up on Linux, 49152 and
//! up elsewhere). A listener in that range may find its port gone after a restart. So "any port" is one below it here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use tokio::net::TcpListener;

/// Above the well-known services, below what systems hand out.
const OWN: Range<u16> = 20_000..30_000;
/// Then the system may choose.
const ATTEMPTS: usize = 64;

/// Listens at an address; port 0 is any port that is likely to be free after a restart, too.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if address.port() == 0 {
        for _ in 0..ATTEMPTS {
            let port = fastrand::u16(OWN);
            if let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
                return Ok(listener);
            }
        }
    }
    TcpListener::bind(address).await
}

/// A port for a program that can only be told a number. Somebody else may take it until the program listens, which is as unlikely as it can
/// be made.
pub(crate) async fn free(ip: IpAddr) -> io::Result<u16> {
    Ok(listen(SocketAddr::new(ip, 0)).await?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn any_port_is_none_that_the_system_hands_out() {
        let any = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let (one, two) = (listen(any).await.unwrap(), listen(any).await.unwrap());
        let ports = [one, two].map(|listener| listener.local_addr().unwrap().port());
        assert!(ports.iter().all(|port| OWN.contains(port)), "{ports:?}");
        assert_ne!(ports[0], ports[1]);
        assert!(OWN.contains(&free(any.ip()).await.unwrap()));
    }

    #[tokio::test]
    async fn a_port_that_is_asked_for_is_that_or_none() {
        let taken = listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).await.unwrap();
        let error = listen(taken.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
