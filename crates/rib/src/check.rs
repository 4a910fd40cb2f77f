//! What is asked of a received route before it may be used: loops, the first AS, the next hop.
//!
//! One check per UPDATE, on attributes that the decoder has already found well-formed. A route that fails is refused,
//! and with it its predecessor goes; the session stays up (RFC 7606 asks for no more, and RFC 4271 6.3 lets a route
//! with a bad next hop be ignored). Nothing here keeps state, and prefixes are policy's affair.
//!
//! Left out, because it takes knowledge of interfaces: that the next hop of a directly connected eBGP peer lies on the
//! subnet of the session (RFC 4271 6.3). The kernel's resolution refuses what is not on-link when it comes to routes.
//!
//! RFC 4271 5.1.3, 6.3, 9.1.2; RFC 4456 8; RFC 2545 3.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::{Asn, AttrView, NextHop};

use crate::as_path;
use crate::ids::{RejectReason, SourceInfo, SourceKind};
use crate::role;

/// Who we are, as the loop checks ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalIdentity<'a> {
    /// Our AS. A session may have another one of its own, which is checked too.
    pub local_as: Asn,
    /// Our BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Our cluster id; equal to the router id where none is configured (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// Cluster ids that we have toward single peers, beside that one.
    pub cluster_ids: &'a [Ipv4Addr],
}

/// Decides whether the routes of an UPDATE with these attributes and this next hop may be used.
///
/// # Errors
/// The first reason that speaks against them.
pub fn check(
    source: &SourceInfo,
    local: &LocalIdentity<'_>,
    attrs: AttrView<'_>,
    next_hop: &NextHop,
) -> Result<(), RejectReason> {
    if source.kind.is_local() {
        return Ok(());
    }
    check_loops(source, local, attrs)?;
    check_first_as(source, attrs)?;
    role::check(source, attrs)?;
    check_next_hop(source, next_hop)
}

/// RFC 4271 9.1.2 (AS loop, from peers of either kind); RFC 4456 8 (ORIGINATOR_ID, CLUSTER_LIST).
fn check_loops(
    source: &SourceInfo,
    local: &LocalIdentity<'_>,
    attrs: AttrView<'_>,
) -> Result<(), RejectReason> {
    let own = [source.local_as, local.local_as];
    let found = as_path::occurrences(attrs.as_path(), own);
    if found > usize::from(source.own_as_allowed) {
        return Err(RejectReason::AsLoop);
    }
    if attrs.originator_id() == Some(local.router_id) {
        return Err(RejectReason::OwnOriginator);
    }
    let is_ours = |id| id == local.cluster_id || local.cluster_ids.contains(&id);
    if attrs.cluster_list().any(is_ours) {
        return Err(RejectReason::ClusterLoop);
    }
    Ok(())
}

/// RFC 4271 6.3: the leftmost AS of a path from another AS is that AS. A route server is exempt (RFC 7947 2.2.2).
fn check_first_as(source: &SourceInfo, attrs: AttrView<'_>) -> Result<(), RejectReason> {
    let asked = source.kind == SourceKind::Ebgp && source.enforce_first_as;
    if asked && attrs.as_path().first() != Some(source.remote_as) {
        return Err(RejectReason::FirstAs);
    }
    Ok(())
}

/// RFC 4271 6.3 and 5.1.3: the next hop is a host's address and not one of ours.
fn check_next_hop(source: &SourceInfo, next_hop: &NextHop) -> Result<(), RejectReason> {
    let address = next_hop.addr();
    // Not the link-local one beside a global one: that of another link of ours may be the same (RFC 4007 4).
    if source.own_addresses.contains(&address) {
        return Err(RejectReason::OwnNextHop);
    }
    // A session over loopback is one inside this host, where loopback addresses do lead to the peer.
    if address.is_loopback() && source.address.is_loopback() {
        return Ok(());
    }
    match address {
        IpAddr::V4(address) if is_martian_v4(address) => Err(RejectReason::NextHopMartian),
        IpAddr::V6(address) if is_martian_v6(address) => Err(RejectReason::NextHopMartian),
        // RFC 2545 3: the global address is there in every case; without it the interface would have to be known.
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            Err(RejectReason::NextHopLinkLocal)
        }
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(()),
    }
}

