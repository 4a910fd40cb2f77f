//! Socket options: what a BGP connection needs before its first packet.

mod options;

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use speaker::{Dial, Guard, Unfit};
use tokio::net::{TcpSocket, TcpStream};

use crate::secret::Secret;
pub(crate) use options::Signer;

/// Connections the kernel holds for us until we accept them; when every node of a cluster
/// restarts at once they all come together.
const BACKLOG: i32 = 4096;

/// Octets that the system takes for a connection beyond those that are on their way (TCP_NOTSENT_LOWAT). What is taken
/// is said as it was; what still waits here is said as it is when its turn comes, and what changed often is said once.
/// As much as is written at once, so that a connection that reads never runs dry.
const UNSENT: u32 = 64 * 1024;

/// Opens a connection as the speaker wants it.
pub(crate) async fn connect(dial: &Dial, password: Option<&Secret>) -> io::Result<TcpStream> {
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
    if dial.guard.is_signed {
        sign(&socket, dial.remote, password)?;
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
pub(crate) fn guard(
    stream: &TcpStream,
    remote: SocketAddr,
    guard: &Guard,
    password: Option<&Secret>,
) -> Result<(), Refusal> {
    let Guard {
        least_ttl,
        device,
        is_signed,
    } = guard;
    if *is_signed {
        // It has the key that the listening socket had, if there was one when it came.
        sign(stream, remote, password)?;
    }
    if least_ttl.is_none() && device.is_none() {
        return Ok(());
    }
    let arrival = options::arrival(stream, remote.is_ipv4())?;
    if let Some(least) = *least_ttl {
        options::set_least_ttl(stream, remote.is_ipv4(), least)?;
        match arrival.ttl {
            Some(ttl) if ttl < least => return Err(Refusal::Unfit(Unfit::TooFar { ttl, least })),
            Some(_) => {}
            // Not to be let pass: whoever is, may take the place of a session that is up.
            None => return Err(io::Error::other("the system does not say how far it came").into()),
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

/// Signs a connection, or fails: it is never left unsigned.
fn sign(socket: &impl AsFd, remote: SocketAddr, password: Option<&Secret>) -> io::Result<()> {
    let lacking = || io::Error::other("the password is not known");
    let password = password.ok_or_else(lacking)?;
    set_password(socket, Signer::One(remote.ip()), Some(password))
}

/// Has the system sign what goes to these addresses, and drop what comes from them and is not signed (TCP MD5, RFC 2385).
/// Without a password it no longer does.
pub(crate) fn set_password(
    socket: &impl AsFd,
    signer: Signer,
    password: Option<&Secret>,
) -> io::Result<()> {
    let key = password.map(Secret::octets).unwrap_or_default();
    match options::set_md5_key(socket, signer, key) {
        // There was none to take away.
        Err(error) if key.is_empty() && error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(explained(error)),
        Ok(()) => Ok(()),
    }
}

/// What is to be done about a key that cannot be set, where that can be told.
fn explained(error: io::Error) -> io::Error {
    let because = match error.raw_os_error() {
        Some(number) if number == Errno::ENOPROTOOPT as i32 => {
            "this kernel has no TCP MD5 signatures; it needs CONFIG_TCP_MD5SIG"
        }
        Some(number) if number == Errno::ENOMEM as i32 => {
            "the system allows no more keys for a socket; raise net.core.optmem_max"
        }
        Some(_) | None => return error,
    };
    io::Error::new(error.kind(), because)
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
        let (near, far) = tokio::join!(connect(&dial, None), listener.accept());
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
                    let (near, far) = pair(&dial, None, &ours).await;
                    let (_near, (far, from)) = (near.unwrap(), far.unwrap());
                    match guard(&far, from, &wants, None) {
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
            assert!(
                tokio::time::timeout(short, connect(&dial, None))
                    .await
                    .is_err()
            );
        });
    }

    /// Both ends of a connection, and where the one that was accepted comes from.
    async fn pair(
        dial: &Dial,
        password: Option<&Secret>,
        ours: &tokio::net::TcpListener,
    ) -> (io::Result<TcpStream>, io::Result<(TcpStream, SocketAddr)>) {
        let both = async { tokio::join!(connect(dial, password), ours.accept()) };
        let long = std::time::Duration::from_secs(10);
        let both = tokio::time::timeout(long, both).await;
        both.expect("a connection within 10 s")
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
            let (near, far) = pair(&dial, None, &ours).await;
            let (near, (far, from)) = (near.unwrap(), far.unwrap());
            assert!(guard(&far, from, &within(Some(255)), None).is_ok());
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

    /// What a guard asks of a signed connection.
    fn signed() -> Guard {
        Guard {
            is_signed: true,
            ..Guard::default()
        }
    }

    #[test]
    fn only_who_has_the_password_is_connected() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (right, wrong) = (Secret::new("hidden"), Secret::new("guessed"));
        let (v4, v6) = (Ipv4Addr::LOCALHOST, std::net::Ipv6Addr::LOCALHOST);
        let signers = [
            Signer::One(v4.into()),
            Signer::All(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
            Signer::One(v6.into()),
            Signer::All(v6.into(), 64),
        ];
        let short = std::time::Duration::from_millis(300);
        runtime.block_on(async {
            for signer in signers {
                let any: std::net::IpAddr = match signer.is_ipv4() {
                    true => v4.into(),
                    false => v6.into(),
                };
                let ours = listen(SocketAddr::new(any, 0)).unwrap();
                let ours = tokio::net::TcpListener::from_std(ours).unwrap();
                set_password(&ours, signer, Some(&right)).unwrap();
                let mut dial = dial(ours.local_addr().unwrap(), None, None);
                // An unsigned one, and then one that is signed with another password.
                for password in [None, Some(&wrong)] {
                    let opened = tokio::time::timeout(short, connect(&dial, password)).await;
                    assert!(opened.is_err(), "{signer:?}: {opened:?}");
                    dial.guard = signed();
                }
                let (near, far) = pair(&dial, Some(&right), &ours).await;
                let (near, (far, from)) = (near.unwrap(), far.unwrap());
                guard(&far, from, &dial.guard, Some(&right)).unwrap();
                near.try_write(b"one").unwrap();
                assert_eq!(heard(&far).await, b"one");
                // Changed at one end, and in time at the other: what is sent meanwhile is sent again.
                set_password(&near, Signer::One(any), Some(&wrong)).unwrap();
                near.try_write(b"two").unwrap();
                let early = tokio::time::timeout(short, heard(&far)).await;
                assert!(early.is_err(), "{early:?}");
                set_password(&far, Signer::One(any), Some(&wrong)).unwrap();
                let long = std::time::Duration::from_secs(10);
                let again = tokio::time::timeout(long, heard(&far)).await;
                assert_eq!(again.unwrap(), b"two");
                // Without a key on the listening socket nobody has to sign.
                for _ in 0..2 {
                    set_password(&ours, signer, None).unwrap();
                }
                dial.guard = Guard::default();
                let opened = tokio::time::timeout(long, connect(&dial, None)).await;
                opened.unwrap().unwrap();
            }
        });
    }

    #[test]
    fn a_connection_that_came_before_the_key_has_to_sign_too() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let ours = tokio::net::TcpListener::from_std(listen(any).unwrap()).unwrap();
            let dial = dial(ours.local_addr().unwrap(), None, None);
            let (near, far) = pair(&dial, None, &ours).await;
            let (near, (far, from)) = (near.unwrap(), far.unwrap());
            guard(&far, from, &signed(), Some(&Secret::new("hidden"))).unwrap();
            near.try_write(b"unsigned").unwrap();
            let short = std::time::Duration::from_millis(300);
            let early = tokio::time::timeout(short, heard(&far)).await;
            assert!(early.is_err(), "{early:?}");
        });
    }

    #[test]
    fn a_connection_that_is_to_be_signed_is_not_opened_without_a_password() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let ours = tokio::net::TcpListener::from_std(listen(any).unwrap()).unwrap();
            let mut dial = dial(ours.local_addr().unwrap(), None, None);
            let (_near, far) = pair(&dial, None, &ours).await;
            let (far, from) = far.unwrap();
            assert!(guard(&far, from, &signed(), None).is_err());
            dial.guard = signed();
            assert!(connect(&dial, None).await.is_err());
        });
    }

    #[test]
    fn a_key_that_cannot_be_set_says_what_to_do() {
        let said = |errno: Errno| explained(io::Error::from_raw_os_error(errno as i32)).to_string();
        assert!(said(Errno::ENOPROTOOPT).contains("CONFIG_TCP_MD5SIG"));
        assert!(said(Errno::ENOMEM).contains("net.core.optmem_max"));
        assert!(said(Errno::EPERM).contains("not permitted"));
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
                let error = connect(&dial, None).await.unwrap_err();
                let lacking = nix::errno::Errno::ENODEV as i32;
                assert_eq!(error.raw_os_error(), Some(lacking));
                dial.guard = over("lo");
                let (near, far) = pair(&dial, None, &ours).await;
                let (near, (far, from)) = (near.unwrap(), far.unwrap());
                let unfit = Unfit::OtherDevice {
                    name: Some("lo".into()),
                };
                match guard(&far, from, &over("eth77"), None) {
                    Err(Refusal::Unfit(refused)) => assert_eq!(refused, unfit),
                    other => panic!("{other:?}"),
                }
                assert!(guard(&far, from, &over("lo"), None).is_ok());
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
