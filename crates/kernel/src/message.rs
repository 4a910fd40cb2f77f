//! Between messages of routes (rtnetlink(7)) and the values of `fib`.
//!
//! Written and read by hand because there are many: a library that knows every attribute there is
//! makes several allocations for each route.

use std::net::IpAddr;

use fib::{Action, Hop, Route, RouteKind, RouteOp};
use nix::libc;
use wire::Prefix;

use crate::netlink::{
    self, CREATE, EXCLUSIVE, Message, REPLACE, REQUEST, align, attributes, nest, number, push,
    push_attribute, put_length, short,
};

/// Octets of `struct rtmsg` and `struct rtnexthop`.
const ROUTE: usize = 12;
const NEXT_HOP: usize = 8;

/// `RTNH_F_ONLINK`, also among the flags of a route.
const ONLINK: u8 = 4;
const IPV4: u8 = libc::AF_INET as u8;
const IPV6: u8 = libc::AF_INET6 as u8;

/// Appends the message of an operation. Whether the kernel is to answer if it goes well is for
/// `also` to say; what goes wrong is answered anyhow.
pub(crate) fn push_op(out: &mut Vec<u8>, op: &RouteOp, also: u16, sequence: u32) {
    let asked = REQUEST | also;
    let (kind, flags, scope) = match op.action {
        // EXCL: IPv6 would otherwise merge our hops into a foreign route of the same metric, and
        // IPv4 put ours before it.
        Action::Create => (
            libc::RTM_NEWROUTE,
            asked | CREATE | EXCLUSIVE,
            scope(&op.route),
        ),
        Action::Replace => (
            libc::RTM_NEWROUTE,
            asked | CREATE | REPLACE,
            scope(&op.route),
        ),
        // Scope "nowhere" and type 0 match any of ours.
        Action::Delete => (libc::RTM_DELROUTE, asked, libc::RT_SCOPE_NOWHERE),
    };
    push(out, kind, flags, sequence, |out| {
        if op.action == Action::Delete {
            push_key(out, &op.route, scope, 0, 0);
            return;
        }
        let hops = op.route.kind.hops();
        let kind = match &op.route.kind {
            RouteKind::Unicast(_) => libc::RTN_UNICAST,
            RouteKind::Blackhole => libc::RTN_BLACKHOLE,
            RouteKind::Other(number) => *number,
        };
        let onlink = matches!(hops, [hop] if hop.onlink);
        push_key(out, &op.route, scope, kind, if onlink { ONLINK } else { 0 });
        match hops {
            [] => {}
            [hop] => {
                push_attribute(out, libc::RTA_OIF, &hop.link.to_ne_bytes());
                push_gateway(out, &op.route.prefix, hop);
            }
            hops => nest(out, libc::RTA_MULTIPATH, |out| {
                for hop in hops {
                    push_hop(out, &op.route.prefix, hop);
                }
            }),
        }
    });
}

fn scope(route: &Route) -> u8 {
    match route.kind.hops() {
        [hop] if hop.gateway.is_none() => libc::RT_SCOPE_LINK,
        _ => libc::RT_SCOPE_UNIVERSE,
    }
}

/// Prefix, table, metric and protocol. A delete without protocol or metric would match routes of
/// others.
fn push_key(out: &mut Vec<u8>, route: &Route, scope: u8, kind: u8, flags: u8) {
    let family = match route.prefix {
        Prefix::V4(_) => IPV4,
        Prefix::V6(_) => IPV6,
    };
    // Larger numbers stand in RTA_TABLE only.
    let table = u8::try_from(route.table).unwrap_or(libc::RT_TABLE_UNSPEC);
    let length = route.prefix.prefix_len();
    out.extend([family, length, 0, 0, table, route.protocol, scope, kind]);
    out.extend(u32::from(flags).to_ne_bytes());
    push_address(out, libc::RTA_DST, route.prefix.addr());
    push_attribute(out, libc::RTA_TABLE, &route.table.to_ne_bytes());
    push_attribute(out, libc::RTA_PRIORITY, &route.metric.to_ne_bytes());
}

fn push_address(out: &mut Vec<u8>, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => push_attribute(out, kind, &v4.octets()),
        IpAddr::V6(v6) => push_attribute(out, kind, &v6.octets()),
    }
}

