//! Between rtnetlink messages and the values of `fib`.

use std::net::IpAddr;

use fib::{Action, Address, Hop, Link, Route, RouteKind, RouteOp};
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop,
    RouteNextHopFlags, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use wire::Prefix;

/// The message and the flags of an operation.
pub(crate) fn of_op(op: &RouteOp) -> (RouteNetlinkMessage, u16) {
    let asked = NLM_F_REQUEST | NLM_F_ACK;
    match op.action {
        // EXCL: IPv6 would otherwise merge our hops into a foreign route of the same metric, and
        // IPv4 put ours before it.
        Action::Create => (
            RouteNetlinkMessage::NewRoute(write(&op.route)),
            asked | NLM_F_CREATE | NLM_F_EXCL,
        ),
        Action::Replace => (
            RouteNetlinkMessage::NewRoute(write(&op.route)),
            asked | NLM_F_CREATE | NLM_F_REPLACE,
        ),
        Action::Delete => (
            RouteNetlinkMessage::DelRoute(key(&op.route, RouteScope::NoWhere)),
            asked,
        ),
    }
}

/// Prefix, table, metric and protocol. A delete without protocol or metric would match routes of
/// others; scope "nowhere" and type 0 match any of ours.
fn key(route: &Route, scope: RouteScope) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: match route.prefix {
            Prefix::V4(_) => AddressFamily::Inet,
            Prefix::V6(_) => AddressFamily::Inet6,
        },
        destination_prefix_length: route.prefix.prefix_len(),
        // Larger numbers stand in RTA_TABLE only.
        table: u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC),
        protocol: RouteProtocol::from(route.protocol),
        scope,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Destination(route.prefix.addr().into()),
        RouteAttribute::Table(route.table),
        RouteAttribute::Priority(route.metric),
    ];
    message
}

fn write(route: &Route) -> RouteMessage {
    let mut message = key(route, RouteScope::Universe);
    message.header.kind = match &route.kind {
        RouteKind::Unicast(_) => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Other(number) => RouteType::from(*number),
    };
    match route.kind.hops() {
        [] => {}
        [hop] => {
            if hop.onlink {
                message.header.flags = RouteFlags::Onlink;
            }
            message.attributes.push(RouteAttribute::Oif(hop.link));
            message.attributes.extend(gateway(&route.prefix, hop));
            if hop.gateway.is_none() {
                message.header.scope = RouteScope::Link;
            }
        }
        hops => {
            let hops = hops
                .iter()
                .map(|hop| next_hop(&route.prefix, hop))
                .collect();
            message.attributes.push(RouteAttribute::MultiPath(hops));
        }
    }
    message
}

/// `RTA_GATEWAY`, or `RTA_VIA` for an IPv6 gateway of an IPv4 route (RFC 8950).
fn gateway(prefix: &Prefix, hop: &Hop) -> Option<RouteAttribute> {
    let address = hop.gateway?;
    Some(if address.is_ipv4() == prefix.addr().is_ipv4() {
        RouteAttribute::Gateway(address.into())
    } else {
        RouteAttribute::Via(RouteVia::from(address))
    })
}

fn next_hop(prefix: &Prefix, hop: &Hop) -> RouteNextHop {
    let mut message = RouteNextHop::default();
    message.interface_index = hop.link;
    message.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    if hop.onlink {
        message.flags = RouteNextHopFlags::Onlink;
    }
    message.attributes = gateway(prefix, hop).into_iter().collect();
    message
}