/// 0/8, 127/8, 224/4, 240/4. Not 169.254/16, which clouds use for the links to their routers.
fn is_martian_v4(address: Ipv4Addr) -> bool {
    matches!(address.octets()[0], 0 | 127 | 224..)
}

/// ::, ::1, ::ffff:0:0/96 (an IPv4 address in disguise), ff00::/8.
fn is_martian_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {

    use super::*;
    use wire::{AttrBuilder, Origin};

    const LOCAL: LocalIdentity<'static> = LocalIdentity {
        local_as: Asn(64512),
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        cluster_id: Ipv4Addr::new(1, 1, 1, 1),
        cluster_ids: &[OTHER_CLUSTER],
    };

    /// A cluster id that we have toward some peer.
    const OTHER_CLUSTER: Ipv4Addr = Ipv4Addr::new(3, 3, 3, 3);

    fn source(kind: SourceKind, remote_as: u32) -> SourceInfo {
        SourceInfo {
            kind,
            remote_as: Asn(remote_as),
            local_as: Asn(64512),
            router_id: Ipv4Addr::new(10, 0, 0, 2),
            address: IpAddr::from([10, 0, 0, 2]),
            own_addresses: vec![
                IpAddr::from([10, 0, 0, 1]),
                "2001:db8::1".parse().unwrap(),
                "fe80::1".parse().unwrap(),
            ],
            role: None,
            paths: None,
            enforce_first_as: true,
            own_as_allowed: 0,
            cluster: crate::Cluster::own(Ipv4Addr::new(1, 1, 1, 1)),
            is_meshed: false,
        }
    }

    fn attrs(path: &[u32]) -> AttrBuilder {
        let path: Vec<Asn> = path.iter().copied().map(Asn).collect();
        let mut attrs = AttrBuilder::new();
        attrs.set_origin(Origin::Igp).set_as_path(&path);
        attrs
    }

    fn hop(text: &str) -> NextHop {
        NextHop::from(text.parse::<IpAddr>().unwrap())
    }

    fn ask(source: &SourceInfo, attrs: &AttrBuilder, next_hop: &str) -> Result<(), RejectReason> {
        check(source, &LOCAL, attrs.view(), &hop(next_hop))
    }

    const ALL: [SourceKind; 3] = [
        SourceKind::Ebgp,
        SourceKind::IbgpClient,
        SourceKind::IbgpNonClient,
    ];

    #[test]
    fn good_routes_pass() {
        let ebgp = source(SourceKind::Ebgp, 64513);
        assert_eq!(ask(&ebgp, &attrs(&[64513, 1]), "10.0.0.2"), Ok(()));
        assert_eq!(ask(&ebgp, &attrs(&[64513]), "2001:db8::2"), Ok(()));
        let ibgp = source(SourceKind::IbgpClient, 64512);
        assert_eq!(ask(&ibgp, &attrs(&[]), "10.0.0.2"), Ok(()));
        assert_eq!(ask(&ibgp, &attrs(&[3, 4]), "192.0.2.1"), Ok(()));
    }

    #[test]
    fn our_as_in_the_path_is_a_loop_from_every_kind_of_peer() {
        for kind in ALL {
            let source = source(kind, 64513);
            let looped = attrs(&[64513, 7, 64512]);
            assert_eq!(ask(&source, &looped, "10.0.0.2"), Err(RejectReason::AsLoop));
        }
    }

    #[test]
    fn the_as_of_the_session_and_our_own_both_count() {
        let mut source = source(SourceKind::Ebgp, 64513);
        source.local_as = Asn(65001);
        for own in [65001, 64512] {
            let looped = attrs(&[64513, own]);
            assert_eq!(ask(&source, &looped, "10.0.0.2"), Err(RejectReason::AsLoop));
        }
    }

    #[test]
    fn our_as_may_be_allowed_so_often() {
        for kind in ALL {
            let mut source = source(kind, 64513);
            source.own_as_allowed = 2;
            let looped = attrs(&[64513, 64512, 7, 64512]);
            assert_eq!(ask(&source, &looped, "10.0.0.2"), Ok(()));
            source.own_as_allowed = 1;
            assert_eq!(ask(&source, &looped, "10.0.0.2"), Err(RejectReason::AsLoop));
        }
    }

    #[test]
    fn our_as_inside_a_set_is_a_loop_too() {
        let mut looped = attrs(&[]);
        // One sequence of 64513, then a set of 7 and 64512.
        let path = [2, 1, 0, 0, 0xfc, 0x01, 1, 2, 0, 0, 0, 7, 0, 0, 0xfc, 0x00];
        looped.set_as_path_raw(&path);
        let source = source(SourceKind::Ebgp, 64513);
        assert_eq!(ask(&source, &looped, "10.0.0.2"), Err(RejectReason::AsLoop));
    }

    #[test]
    fn what_we_originated_or_reflected_does_not_come_back() {
        let ibgp = source(SourceKind::IbgpNonClient, 64512);
        let mut back = attrs(&[]);
        back.set_originator_id(LOCAL.router_id);
        assert_eq!(
            ask(&ibgp, &back, "10.0.0.2"),
            Err(RejectReason::OwnOriginator)
        );
        let mut looped = attrs(&[]);
        looped
            .set_originator_id(Ipv4Addr::new(10, 0, 0, 9))
            .set_cluster_list(&[Ipv4Addr::new(2, 2, 2, 2), LOCAL.cluster_id]);
        assert_eq!(
            ask(&ibgp, &looped, "10.0.0.2"),
            Err(RejectReason::ClusterLoop)
        );
        looped.set_cluster_list(&[OTHER_CLUSTER]);
        assert_eq!(
            ask(&ibgp, &looped, "10.0.0.2"),
            Err(RejectReason::ClusterLoop)
        );
        looped.set_cluster_list(&[Ipv4Addr::new(2, 2, 2, 2)]);
        assert_eq!(ask(&ibgp, &looped, "10.0.0.2"), Ok(()));
    }

    #[test]
    fn the_first_as_is_the_peers_unless_it_is_a_route_server() {
        let mut ebgp = source(SourceKind::Ebgp, 64513);
        for path in [&[64514, 64513][..], &[]] {
            assert_eq!(
                ask(&ebgp, &attrs(path), "10.0.0.2"),
                Err(RejectReason::FirstAs)
            );
        }
        ebgp.enforce_first_as = false;
        assert_eq!(ask(&ebgp, &attrs(&[64514]), "10.0.0.2"), Ok(()));
        let ibgp = source(SourceKind::IbgpNonClient, 64512);
        assert_eq!(ask(&ibgp, &attrs(&[64514]), "10.0.0.2"), Ok(()));
    }

    #[test]
    fn our_own_address_is_no_next_hop() {
        for kind in ALL {
            let source = source(kind, 64513);
            for own in ["10.0.0.1", "2001:db8::1"] {
                assert_eq!(
                    ask(&source, &attrs(&[64513]), own),
                    Err(RejectReason::OwnNextHop)
                );
            }
            let both = NextHop::V6 {
                global: "2001:db8::7".parse().unwrap(),
                link_local: Some("fe80::1".parse().unwrap()),
            };
            let verdict = check(&source, &LOCAL, attrs(&[64513]).view(), &both);
            assert_eq!(verdict, Ok(()), "of another link of ours, perhaps");
        }
    }

    #[test]
    fn next_hops_are_addresses_of_hosts() {
        let source = source(SourceKind::Ebgp, 64513);
        let ask = |next_hop| ask(&source, &attrs(&[64513]), next_hop);
        for martian in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.5",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.2",
            "ff02::1",
        ] {
            assert_eq!(ask(martian), Err(RejectReason::NextHopMartian), "{martian}");
        }
        assert_eq!(ask("fe80::2"), Err(RejectReason::NextHopLinkLocal));
        for good in ["169.254.1.1", "100.64.0.1", "223.255.255.254", "fd00::1"] {
            assert_eq!(ask(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn loopback_is_a_next_hop_only_inside_this_host() {
        let mut source = source(SourceKind::IbgpClient, 64512);
        source.address = IpAddr::from([127, 0, 0, 2]);
        assert_eq!(ask(&source, &attrs(&[]), "127.0.0.2"), Ok(()));
        source.own_addresses.push(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(
            ask(&source, &attrs(&[]), "127.0.0.1"),
            Err(RejectReason::OwnNextHop)
        );
    }

    #[test]
    fn our_own_routes_are_not_checked() {
        for kind in [SourceKind::Local, SourceKind::Api] {
            let source = source(kind, 64512);
            assert_eq!(ask(&source, &attrs(&[64512]), "0.0.0.0"), Ok(()));
        }
    }
}
