//! Two speakers, one session.

use std::net::IpAddr;

use interop_tests::Result;
use interop_tests::daemon::{Announcement, Daemon, Kind, Spec, can_run, wait_no_route, wait_route};
use interop_tests::lab::Lab;

use crate::stage;

/// Who opens the TCP connection.
#[derive(Clone, Copy, PartialEq)]
enum Opener {
    Subject,
    Peer,
}

/// What stands between the two speakers.
#[derive(Clone, Copy, PartialEq)]
enum Relation {
    External,
    Internal,
}

/// What the session runs over. Over IPv4 it carries both families, over IPv6 its own.
#[derive(Clone, Copy, PartialEq)]
enum Transport {
    V4,
    V6,
}

fn exchange(
    subject: Kind,
    peer: Kind,
    relation: Relation,
    opener: Opener,
    transport: Transport,
) -> Result<()> {
    if !can_run(&[subject, peer]) {
        return Ok(());
    }
    let lab = Lab::new("exchange")?;
    let lan = lab.lan("lan")?;
    let peer_as = if relation == Relation::External {
        65002
    } else {
        65001
    };
    let (mut one, mut two) = (Spec::new(65001, 1), Spec::new(peer_as, 2));
    let (mut to_one, mut to_two) = match transport {
        Transport::V4 => (one.as_neighbor(), two.as_neighbor()),
        Transport::V6 => (one.as_neighbor_over_v6(), two.as_neighbor_over_v6()),
    };
    to_one.passive = opener == Opener::Subject;
    to_two.passive = opener == Opener::Peer;
    one.neighbors.push(to_two);
    two.neighbors.push(to_one);
    let mut daemons = stage::place(&lab, &lan, vec![(subject, one), (peer, two)])?;
    let [one, two] = daemons.as_mut_slice() else {
        unreachable!("two were placed")
    };
    one.start()?;
    two.start()?;
    both_up(&**one, &**two)?;
    routes_cross(&mut **one, &mut **two)?;
    routes_cross(&mut **two, &mut **one)?;
    comes_back(&mut **one, &**two)?;
    comes_back(&mut **two, &**one)
}

fn both_up(one: &dyn Daemon, two: &dyn Daemon) -> Result<()> {
    stage::all_up(one)?;
    stage::all_up(two)
}

/// The address of its only peer.
fn peer_of(daemon: &dyn Daemon) -> IpAddr {
    daemon.spec().neighbors[0].address
}

/// What `from` announces to `to`: first what it withdraws again, then what stays.
fn announced(from: &dyn Daemon, to: &dyn Daemon) -> [String; 2] {
    let host = from.spec().v4.octets()[3];
    let first = match peer_of(to) {
        IpAddr::V4(_) => format!("10.{host}.0.0/24"),
        IpAddr::V6(_) => format!("fd00:{host}:1::/64"),
    };
    [first, format!("fd00:{host}::/64")]
}

/// `from` announces, `to` sees every attribute as the standard says; then one is withdrawn.
fn routes_cross(from: &mut dyn Daemon, to: &mut dyn Daemon) -> Result<()> {
    let prefixes = announced(from, to);
    let peer = peer_of(to);
    let external = from.spec().asn != to.spec().asn;
    for prefix in &prefixes {
        let announcement = Announcement::new(prefix)
            .med(7)
            .community(65001, 1)
            .community(65001, 2);
        from.announce(&announcement)?;
        let path = wait_route(to, peer, announcement.prefix)?;
        let expected_next_hop = from.spec().own_address(announcement.prefix.addr());
        assert_eq!(path.next_hop, expected_next_hop, "{prefix}: {path:?}");
        let expected_path = if external {
            vec![from.spec().asn]
        } else {
            vec![]
        };
        assert_eq!(path.as_path, expected_path, "{prefix}: {path:?}");
        assert_eq!(path.med, Some(7), "{prefix}: {path:?}");
        assert_eq!(
            path.communities, announcement.communities,
            "{prefix}: {path:?}"
        );
        if !external {
            assert_eq!(path.local_pref, Some(100), "{prefix}: {path:?}");
        }
    }
    let gone = Announcement::new(&prefixes[0]).prefix;
    from.withdraw(gone)?;
    wait_no_route(to, peer, gone)
}

/// `restarted` goes and comes back: `other` loses its routes, and learns them again; or keeps them meanwhile, if both want it
/// (RFC 4724).
fn comes_back(restarted: &mut dyn Daemon, other: &dyn Daemon) -> Result<()> {
    let prefix = Announcement::new(&announced(restarted, other)[1]).prefix;
    let peer = peer_of(other);
    restarted.stop()?;
    if keeps_routes(restarted.kind(), other.kind()) {
        stage::all_down(other)?;
        wait_route(other, peer, prefix).map_err(|error| error.during("a restart"))?;
    } else {
        wait_no_route(other, peer, prefix)?;
    }
    restarted.start()?;
    both_up(restarted, other)?;
    wait_route(other, peer, prefix).map(drop)
}

/// Whether routes outlive a restart, as the two are configured here: the others are told not to restart gracefully.
fn keeps_routes(restarted: Kind, other: Kind) -> bool {
    restarted == Kind::Node && other == Kind::Node
}

macro_rules! exchanges {
    ($($module:ident: $subject:expr, $peer:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn external_we_connect() -> Result<()> {
                exchange($subject, $peer, Relation::External, Opener::Subject, Transport::V4)
            }

            #[test]
            fn external_they_connect() -> Result<()> {
                exchange($subject, $peer, Relation::External, Opener::Peer, Transport::V4)
            }

            #[test]
            fn external_over_ipv6() -> Result<()> {
                exchange($subject, $peer, Relation::External, Opener::Subject, Transport::V6)
            }

            #[test]
            fn internal_we_connect() -> Result<()> {
                exchange($subject, $peer, Relation::Internal, Opener::Subject, Transport::V4)
            }

            #[test]
            fn internal_they_connect() -> Result<()> {
                exchange($subject, $peer, Relation::Internal, Opener::Peer, Transport::V4)
            }
        }
    )*};
}

exchanges! {
    node_and_bird: Kind::Node, Kind::Bird;
    node_and_frr: Kind::Node, Kind::Frr;
    node_and_gobgp: Kind::Node, Kind::Gobgp;
    node_and_node: Kind::Node, Kind::Node;
}

mod makers {
    use super::*;

    exchanges! {
        bird_and_frr: Kind::Bird, Kind::Frr;
        bird_and_gobgp: Kind::Bird, Kind::Gobgp;
    }
}
