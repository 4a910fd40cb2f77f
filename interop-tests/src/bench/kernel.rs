//! The kernel's routes: who says which were added, and the least that adding them costs.
//!
//! Owns: a listener to route notifications, and a loop that adds routes as fast as rtnetlink
//! takes them, a hundred a send: the floor for every daemon.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::{LabError, Result};

const NEW_ROUTE: u16 = 24;
const DEL_ROUTE: u16 = 25;
const ERROR: u16 = 2;
/// REQUEST, REPLACE and CREATE.
const FLAGS: u16 = 0x0001 | 0x0100 | 0x0400;
const ACKNOWLEDGE: u16 = 0x0004;
const IPV4_ROUTES: u32 = 7;
const DESTINATION: u16 = 1;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const BATCH: usize = 100;
const MESSAGE_HEAD: usize = 16;
const ROUTE_HEAD: usize = 12;
const BUFFER: usize = 8 * 1024 * 1024;

/// Listens to what becomes of IPv4 routes of 24 bits from a first one on.
pub(super) struct Monitor {
    socket: Socket,
    first: u32,
    there: Vec<bool>,
    count: usize,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Listens in the namespace of this thread.
    pub(super) fn new(first: Ipv4Addr, routes: usize) -> Result<Monitor> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_rx_buf_sz(BUFFER)?;
        socket.add_membership(IPV4_ROUTES)?;
        socket.set_non_blocking(true)?;
        Ok(Monitor {
            socket,
            first: u32::from(first),
            there: vec![false; routes],
            count: 0,
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Reads what was said since the last time, and returns how many routes are there.
    pub(super) fn count(&mut self) -> Result<usize> {
        loop {
            let length = match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(LabError::from(error).during("listening to routes")),
            };
            for (kind, body) in messages(&self.buffer[..length]) {
                let Some(route) = route_of(body) else {
                    continue;
                };
                let index = (u32::from(route).wrapping_sub(self.first) >> 8) as usize;
                if let (NEW_ROUTE | DEL_ROUTE, Some(there)) = (kind, self.there.get_mut(index)) {
                    self.count -= usize::from(*there);
                    *there = kind == NEW_ROUTE;
                    self.count += usize::from(*there);
                }
            }
        }
        Ok(self.count)
    }
}

/// The messages of a datagram: type and body.
fn messages(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*octets.first_chunk::<4>()?) as usize;
        let kind = u16::from_ne_bytes(octets.get(4..6)?.try_into().ok()?);
        let body = octets.get(MESSAGE_HEAD..length)?;
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The destination of a route message, if it is an IPv4 prefix of 24 bits.
fn route_of(body: &[u8]) -> Option<Ipv4Addr> {
    if body.first_chunk::<2>()? != &[2, 24] {
        return None;
    }
    let mut attributes = body.get(ROUTE_HEAD..)?;
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(0..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        if kind == DESTINATION {
            return Some(Ipv4Addr::from(*attributes.get(4..)?.first_chunk::<4>()?));
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// Which requests of a send the kernel answers although it did what they ask. What it refuses it
/// answers anyhow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledge {
    Each,
    Last,
}

/// Adds routes to these destinations through these gateways, in the namespace of this thread, and
/// returns how long it took and what it cost.
pub(super) fn add_routes(
    routes: &[(Ipv4Addr, Ipv4Addr)],
    acknowledge: Acknowledge,
) -> Result<(Duration, Duration)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_rx_buf_sz(BUFFER)?;
    // An acknowledgement need not repeat what it acknowledges.
    socket.set_cap_ack(true)?;
    let mut answer = vec![0; 64 * 1024];
    let (started, before) = (Instant::now(), thread_cpu()?);
    let mut send = Vec::with_capacity(BATCH * 64);
    for batch in routes.chunks(BATCH) {
        send.clear();
        for (index, (destination, gateway)) in batch.iter().enumerate() {
            let asks = acknowledge == Acknowledge::Each || index + 1 == batch.len();
            let flags = if asks { FLAGS | ACKNOWLEDGE } else { FLAGS };
            push_route(&mut send, flags, index as u32, *destination, *gateway);
        }
        socket.send(&send, 0)?;
        let mut left = match acknowledge {
            Acknowledge::Each => batch.len(),
            Acknowledge::Last => 1,
        };
        while left > 0 {
            let length = socket.recv(&mut &mut answer[..], 0)?;
            for (kind, body) in messages(&answer[..length]) {
                let code = body
                    .first_chunk::<4>()
                    .map(|code| i32::from_ne_bytes(*code));
                if kind != ERROR || code != Some(0) {
                    return Err(LabError::new(format!(
                        "the kernel answered {kind}: {code:?}"
                    )));
                }
                left -= 1;
            }
        }
    }
    Ok((started.elapsed(), thread_cpu()? - before))
}

fn push_route(
    out: &mut Vec<u8>,
    flags: u16,
    sequence: u32,
    destination: Ipv4Addr,
    gateway: Ipv4Addr,
) {
    let at = out.len();
    out.extend([0; 4]);
    out.extend(NEW_ROUTE.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    // AF_INET, /24, no source, no TOS, table main, protocol 200, scope universe, unicast.
    out.extend([2, 24, 0, 0, 254, 200, 0, 1, 0, 0, 0, 0]);
    let attributes = [
        (DESTINATION, destination.octets()),
        (GATEWAY, gateway.octets()),
        (PRIORITY, 48u32.to_ne_bytes()),
    ];
    for (kind, value) in attributes {
        out.extend(8u16.to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(value);
    }
    let length = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&length.to_ne_bytes());
}

fn thread_cpu() -> Result<Duration> {
    let used = getrusage(UsageWho::RUSAGE_THREAD)?;
    let micros = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_message_is_read_back() {
        let mut octets = Vec::new();
        let destination = Ipv4Addr::new(20, 1, 2, 0);
        push_route(
            &mut octets,
            FLAGS,
            1,
            destination,
            Ipv4Addr::new(10, 9, 1, 1),
        );
        push_route(
            &mut octets,
            FLAGS,
            2,
            destination,
            Ipv4Addr::new(10, 9, 1, 1),
        );
        let read: Vec<_> = messages(&octets).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].0, NEW_ROUTE);
        assert_eq!(route_of(read[1].1), Some(destination));
    }
}
