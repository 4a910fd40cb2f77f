//! Socket options: what a BGP connection needs before its first packet.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use speaker::Dial;
use tokio::net::{TcpSocket, TcpStream};

/// Connections the kernel holds for us until we accept them; when every node of a cluster
/// restarts at once they all come together.
const BACKLOG: i32 = 4096;

/// Opens a connection as the speaker wants it.
pub(crate) async fn connect(dial: &Dial) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(dial.remote),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
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
