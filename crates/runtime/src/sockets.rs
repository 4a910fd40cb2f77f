//! Socket options: what a BGP connection needs before its first packet.

mod options;

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use speaker::{Dial, Guard, Unfit};
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
    if let Some(least) = dial.guard.least_ttl {
        options::set_least_ttl(&socket, dial.remote.is_ipv4(), least)?;
    }
    if let Some(device) = &dial.guard.device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    if let Some(local) = dial.local {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    TcpSocket::from_std_stream(socket.into())
        .connect(dial.remote)
        .await
}

/// Why a connection that was accepted cannot be used.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not what the peer's may be.
    Unfit(Unfit),
    /// The system does not let us make sure of that.
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::System(error)
    }
}

/// Holds a connection that was accepted to its guard: what comes from now on by the system, and how it came here by what
/// the system kept of the handshake.
pub(crate) fn guard(stream: &TcpStream, remote: SocketAddr, guard: &Guard) -> Result<(), Refusal> {
    let Guard { least_ttl, device } = guard;
    if least_ttl.is_none() && device.is_none() {
        return Ok(());
    }
    let arrival = options::arrival(stream, remote.is_ipv4())?;
    if let Some(least) = *least_ttl {
        options::set_least_ttl(stream, remote.is_ipv4(), least)?;
        match arrival.ttl {
            Some(ttl) if ttl < least => return Err(Refusal::Unfit(Unfit::TooFar { ttl, least })),
            Some(_) | None => {}
        }
    }
    if let Some(device) = device {
        let came_by = arrival.interface.and_then(name_of);
        if came_by.as_ref() != Some(device) {
            return Err(Refusal::Unfit(Unfit::OtherDevice { name: came_by }));
        }
        let socket = SockRef::from(stream);
        // In a VRF it is bound already, and to bind it again would need a capability.
        if socket.device()?.as_deref() != Some(device.as_bytes()) {
            socket.bind_device(Some(device.as_bytes()))?;
        }
    }
    Ok(())
}

fn name_of(interface: u32) -> Option<Box<str>> {
    let name = nix::net::if_::if_indextoname(interface).ok()?;
    Some(name.to_str().ok()?.into())
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

/// A listening socket. IPv6 sockets take IPv6 only, so that `0.0.0.0` and `::` can both listen. It answers with the
/// greatest TTL, because who connects may judge by it how far we are (RFC 5082).
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
    set_ttl(SockRef::from(&socket), address, u8::MAX)?;
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
            guard: Guard::default(),
        };
        let (near, far) = tokio::join!(connect(&dial), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// A guard that looks at distance alone.
    fn within(least_ttl: Option<u8>) -> Guard {
        Guard {
            least_ttl,
            ..Guard::default()
        }
    }

    /// Somebody who opens a connection with this TTL, for a guard that wants 255.
    fn dial(remote: SocketAddr, ttl: Option<u8>, least_ttl: Option<u8>) -> Dial {
        Dial {
            conn: speaker::ConnId(1),
            remote,
            local: None,
            ttl,
            guard: within(least_ttl),
        }
    }

    #[test]
    fn a_peer_that_is_too_far_is_not_let_in() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let wants = within(Some(255));
        let addresses = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0)),
        ];
        runtime.block_on(async {
            for address in addresses {
                let ours = tokio::net::TcpListener::from_std(listen(address).unwrap()).unwrap();
                let to = ours.local_addr().unwrap();
                for (ttl, is_near) in [(255, true), (254, false)] {
                    let dial = dial(to, Some(ttl), Some(255));
                    let (near, far) = tokio::join!(connect(&dial), ours.accept());
                    let (_near, (far, from)) = (near.unwrap(), far.unwrap());
                    match guard(&far, from, &wants) {
                        Ok(()) => assert!(is_near, "{ttl}"),
                        Err(Refusal::Unfit(unfit)) => {
                            assert_eq!(unfit, Unfit::TooFar { ttl, least: 255 });
                            assert!(!is_near);
                        }
                        Err(Refusal::System(error)) => panic!("{error}"),
                    }
                }
            }
        });
    }

    #[test]
    fn an_answer_from_too_far_opens_no_connection() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            // It answers with the TTL of the system, 64.
            let other = tokio::net::TcpListener::bind(any).await.unwrap();
            let dial = dial(other.local_addr().unwrap(), None, Some(255));
            let short = std::time::Duration::from_millis(300);
            assert!(tokio::time::timeout(short, connect(&dial)).await.is_err());
        });
    }

    /// What comes next on a connection.
    async fn heard(stream: &TcpStream) -> Vec<u8> {
        let mut octets = [0; 64];
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut octets) {
                Ok(length) => return octets[..length].to_vec(),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    #[test]
    fn what_was_sent_from_afar_does_not_arrive() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let ours = tokio::net::TcpListener::from_std(listen(any).unwrap()).unwrap();
            let dial = dial(ours.local_addr().unwrap(), Some(255), None);
            let (near, far) = tokio::join!(connect(&dial), ours.accept());
            let (near, (far, from)) = (near.unwrap(), far.unwrap());
            assert!(guard(&far, from, &within(Some(255))).is_ok());
            SockRef::from(&near).set_ttl_v4(254).unwrap();
            near.try_write(b"from afar").unwrap();
            let short = std::time::Duration::from_millis(300);
            let heard = tokio::time::timeout(short, heard(&far)).await;
            assert!(heard.is_err(), "{heard:?}");
            SockRef::from(&near).set_ttl_v4(255).unwrap();
            // Sent again by the system, with the TTL that the socket has by then.
            let long = std::time::Duration::from_secs(10);
            let again = tokio::time::timeout(long, self::heard(&far)).await;
            assert_eq!(again.unwrap(), b"from afar");
        });
    }

    #[test]
    fn a_connection_runs_over_its_device_or_not_at_all() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let over = |name: &str| Guard {
            device: Some(name.into()),
            ..Guard::default()
        };
        runtime.block_on(async {
            for address in [
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0)),
            ] {
                let ours = tokio::net::TcpListener::from_std(listen(address).unwrap()).unwrap();
                let mut dial = dial(ours.local_addr().unwrap(), None, None);
                dial.guard = over("no-such-device");
                let error = connect(&dial).await.unwrap_err();
                let lacking = nix::errno::Errno::ENODEV as i32;
                assert_eq!(error.raw_os_error(), Some(lacking));
                dial.guard = over("lo");
                let (near, far) = tokio::join!(connect(&dial), ours.accept());
                let (near, (far, from)) = (near.unwrap(), far.unwrap());
                let unfit = Unfit::OtherDevice {
                    name: Some("lo".into()),
                };
                match guard(&far, from, &over("eth77")) {
                    Err(Refusal::Unfit(refused)) => assert_eq!(refused, unfit),
                    other => panic!("{other:?}"),
                }
                assert!(guard(&far, from, &over("lo")).is_ok());
                for end in [&near, &far] {
                    let bound = SockRef::from(end).device().unwrap();
                    assert_eq!(bound.as_deref(), Some(&b"lo"[..]));
                }
            }
        });
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
