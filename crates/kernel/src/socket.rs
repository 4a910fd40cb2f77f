//! A netlink socket of the route family: buffers, time-outs, and messages out of datagrams.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_sys::constants::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{SockFilter, SockRef};

use crate::netlink::{self, Message};

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

    /// Has the kernel leave out route notifications that requests from this port cause: a datagram
    /// for each route that we write, and a thread woken for each, only to find that it is ours.
    pub(crate) fn ignore_routes_of(&self, port: u32) -> io::Result<()> {
        SockRef::from(&self.socket).attach_filter(&all_but_routes_of(port))
    }

    /// A sequence number not used before on this socket.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequences(1)
    }

    /// The first of so many sequence numbers in a row, not used before on this socket.
    pub(crate) fn sequences(&mut self, count: u32) -> u32 {
        // 0 is what notifications have.
        let last = self.sequence.checked_add(count).unwrap_or(count);
        self.sequence = last;
        last - count + 1
    }

    /// Sends octets to the kernel.
    pub(crate) fn send(&self, octets: &[u8]) -> io::Result<()> {
        self.socket
            .send_to(octets, &SocketAddr::new(0, 0), 0)
            .map(|_| ())
    }

    /// Takes one datagram if there is one, and hands its messages to `each`.
    pub(crate) fn receive(&mut self, each: impl FnMut(Message<'_>)) -> io::Result<Received> {
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
        netlink::messages(&self.datagram).for_each(each);
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

/// A socket filter (socket(7), SO_ATTACH_FILTER) that passes every datagram but one whose first
/// message is a route's and was caused by this port. Such datagrams hold one message.
fn all_but_routes_of(port: u32) -> [SockFilter; 7] {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const LOAD_SHORT: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // Filters read in network order what netlink writes in the host's.
    let kind = |kind: u16| u32::from(kind.to_be());
    [
        SockFilter::new(LOAD_NUMBER, 0, 0, 12),
        SockFilter::new(IF_EQUAL, 0, 3, port.to_be()),
        SockFilter::new(LOAD_SHORT, 0, 0, 4),
        SockFilter::new(IF_EQUAL, 2, 0, kind(libc::RTM_NEWROUTE)),
        SockFilter::new(IF_EQUAL, 1, 0, kind(libc::RTM_DELROUTE)),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
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

#[cfg(test)]
mod tests {
    use fib::Action;

    use super::*;
    use crate::testing::{blackhole_op, in_namespace};
    use crate::{message, writer};

    #[test]
    fn only_the_routes_of_the_port_named_are_left_out() {
        in_namespace(listen_to_two);
    }

    fn listen_to_two() {
        let open = || RouteSocket::open(1 << 20).unwrap();
        let (mut ours, mut theirs, mut heard) = (open(), open(), open());
        heard.subscribe(libc::RTNLGRP_IPV4_ROUTE).unwrap();
        heard.ignore_routes_of(ours.port_id()).unwrap();
        for action in [Action::Create, Action::Delete] {
            for (third, socket) in [(1, &mut ours), (2, &mut theirs)] {
                let op = blackhole_op(third, action);
                let results = writer::apply(socket, &mut Vec::new(), &[op]);
                assert_eq!(results, [(u64::from(third), Ok(()))]);
            }
        }
        // The kernel had said all that it says by the time it answered.
        let mut said = Vec::new();
        let mut note = |message: Message<'_>| {
            said.push((message.kind, message::to_route(&message).unwrap()));
        };
        while matches!(heard.receive(&mut note).unwrap(), Received::Messages) {}
        let theirs = blackhole_op(2, Action::Create).route;
        let all = [libc::RTM_NEWROUTE, libc::RTM_DELROUTE].map(|kind| (kind, theirs.clone()));
        assert_eq!(said, all);
    }
}