/// A kernel route, if it is one that can matter: unicast families, no type of service, no source
/// prefix, not a cache entry.
pub(crate) fn to_route(message: &RouteMessage) -> Option<Route> {
    let RouteHeader {
        address_family,
        destination_prefix_length,
        source_prefix_length,
        tos,
        table,
        protocol,
        ..
    } = message.header;
    if tos != 0 || source_prefix_length != 0 || message.header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let mut address = match address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        AddressFamily::Inet6 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let mut route_table = u32::from(table);
    let mut metric = 0;
    let mut single = Hop {
        gateway: None,
        link: 0,
        weight: 1,
        onlink: message.header.flags.contains(RouteFlags::Onlink),
    };
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(destination) => address = ip_of(destination)?,
            RouteAttribute::Table(number) => route_table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Oif(link) => single.link = *link,
            RouteAttribute::MultiPath(list) => hops.extend(list.iter().map(to_hop)),
            other => single.gateway = gateway_of(other).or(single.gateway),
        }
    }
    if hops.is_empty() && single.link != 0 {
        hops.push(single);
    }
    hops.sort_unstable();
    let kind = match message.header.kind {
        RouteType::Unicast => RouteKind::Unicast(hops.into()),
        RouteType::BlackHole => RouteKind::Blackhole,
        other => RouteKind::Other(other.into()),
    };
    Some(Route {
        prefix: Prefix::new(address, destination_prefix_length)
            .ok()?
            .trunc(),
        table: route_table,
        metric,
        // Compared as a number: `Other(186)` and `Bgp` are the same protocol.
        protocol: u8::from(protocol),
        kind,
    })
}

fn to_hop(hop: &RouteNextHop) -> Hop {
    Hop {
        gateway: hop.attributes.iter().find_map(gateway_of),
        link: hop.interface_index,
        weight: u16::from(hop.hops) + 1,
        onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
    }
}

fn gateway_of(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => ip_of(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    }
}

/// The address in a route attribute, if it is an IP address.
pub(crate) fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

/// A link, unless the message is a bridge's view of its port: those say "gone" when a port leaves
/// the bridge.
pub(crate) fn to_link(message: &LinkMessage) -> Option<Link> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let name = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name.as_str()),
            _ => None,
        });
    Some(Link {
        index: message.header.index,
        name: name.unwrap_or_default().into(),
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
    })
}

/// An address of this host.
pub(crate) fn to_address(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut address = None;
    let mut flags = AddressFlags::empty();
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(bits) => flags = *bits,
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 often has no IFA_LOCAL.
    let on_link = Prefix::new(address?, message.header.prefix_len)
        .ok()?
        .trunc();
    Some(Address {
        link: message.header.index,
        local: local.or(address)?,
        subnet: (!flags.contains(AddressFlags::Noprefixroute)).then_some(on_link),
    })
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
            assert_eq!(to_route(&write(&route)).as_ref(), Some(&route));
        }
    }

    #[test]
    fn a_delete_names_protocol_metric_and_table() {
        let op = RouteOp {
            id: 1,
            action: Action::Delete,
            route: route("10.1.0.0/24", 254, [].into()),
        };
        let (RouteNetlinkMessage::DelRoute(message), flags) = of_op(&op) else {
            panic!("a delete")
        };
        assert_eq!(flags, NLM_F_REQUEST | NLM_F_ACK);
        assert_eq!(u8::from(message.header.protocol), 186);
        assert!(message.attributes.contains(&RouteAttribute::Priority(48)));
        assert!(message.attributes.contains(&RouteAttribute::Table(254)));
    }

    #[test]
    fn a_port_that_leaves_a_bridge_is_not_gone() {
        let mut message = LinkMessage::default();
        message.header.interface_family = AddressFamily::Bridge;
        assert_eq!(to_link(&message), None);
    }

    #[test]
    fn a_point_to_point_address_makes_the_other_end_reachable() {
        let mut message = AddressMessage::default();
        message.header.prefix_len = 32;
        message.header.index = 7;
        message.attributes = vec![
            AddressAttribute::Local("10.0.0.1".parse().unwrap()),
            AddressAttribute::Address("10.9.9.9".parse().unwrap()),
        ];
        let address = to_address(&message).unwrap();
        assert_eq!(address.local, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(address.subnet, Some("10.9.9.9/32".parse().unwrap()));
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        assert_eq!(to_address(&message).unwrap().subnet, None);
    }
}
