//! Reading what stands in the kernel: links, addresses, routes.

use std::io;
use std::time::{Duration, Instant};

use fib::{Dump, Route};
use nix::errno::Errno;
use nix::libc;

use crate::message;
use crate::netlink::{Answer, Message};
use crate::socket::{Received, RouteSocket};

/// A dump that makes no progress for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const BUFFER: usize = 4 << 20;

/// Reads everything that the plan needs, on a socket of its own: a dump that was given up would
/// disturb the next one on the same socket.
pub(crate) fn read(tables: &[u32]) -> io::Result<Dump> {
    let mut dump = Dump::default();
    let mut socket = open()?;
    all(&mut socket, libc::RTM_GETLINK, |link| {
        dump.links.extend(message::to_link(link));
    })?;
    all(&mut socket, libc::RTM_GETADDR, |address| {
        dump.addresses.extend(message::to_address(address));
    })?;
    routes(&mut socket, tables, |route| dump.routes.push(route))?;
    Ok(dump)
}

/// A socket for dumps.
pub(crate) fn open() -> io::Result<RouteSocket> {
    let socket = RouteSocket::open(BUFFER)?;
    socket.strict()?;
    Ok(socket)
}

/// The routes of these tables, IPv4 and then IPv6.
pub(crate) fn routes(
    socket: &mut RouteSocket,
    tables: &[u32],
    mut each: impl FnMut(Route),
) -> io::Result<()> {
    for family in [libc::AF_INET, libc::AF_INET6] {
        for table in tables {
            let sequence = socket.next_sequence();
            let mut octets = Vec::new();
            message::push_dump_of_routes(&mut octets, family as u8, *table, sequence);
            walk(socket, &octets, sequence, |answer| {
                // A kernel without strict checking ignores the filter.
                if answer.kind == libc::RTM_NEWROUTE
                    && let Some(route) =
                        message::to_route(answer).filter(|route| route.table == *table)
                {
                    each(route);
                }
            })?;
        }
    }
    Ok(())
}

/// Everything that a request of this kind, `RTM_GETLINK` or `RTM_GETADDR`, gives.
fn all(socket: &mut RouteSocket, request: u16, each: impl FnMut(&Message<'_>)) -> io::Result<()> {
    let sequence = socket.next_sequence();
    let mut octets = Vec::new();
    message::push_dump_of(&mut octets, request, sequence);
    walk(socket, &octets, sequence, each)
}

/// One dump request and all its answers.
fn walk(
    socket: &mut RouteSocket,
    request: &[u8],
    sequence: u32,
    mut each: impl FnMut(&Message<'_>),
) -> io::Result<()> {
    socket.send(request)?;
    let mut deadline = Instant::now() + PATIENCE;
    let mut end = None;
    while end.is_none() {
        if !socket.wait(deadline)? {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the kernel's answer does not end",
            ));
        }
        let received = socket.receive(|message| {
            if message.sequence != sequence {
                return;
            }
            match message.answer() {
                Answer::Content => each(&message),
                Answer::Done(code) | Answer::Code(code, _) => end = Some(code),
            }
        })?;
        match received {
            Received::Messages => deadline = Instant::now() + PATIENCE,
            Received::Nothing => {}
            Received::Lost => return Err(Errno::ENOBUFS.into()),
        }
    }
    match Errno::from_raw(end.unwrap_or_default()) {
        // A table in which nothing ever was does not exist.
        Errno::UnknownErrno | Errno::ENOENT => Ok(()),
        errno => Err(errno.into()),
    }
}
