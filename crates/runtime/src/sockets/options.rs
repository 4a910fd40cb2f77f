//! Socket options (FFI): those that no library has a safe call for. The only `unsafe` of this crate.
//!
//! Linux alone: ip(7), ipv6(7), tcp(7). Every option goes through [`set`] and [`get`], as octets, so that no structure of
//! the kernel's is laid out here but by hand.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc::{self, c_int, c_void, socklen_t};

/// TCP_MD5SIG_FLAG_PREFIX of linux/tcp.h, which libc has not: the length of the prefix counts.
const MD5_FLAG_PREFIX: u8 = 1;

/// Sets an option to these octets.
#[expect(unsafe_code, reason = "socket options (FFI)")]
fn set(socket: &impl AsFd, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    let descriptor = socket.as_fd().as_raw_fd();
    let length = socklen_t::try_from(value.len()).unwrap_or(socklen_t::MAX);
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads at most `length` octets of `value`.
    let done = unsafe {
        libc::setsockopt(
            descriptor,
            level,
            name,
            value.as_ptr().cast::<c_void>(),
            length,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads an option into `value`; the octets that the kernel wrote.
#[expect(unsafe_code, reason = "socket options (FFI)")]
fn get<'a>(
    socket: &impl AsFd,
    level: c_int,
    name: c_int,
    value: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut length = socklen_t::try_from(value.len()).unwrap_or(socklen_t::MAX);
    let room = value.as_mut_ptr().cast::<c_void>();
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length` octets to `value`.
    let done = unsafe { libc::getsockopt(descriptor, level, name, room, &raw mut length) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let written = usize::try_from(length).unwrap_or_default();
    Ok(&value[..written.min(value.len())])
}

fn set_number(socket: &impl AsFd, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    set(socket, level, name, &value.to_ne_bytes())
}

/// Has the kernel drop what comes with a smaller TTL or hop limit (IP_MINTTL, IPV6_MINHOPCOUNT; RFC 5082).
pub(crate) fn set_least_ttl(socket: &impl AsFd, is_ipv4: bool, ttl: u8) -> io::Result<()> {
    let (level, name) = match is_ipv4 {
        true => (libc::IPPROTO_IP, libc::IP_MINTTL),
        false => (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT),
    };
    set_number(socket, level, name, ttl.into())
}

/// Whose packets are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Those of this address.
    One(IpAddr),
    /// Those of this address and all that have so many bits with it in common. On listening sockets alone.
    All(IpAddr, u8),
}

impl Signer {
    pub(crate) fn is_ipv4(self) -> bool {
        match self {
            Signer::One(address) | Signer::All(address, _) => address.is_ipv4(),
        }
    }
}

/// Sets the key of whoever it is (TCP_MD5SIG, TCP_MD5SIG_EXT; tcp(7)); an empty one takes the key away.
pub(crate) fn set_md5_key(socket: &impl AsFd, signer: Signer, key: &[u8]) -> io::Result<()> {
    let (address, prefix_len, name) = match signer {
        Signer::One(address) => (address, None, libc::TCP_MD5SIG),
        Signer::All(address, len) => (address, Some(len), libc::TCP_MD5SIG_EXT),
    };
    let option = md5_option(address, prefix_len, key)?;
    set(socket, libc::IPPROTO_TCP, name, &option)
}

/// `struct tcp_md5sig` of linux/tcp.h: a sockaddr_storage of 128 octets; flags and prefix length, an octet each; the
/// length of the key, two; an interface, four; and room for the key.
fn md5_option(address: IpAddr, prefix_len: Option<u8>, key: &[u8]) -> io::Result<[u8; 216]> {
    const FLAGS: usize = 128;
    const LENGTH: usize = FLAGS + 2;
    const KEY: usize = LENGTH + 6;
    let mut option = [0; KEY + libc::TCP_MD5SIG_MAXKEYLEN];
    let family = match address {
        IpAddr::V4(v4) => {
            option[4..8].copy_from_slice(&v4.octets());
            libc::AF_INET
        }
        IpAddr::V6(v6) => {
            option[8..24].copy_from_slice(&v6.octets());
            libc::AF_INET6
        }
    };
    let family = libc::sa_family_t::try_from(family).map_err(io::Error::other)?;
    option[..2].copy_from_slice(&family.to_ne_bytes());
    if let Some(len) = prefix_len {
        option[FLAGS] = MD5_FLAG_PREFIX;
        option[FLAGS + 1] = len;
    }
    let room = option[KEY..]
        .get_mut(..key.len())
        .ok_or(io::ErrorKind::InvalidInput)?;
    room.copy_from_slice(key);
    let length = u16::try_from(key.len()).map_err(io::Error::other)?;
    option[LENGTH..LENGTH + 2].copy_from_slice(&length.to_ne_bytes());
    Ok(option)
}

/// How a connection that was accepted came here: what the kernel kept of the packet that ended the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Its TTL or hop limit.
    pub(crate) ttl: Option<u8>,
    /// The number of the interface that it came by; in a VRF, that of the VRF.
    pub(crate) interface: Option<u32>,
}

/// How an accepted connection came here.
pub(crate) fn arrival(socket: &impl AsFd, is_ipv4: bool) -> io::Result<Arrival> {
    let (level, options, wanted) = match is_ipv4 {
        true => (
            libc::IPPROTO_IP,
            libc::IP_PKTOPTIONS,
            [libc::IP_RECVTTL, libc::IP_PKTINFO],
        ),
        false => (
            libc::IPPROTO_IPV6,
            libc::IPV6_2292PKTOPTIONS,
            [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVPKTINFO],
        ),
    };
    for name in wanted {
        set_number(socket, level, name, 1)?;
    }
    let mut room = [0; 256];
    let arrival = get(socket, level, options, &mut room).map(|messages| read(messages, is_ipv4));
    // Asked once: nothing is to be kept of what follows.
    for name in wanted {
        set_number(socket, level, name, 0)?;
    }
    arrival
}

/// Reads control messages (cmsg(3)): a length of the word's size that counts the header too, level and kind, the value,
/// and what fills the last word up.
fn read(messages: &[u8], is_ipv4: bool) -> Arrival {
    const WORD: usize = size_of::<usize>();
    const HEAD: usize = WORD + 8;
    let number = |octets: &[u8]| Some(u32::from_ne_bytes(octets.get(..4)?.try_into().ok()?));
    let mut arrival = Arrival::default();
    let mut rest = messages;
    while let Some((head, _)) = rest.split_at_checked(HEAD) {
        let length = <[u8; WORD]>::try_from(&head[..WORD]).map_or(0, usize::from_ne_bytes);
        let Some(value) = rest.get(HEAD..length) else {
            break;
        };
        let kind = number(&head[WORD + 4..]).and_then(|kind| c_int::try_from(kind).ok());
        match (is_ipv4, kind) {
            (true, Some(libc::IP_TTL)) | (false, Some(libc::IPV6_HOPLIMIT)) => {
                arrival.ttl = number(value).and_then(|ttl| u8::try_from(ttl).ok());
            }
            (true, Some(libc::IP_PKTINFO)) => arrival.interface = number(value),
            // Behind the address.
            (false, Some(libc::IPV6_PKTINFO)) => {
                arrival.interface = value.get(16..).and_then(number);
            }
            (true | false, _) => {}
        }
        rest = rest
            .get(length.next_multiple_of(WORD)..)
            .unwrap_or_default();
    }
    arrival
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

    use super::*;

    fn pair(address: SocketAddr) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn an_accepted_connection_tells_how_it_came() {
        let loopback = nix::net::if_::if_nametoindex("lo").unwrap();
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
        for address in [v4, v6] {
            let (_near, far) = pair(address);
            let came = arrival(&far, address.is_ipv4()).unwrap();
            assert_eq!(came.ttl, Some(64), "{address}");
            assert_eq!(came.interface, Some(loopback), "{address}");
        }
    }

    #[test]
    fn the_least_ttl_is_what_was_set() {
        let read = |socket: &TcpStream, level, name| {
            let mut room = [0; 4];
            let octets = get(socket, level, name, &mut room).unwrap();
            c_int::from_ne_bytes(octets.try_into().unwrap())
        };
        let (near, _far) = pair(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        set_least_ttl(&near, true, 254).unwrap();
        assert_eq!(read(&near, libc::IPPROTO_IP, libc::IP_MINTTL), 254);
        let (near, _far) = pair(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
        set_least_ttl(&near, false, 255).unwrap();
        let least = read(&near, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT);
        assert_eq!(least, 255);
    }

    #[test]
    fn what_is_cut_short_is_not_read() {
        let mut message = 20_usize.to_ne_bytes().to_vec();
        message.extend(libc::IPPROTO_IP.to_ne_bytes());
        message.extend(libc::IP_TTL.to_ne_bytes());
        message.extend(7_u32.to_ne_bytes());
        assert_eq!(read(&message, true).ttl, Some(7));
        for length in 0..message.len() {
            assert_eq!(read(&message[..length], true), Arrival::default());
        }
        message[..8].copy_from_slice(&0_usize.to_ne_bytes());
        assert_eq!(read(&message, true), Arrival::default());
    }
}
