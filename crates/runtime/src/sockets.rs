//! Socket options: what a BGP connection needs before its first packet.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use speaker::Dial;
use tokio::net::{TcpSocket, TcpStream};

/// Connections the kernel holds for us until we accept them; when every node of a cluster
/// restarts at once they all come together.
const BACKLOG: i32 = 4096;

/// Octets that the system takes for a connection beyond those that are on their way (TCP_NOTSENT_LOWAT). What is taken
/// is said as it was; what still waits here is said as it is when its turn comes, and what changed often is said once.
/// As much as is written at once, so that a connection that reads never runs dry.
const UNSENT: u32 = 64 * 1024;

/// Opens a connection as the speaker wants it.
pub(crate) async fn connect(dial: &Dial) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(dial.remote),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(UNSENT)?;
    if let Some(ttl) = dial.ttl {
        set_ttl(SockRef::from(&socket), dial.remote, ttl)?;
    }
    if let Some(local) = dial.local {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    TcpSocket::from_std_stream(socket.into())
        .connect(dial.remote)
        .await
}

/// Prepares a connection that was accepted.
pub(crate) fn prepare(stream: &TcpStream, remote: SocketAddr, ttl: Option<u8>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    ttl.map_or(Ok(()), |ttl| set_ttl(SockRef::from(stream), remote, ttl))
}

fn set_ttl(socket: SockRef<'_>, remote: SocketAddr, ttl: u8) -> io::Result<()> {
    match remote {
        SocketAddr::V4(_) => socket.set_ttl_v4(ttl.into()),
        SocketAddr::V6(_) => socket.set_unicast_hops_v6(ttl.into()),
    }
}

/// A listening socket. IPv6 sockets take IPv6 only, so that `0.0.0.0` and `::` can both listen.
pub(crate) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;

    use super::*;

    /// Both ends of a connection; the one that was accepted does not read and takes little.
    async fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpSocket::new_v4().unwrap();
        listener.set_recv_buffer_size(4096).unwrap();
        listener
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let listener = listener.listen(1).unwrap();
        let dial = Dial {
            conn: speaker::ConnId(1),
            remote: listener.local_addr().unwrap(),
            local: None,
            ttl: Some(1),
        };
        let (near, far) = tokio::join!(connect(&dial), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// What the system takes of somebody who writes without end.
    async fn taken(stream: &TcpStream) -> usize {
        let mut taken = 0;
        loop {
            match stream.try_write(&[0; 16 * 1024]) {
                Ok(length) => taken += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn the_system_holds_little_for_one_that_does_not_read() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, far) = connected().await;
            prepare(&far, near.local_addr().unwrap(), None).unwrap();
            for stream in [&near, &far] {
                let unsent = SockRef::from(stream).tcp_notsent_lowat().unwrap();
                assert_eq!(unsent, UNSENT);
            }
            near.writable().await.unwrap();
            let with = taken(&near).await;
            let (near, _far) = connected().await;
            SockRef::from(&near)
                .set_tcp_notsent_lowat(u32::MAX)
                .unwrap();
            near.writable().await.unwrap();
            let without = taken(&near).await;
            assert!(with < 256 * 1024, "{with}");
            assert!(with * 2 < without, "{with} is not less than {without}");
        });
    }
}
