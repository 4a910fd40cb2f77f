//! Reading what stands in the kernel: links, addresses, routes.

use std::io;
use std::time::{Duration, Instant};

use fib::{Dump, Route};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkPayload};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use crate::interfaces;
use crate::message;
use crate::socket::{Received, RouteSocket, encode};

/// A dump that makes no progress for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);
const BUFFER: usize = 4 << 20;

/// Reads everything that the plan needs, on a socket of its own: a dump that was given up would
/// disturb the next one on the same socket.
pub(crate) fn read(tables: &[u32]) -> io::Result<Dump> {
    let (links, addresses) = interfaces::read()?;
    let mut dump = Dump {
        links,
        addresses,
        routes: Vec::new(),
    };
    let mut socket = open()?;
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
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        for table in tables {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            request.header.table = u8::try_from(*table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
            request.attributes = vec![RouteAttribute::Table(*table)];
            walk(socket, RouteNetlinkMessage::GetRoute(request), |answer| {
                if let RouteNetlinkMessage::NewRoute(route) = answer
                    // A kernel without strict checking ignores the filter.
                    && let Some(route) = message::to_route(&route).filter(|route| route.table == *table)
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
    request: RouteNetlinkMessage,
    mut each: impl FnMut(RouteNetlinkMessage),
) -> io::Result<()> {
    let sequence = socket.next_sequence();
    let mut octets = Vec::new();
    encode(&mut octets, request, NLM_F_REQUEST | NLM_F_DUMP, sequence);
    socket.send(&octets)?;
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
            if message.header.sequence_number != sequence {
                return;
            }
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => each(answer),
                NetlinkPayload::Done(done) => end = Some(done.code),
                NetlinkPayload::Error(error) => end = Some(error.raw_code()),
                NetlinkPayload::Noop | NetlinkPayload::Overrun(_) => {}
                _ => {}
            }
        })?;
        match received {
            Received::Messages => deadline = Instant::now() + PATIENCE,
            Received::Nothing => {}
            Received::Lost => return Err(Errno::ENOBUFS.into()),
        }
    }
    match Errno::from_raw(end.unwrap_or_default().abs()) {
        // A table in which nothing ever was does not exist.
        Errno::UnknownErrno | Errno::ENOENT => Ok(()),
        errno => Err(errno.into()),
    }
}
