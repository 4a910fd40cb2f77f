//! A netlink socket of the route family: buffers, time-outs, and messages out of datagrams.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::constants::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

/// Room for one datagram. The kernel's dumps use at most 32 KiB.
const DATAGRAM: usize = 128 * 1024;

/// What came out of one receive.
#[derive(Debug)]
pub(crate) enum Received {
    /// Its messages are in the buffer given.
    Messages,
    /// Nothing is there now.
    Nothing,
    /// The kernel dropped messages for lack of room (ENOBUFS), or one did not fit.
    Lost,
}

/// A bound socket and its receive buffer.
#[derive(Debug)]
pub(crate) struct RouteSocket {
    socket: Socket,
    /// Our address: marks the notifications that our own writes cause.
    port_id: u32,
    datagram: Vec<u8>,
    sequence: u32,
}

impl RouteSocket {
    /// Opens and binds, with buffers of at least this many octets where the system allows.
    pub(crate) fn open(buffer: usize) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        let port_id = socket.bind_auto()?.port_number();
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        grow_buffers(&socket, buffer)?;
        Ok(RouteSocket {
            socket,
            port_id,
            datagram: Vec::with_capacity(DATAGRAM),
            sequence: 0,
        })
    }

    pub(crate) fn port_id(&self) -> u32 {
        self.port_id
    }

    pub(crate) fn subscribe(&self, group: u32) -> io::Result<()> {
        self.socket.add_membership(group)
    }

    /// Refuse dump requests with filters that the kernel does not understand, instead of ignoring
    /// the filter.
    pub(crate) fn strict(&self) -> io::Result<()> {
        self.socket.set_netlink_get_strict_chk(true)
    }

    /// A sequence number not used before on this socket.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    /// Sends octets to the kernel.
    pub(crate) fn send(&self, octets: &[u8]) -> io::Result<()> {
        self.socket
            .send_to(octets, &SocketAddr::new(0, 0), 0)
            .map(|_| ())
    }

    /// Takes one datagram if there is one, and hands its messages to `each`. What cannot be decoded
    /// is left out: the kernel may be newer than our decoder.
    pub(crate) fn receive(
        &mut self,
        mut each: impl FnMut(NetlinkMessage<RouteNetlinkMessage>),
    ) -> io::Result<Received> {
        self.datagram.clear();
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        match self.socket.recv(&mut self.datagram, flags) {
            Ok(length) if length > self.datagram.len() => return Ok(Received::Lost),
            Ok(_) => {}
            Err(error) => {
                return match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EAGAIN | Errno::EINTR) => Ok(Received::Nothing),
                    Some(Errno::ENOBUFS) => Ok(Received::Lost),
                    Some(_) | None => Err(error),
                };
            }
        }
        let mut rest = self.datagram.as_slice();
        while let Some(length) = message_length(rest) {
            if let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&rest[..length])
            {
                each(message);
            }
            // Messages start at multiples of 4 (NLMSG_ALIGN).
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(Received::Messages)
    }

    /// Waits until something can be received, or the deadline. False at the deadline.
    pub(crate) fn wait(&self, deadline: Instant) -> io::Result<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let timeout = PollTimeout::try_from(left.max(Duration::from_millis(1)))
                .unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for RouteSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Lays a message with this header into `out`.
pub(crate) fn encode(out: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16, sequence: u32) {
    let mut message =
        NetlinkMessage::new(Default::default(), NetlinkPayload::InnerMessage(message));
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = out.len();
    out.resize(start + message.buffer_len().next_multiple_of(4), 0);
    message.serialize(&mut out[start..]);
}

/// The length of the first message of a datagram, if one is complete.
fn message_length(octets: &[u8]) -> Option<usize> {
    let length = u32::from_ne_bytes(octets.first_chunk().copied()?) as usize;
    (16..=octets.len()).contains(&length).then_some(length)
}

/// Beyond the system's limit where we may (CAP_NET_ADMIN), else up to it.
fn grow_buffers(socket: &Socket, octets: usize) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &octets).is_err() {
        setsockopt(socket, sockopt::RcvBuf, &octets)?;
    }
    if setsockopt(socket, sockopt::SndBufForce, &octets).is_err() {
        setsockopt(socket, sockopt::SndBuf, &octets)?;
    }
    Ok(())
}
