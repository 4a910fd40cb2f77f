//! Sources of which no more than a number of paths are accepted (RFC 4271 section 6.7).

use std::num::NonZeroU32;

use wire::{Nlri, Prefix};

use crate::testing::{Bench, block, config, plain, prefix};
use crate::*;

/// A client of which two IPv4 routes are accepted and any number of IPv6, and one that learns them.
fn bench(keep_rejected: bool, has_ids: bool) -> (Bench, PeerId, PeerId) {
    let mut bench = Bench::new(RibConfig {
        keep_rejected,
        ..config()
    });
    bench.has_ids = has_ids;
    let from = bench.up(2, PeerKind::IbgpClient);
    let to = bench.up(3, PeerKind::IbgpClient);
    bench.rib.limit_paths(from, [NonZeroU32::new(2), None]);
    (bench, from, to)
}

fn six(n: u32) -> Prefix {
    prefix(&format!("2001:db8:{n:x}::/48"))
}

fn counts(bench: &Bench, peer: PeerId) -> (u32, u32) {
    let counts = bench.rib.path_counts(peer)[0];
    (counts.received, counts.accepted)
}

/// What a receiver holds, with or without path identifiers.
fn held(bench: &Bench, peer: PeerId) -> Vec<Prefix> {
    let peer = &bench.peers[&peer];
    let plain = peer.table.keys().copied();
    plain
        .chain(peer.paths.keys().map(|(prefix, _)| *prefix))
        .collect()
}

#[test]
fn further_routes_are_refused_and_replacements_are_not() {
    for (keeps, has_ids) in [(true, false), (false, false), (true, true), (false, true)] {
        let (mut bench, from, to) = bench(keeps, has_ids);
        for n in 1..=5 {
            bench.route(from, block(n), &plain(&[65001]));
            bench.route(from, six(n), &plain(&[65001]));
        }
        bench.settle();
        let v4 = |bench: &Bench| -> Vec<Prefix> {
            let mut held = held(bench, to);
            held.retain(|prefix| prefix.addr().is_ipv4());
            held
        };
        assert_eq!(v4(&bench), [block(1), block(2)]);
        assert_eq!(held(&bench, to).len(), 7);
        assert_eq!(bench.rib.refused_counts(from), [3, 0]);
        assert_eq!(counts(&bench, from), (if keeps { 5 } else { 2 }, 2));
        // Another form of what is accepted takes its place.
        bench.route(from, block(2), &plain(&[65002]));
        bench.settle();
        assert_eq!(bench.rib.refused_counts(from), [3, 0]);
        assert_eq!(v4(&bench), [block(1), block(2)]);
        // One that goes makes room for one that comes.
        bench.withdraw(from, block(1));
        bench.route(from, block(4), &plain(&[65001]));
        bench.route(from, block(5), &plain(&[65001]));
        bench.settle();
        assert_eq!(v4(&bench), [block(2), block(4)]);
        assert_eq!(bench.rib.refused_counts(from), [4, 0]);
        // With a higher limit they come in as they are announced again.
        bench.rib.limit_paths(from, [NonZeroU32::new(4), None]);
        assert_eq!(bench.rib.refused_counts(from), [0, 0]);
        for n in 2..=5 {
            bench.route(from, block(n), &plain(&[65001]));
        }
        bench.settle();
        assert_eq!(v4(&bench), [2, 3, 4, 5].map(block));
        bench.down(from);
        bench.settle();
        assert!(held(&bench, to).is_empty());
        assert_eq!(bench.rib.stats().paths, 0);
        assert_eq!(bench.rib.stats().attribute_sets, 0);
    }
}

#[test]
fn the_same_prefix_twice_in_a_message_is_refused_twice() {
    let (mut bench, from, to) = bench(false, false);
    let attrs = bench.rib.intern(plain(&[65001]).view());
    let routes = [1, 2, 3, 3, 4, 3].map(|n| Nlri {
        prefix: block(n),
        path_id: 0,
    });
    bench
        .rib
        .announce_all(from, attrs, next_hop(from), routes.into_iter(), |_| Ok(()));
    bench.rib.release(attrs);
    bench.settle();
    assert_eq!(bench.holds(to), [block(1), block(2)]);
    assert_eq!(bench.rib.refused_counts(from), [4, 0]);
    assert_eq!(bench.rib.stats().destinations, 2);
}

/// The next hop that a peer of the bench gives.
fn next_hop(peer: PeerId) -> wire::NextHop {
    wire::NextHop::V4(crate::testing::address(peer))
}

#[test]
fn a_replacement_that_is_refused_by_policy_makes_room() {
    let (mut bench, from, to) = bench(true, false);
    for n in 1..=2 {
        bench.route(from, block(n), &plain(&[65001]));
    }
    let attrs = bench.rib.intern(plain(&[65001]).view());
    let nlri = Nlri {
        prefix: block(1),
        path_id: 0,
    };
    let refused = Err(RejectReason::AsLoop);
    bench
        .rib
        .announce(from, nlri, attrs, next_hop(from), refused);
    bench.rib.release(attrs);
    bench.route(from, block(3), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(to), [block(2), block(3)]);
    assert_eq!(counts(&bench, from), (3, 2));
}