/// `RTA_GATEWAY`, or `RTA_VIA` for an IPv6 gateway of an IPv4 route (RFC 8950).
fn push_gateway(out: &mut Vec<u8>, prefix: &Prefix, hop: &Hop) {
    let Some(address) = hop.gateway else {
        return;
    };
    if address.is_ipv4() == prefix.addr().is_ipv4() {
        push_address(out, libc::RTA_GATEWAY, address);
        return;
    }
    nest(out, libc::RTA_VIA, |out| match address {
        IpAddr::V4(v4) => {
            out.extend(u16::from(IPV4).to_ne_bytes());
            out.extend(v4.octets());
        }
        IpAddr::V6(v6) => {
            out.extend(u16::from(IPV6).to_ne_bytes());
            out.extend(v6.octets());
        }
    });
}

/// A hop among others: `struct rtnexthop` and its gateway.
fn push_hop(out: &mut Vec<u8>, prefix: &Prefix, hop: &Hop) {
    let start = out.len();
    let flags = if hop.onlink { ONLINK } else { 0 };
    let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    out.extend([0, 0, flags, weight]);
    out.extend(hop.link.to_ne_bytes());
    push_gateway(out, prefix, hop);
    put_length(out, start);
}

/// Appends a request for every route of a table.
pub(crate) fn push_dump_of_routes(out: &mut Vec<u8>, family: u8, table: u32, sequence: u32) {
    let flags = REQUEST | netlink::DUMP;
    push(out, libc::RTM_GETROUTE, flags, sequence, |out| {
        let mut header = [0; ROUTE];
        header[0] = family;
        header[4] = u8::try_from(table).unwrap_or(libc::RT_TABLE_UNSPEC);
        out.extend(header);
        push_attribute(out, libc::RTA_TABLE, &table.to_ne_bytes());
    });
}

/// Appends the question for the route to an address.
pub(crate) fn push_query(out: &mut Vec<u8>, destination: IpAddr, sequence: u32) {
    push(out, libc::RTM_GETROUTE, REQUEST, sequence, |out| {
        let mut header = [0; ROUTE];
        [header[0], header[1]] = match destination {
            IpAddr::V4(_) => [IPV4, 32],
            IpAddr::V6(_) => [IPV6, 128],
        };
        out.extend(header);
        push_address(out, libc::RTA_DST, destination);
    });
}

/// Appends a request to delete nothing: no family, no prefix.
pub(crate) fn push_deletion_of_nothing(out: &mut Vec<u8>, sequence: u32) {
    let flags = REQUEST | netlink::ACK;
    push(out, libc::RTM_DELROUTE, flags, sequence, |out| {
        out.extend([0; ROUTE]);
    });
}

/// The source address in the answer to [`push_query`].
pub(crate) fn source_of(message: &Message<'_>) -> Option<IpAddr> {
    let attributes = attributes(message.body.get(ROUTE..)?);
    let mut sources = attributes.filter(|(kind, _)| *kind == libc::RTA_PREFSRC);
    ip(sources.next()?.1)
}

/// A kernel route, if it is one that can matter: unicast families, no type of service, no source
/// prefix, not a cache entry.
pub(crate) fn to_route(message: &Message<'_>) -> Option<Route> {
    let (header, rest) = message.body.split_first_chunk::<ROUTE>()?;
    let [
        family,
        length,
        source_length,
        tos,
        table,
        protocol,
        _scope,
        kind,
        ..,
    ] = *header;
    let flags = number(header, 8)?;
    if tos != 0 || source_length != 0 || flags & libc::RTM_F_CLONED != 0 {
        return None;
    }
    let mut address = match family {
        IPV4 => IpAddr::from([0; 4]),
        IPV6 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let mut table = u32::from(table);
    let mut metric = 0;
    let mut single = Hop {
        gateway: None,
        link: 0,
        weight: 1,
        onlink: flags & u32::from(ONLINK) != 0,
    };
    let mut hops = Vec::new();
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => address = ip(value)?,
            libc::RTA_TABLE => table = number(value, 0)?,
            libc::RTA_PRIORITY => metric = number(value, 0)?,
            libc::RTA_OIF => single.link = number(value, 0)?,
            libc::RTA_MULTIPATH => read_hops(value, &mut hops)?,
            _ => single.gateway = gateway(kind, value).or(single.gateway),
        }
    }
    if hops.is_empty() && single.link != 0 {
        hops.push(single);
    }
    hops.sort_unstable();
    let kind = match kind {
        libc::RTN_UNICAST => RouteKind::Unicast(hops.into()),
        libc::RTN_BLACKHOLE => RouteKind::Blackhole,
        other => RouteKind::Other(other),
    };
    Some(Route {
        prefix: Prefix::new(address, length).ok()?.trunc(),
        table,
        metric,
        protocol,
        kind,
    })
}

