//! The traces that break simpler export engines: a letter names the rule without which the trace ends with a receiver
//! that holds what it must not, or not what it should.

use std::net::IpAddr;

use wire::NextHop;

use crate::testing::{Bench, address, block, config, plain, router_id, source};
use crate::{PeerKind, SourceKind};

/// The source stays, the originator changes: without comparing all of ex(), no withdrawal is written and the new
/// originator keeps the route (rule 2).
#[test]
fn a_the_originator_of_a_route_changes() {
    let mut bench = Bench::new(config());
    let reflector = bench.up(2, PeerKind::IbgpClient);
    let one = bench.up(3, PeerKind::IbgpClient);
    let two = bench.up(4, PeerKind::IbgpClient);
    let mut attrs = plain(&[65001]);
    bench.route(reflector, block(1), attrs.set_originator_id(router_id(one)));
    bench.settle();
    assert_eq!(
        (bench.holds(one), bench.holds(two)),
        (vec![], vec![block(1)])
    );
    bench.route(reflector, block(1), attrs.set_originator_id(router_id(two)));
    bench.settle();
    assert_eq!(
        (bench.holds(one), bench.holds(two)),
        (vec![block(1)], vec![])
    );
}

/// As a, with the next hop in place of the originator.
#[test]
fn a_the_next_hop_of_a_route_changes() {
    let mut bench = Bench::new(config());
    let from = bench.up(2, PeerKind::IbgpClient);
    let one = bench.up(3, PeerKind::IbgpClient);
    let two = bench.up(4, PeerKind::IbgpClient);
    for (out, within) in [(one, two), (two, one), (one, two)] {
        bench.announce(from, block(1), &plain(&[65001]), NextHop::V4(address(out)));
        bench.settle();
        assert_eq!(
            (bench.holds(out), bench.holds(within)),
            (vec![], vec![block(1)])
        );
    }
}

/// A joins while d is pending; were the walk to read d ahead of the group, d could return to its old state before the
/// pull, and the group, seeing no change, would never tell A (rule 6).
#[test]
fn g_the_walk_does_not_read_what_is_pending() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(a, block(1), &plain(&[65001]));
    bench.settle();
    // A has the best path, and is a receiver anew.
    bench.rib.leave(a);
    bench.join(a, PeerKind::IbgpClient);
    // Pending: B's is the best path for a moment.
    bench.route(b, block(1), &plain(&[]));
    while bench.rib.work(64) {}
    bench.read_all(a);
    bench.withdraw(b, block(1));
    bench.settle();
    assert_eq!(
        bench.holds(a),
        [],
        "its own route must not stand against B's"
    );
    assert_eq!(bench.holds(b), [block(1)]);
}

/// A chunk of the walk says d = B; d = A enters the log before the chunk is read: the chunk must be written first
/// (rule 7).
#[test]
fn h_the_snapshot_is_written_before_the_log() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(b, block(1), &plain(&[65001, 65002]));
    bench.settle();
    let joined = bench.up(4, PeerKind::IbgpClient);
    while bench.rib.work(64) {}
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.settle();
    let held = &bench.peers[&joined].table[&block(1)];
    assert_eq!(held.next_hop.addr(), IpAddr::V4(address(a)));
}

/// As h, and A itself is who joins: were the log first, the chunk would give A the old route of B for ever.
#[test]
fn h_the_snapshot_is_written_before_the_withdrawal_from_the_new_source() {
    let mut bench = Bench::new(config());
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(b, block(1), &plain(&[65001, 65002]));
    bench.settle();
    let a = bench.up(2, PeerKind::IbgpClient);
    while bench.rib.work(64) {}
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.settle();
    assert_eq!(bench.holds(a), []);
}

/// As h, read in pieces: a withdrawal is so small that it would fit in behind the first message of the walk.
#[test]
fn h_nothing_of_the_log_fits_in_before_the_rest_of_the_snapshot() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    for n in 0..10 {
        bench.route(a, block(n), &plain(&[65001, 1 + n]));
    }
    bench.settle();
    let joined = bench.up(4, PeerKind::IbgpClient);
    while bench.rib.work(64) {}
    for n in 0..10 {
        bench.withdraw(a, block(n));
        bench.pull();
    }
    while bench.read(joined, 110) {}
    assert_eq!(bench.holds(joined), []);
}

/// A group that is new, or whose last member left, knows nothing of what its members have: it begins with an empty
/// `last` and a pull of everything (rule 8).
#[test]
fn l_a_new_group_begins_with_everything() {
    let mut bench = Bench::new(config());
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(b, block(1), &plain(&[65001, 65002]));
    bench.settle();
    // A's group of non-clients is new.
    let a = bench.up(2, PeerKind::IbgpNonClient);
    bench.settle();
    assert_eq!(bench.holds(a), [block(1)]);
    bench.route(a, block(1), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(a), [], "B's route was taken back from A");
    // The last member leaves, the table changes, and one joins again.
    bench.rib.leave(a);
    bench.route(b, block(2), &plain(&[65001]));
    bench.settle();
    bench.join(a, PeerKind::IbgpNonClient);
    bench.settle();
    assert_eq!(bench.holds(a), [block(2)]);
    assert_eq!(bench.holds(b), [block(1)]);
}

/// A to B to A between two pulls: nobody was told of B, so nobody is told anything, and that is right.
#[test]
fn a_route_that_moves_and_returns_between_two_pulls_is_harmless() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.route(a, block(1), &plain(&[65001, 65002]));
    bench.settle();
    bench.route(b, block(1), &plain(&[65001]));
    bench.withdraw(b, block(1));
    bench.settle();
    assert_eq!((bench.holds(a), bench.holds(b)), (vec![], vec![block(1)]));
    assert_eq!(bench.holds(c), [block(1)]);
}

/// The peer's slot is used by another peer, while paths of the old one are still there: they are not the new one's.
#[test]
fn a_peer_that_returns_is_sent_what_others_have() {
    let mut bench = Bench::new(config());
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    for n in 0..10 {
        bench.route(a, block(n), &plain(&[65001]));
        bench.route(b, block(n), &plain(&[65001, 65002]));
    }
    bench.settle();
    bench.down(a);
    bench.rib.source_up(a, source(a, SourceKind::IbgpClient));
    bench.join(a, PeerKind::IbgpClient);
    bench.settle();
    assert_eq!(bench.holds(a).len(), 10);
    assert_eq!(bench.holds(b).len(), 0);
}
