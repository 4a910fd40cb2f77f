//! Reading what stands in the kernel: links and addresses by [`crate::interfaces`], routes here.

use std::io;
use std::time::{Duration, Instant};

use fib::{Dump, Route};
use nix::errno::Errno;
use nix::libc;

use crate::interfaces;
use crate::message;
use crate::netlink::{Answer, Message};
use crate::socket::{Received, RouteSocket};

/// A dump that makes no progress for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const BUFFER: usize = 4 << 20;

/// Reads everything that the plan needs, on sockets of its own: a dump that was given up would
/// disturb the next one on the same socket.
pub(crate) fn read(tables: &[u32]) -> io::Result<Dump> {
    let (links, addresses) = interfaces::read()?;
    let mut routes = Vec::new();
    self::routes(&mut open()?, tables, |route| routes.push(route))?;
    Ok(Dump {
        links,
        addresses,
        routes,
    })
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
    match end.unwrap_or_default() {
        // A table in which nothing ever was does not exist.
        0 | libc::ENOENT => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