fn read_hops(mut rest: &[u8], hops: &mut Vec<Hop>) -> Option<()> {
    while !rest.is_empty() {
        let length = usize::from(short(rest, 0)?);
        let (flags, weight) = (*rest.get(2)?, *rest.get(3)?);
        let mut inner = attributes(rest.get(NEXT_HOP..length)?);
        hops.push(Hop {
            gateway: inner.find_map(|(kind, value)| gateway(kind, value)),
            link: number(rest, 4)?,
            weight: u16::from(weight) + 1,
            onlink: flags & ONLINK != 0,
        });
        rest = rest.get(align(length)..).unwrap_or_default();
    }
    Some(())
}

fn gateway(kind: u16, value: &[u8]) -> Option<IpAddr> {
    match kind {
        libc::RTA_GATEWAY => ip(value),
        // The family stands before the address, whose length says the same.
        libc::RTA_VIA => ip(value.get(2..)?),
        _ => None,
    }
}

/// An IP address of either family.
fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = || Some(IpAddr::from(<[u8; 4]>::try_from(octets).ok()?));
    let v6 = || Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?));
    v4().or_else(v6)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn hop(gateway: &str, link: u32, weight: u16) -> Hop {
        Hop {
            gateway: Some(gateway.parse().unwrap()),
            link,
            weight,
            onlink: false,
        }
    }

    fn route(prefix: &str, table: u32, hops: Arc<[Hop]>) -> Route {
        Route {
            prefix: prefix.parse().unwrap(),
            table,
            metric: 48,
            protocol: 186,
            kind: RouteKind::Unicast(hops),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let routes = [
            route("10.1.0.0/24", 254, [hop("10.0.0.2", 3, 1)].into()),
            route(
                "10.1.0.0/24",
                70_000,
                [hop("10.0.0.2", 3, 1), hop("10.0.0.3", 3, 256)].into(),
            ),
            route(
                "0.0.0.0/0",
                254,
                [Hop {
                    onlink: true,
                    ..hop("10.0.0.2", 3, 1)
                }]
                .into(),
            ),
            route(
                "fd01::/64",
                254,
                [hop("fd00::2", 3, 1), hop("fd00::3", 4, 2)].into(),
            ),
            // RFC 8950: alone and among IPv4 hops.
            route("10.2.0.0/24", 254, [hop("fe80::2", 3, 1)].into()),
            route(
                "10.2.0.0/24",
                254,
                [hop("10.0.0.2", 3, 1), hop("fe80::2", 3, 1)].into(),
            ),
            Route {
                kind: RouteKind::Blackhole,
                ..route("10.3.0.0/24", 254, [].into())
            },
        ];
        for route in routes {
            let octets = message_of(Action::Create, &route);
            let message = netlink::messages(&octets).next().unwrap();
            assert_eq!(to_route(&message).as_ref(), Some(&route));
            // However it is cut off, it is read as something else or not at all; less padding is the
            // same.
            for length in 0..message.body.len() {
                let body = &message.body[..length];
                let cut = to_route(&Message { body, ..message });
                assert!(cut.as_ref() != Some(&route) || length % 4 != 0, "{length}");
            }
        }
    }

    fn message_of(action: Action, route: &Route) -> Vec<u8> {
        let route = route.clone();
        let id = 1;
        let mut octets = Vec::new();
        push_op(&mut octets, &RouteOp { id, action, route }, netlink::ACK, 9);
        octets
    }

    #[test]
    fn a_delete_names_protocol_metric_and_table() {
        let octets = message_of(Action::Delete, &route("10.1.0.0/24", 254, [].into()));
        let message = netlink::messages(&octets).next().unwrap();
        assert_eq!(message.kind, libc::RTM_DELROUTE);
        assert_eq!(short(&octets, 6), Some(REQUEST | netlink::ACK));
        let header = [IPV4, 24, 0, 0, 254, 186, libc::RT_SCOPE_NOWHERE, 0];
        assert_eq!(message.body[..8], header);
        let found: Vec<_> = attributes(&message.body[ROUTE..]).collect();
        let (metric, table) = (48u32.to_ne_bytes(), 254u32.to_ne_bytes());
        assert!(found.contains(&(libc::RTA_PRIORITY, &metric)));
        assert!(found.contains(&(libc::RTA_TABLE, &table)));
    }

    #[test]
    fn only_a_create_spares_what_stands_there() {
        let flags = |action| {
            let octets = message_of(action, &route("10.1.0.0/24", 254, [].into()));
            short(&octets, 6).unwrap() & !(REQUEST | netlink::ACK)
        };
        assert_eq!(flags(Action::Create), CREATE | EXCLUSIVE);
        assert_eq!(flags(Action::Replace), CREATE | REPLACE);
    }
}
