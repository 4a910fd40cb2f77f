//! The traces that break simpler export engines: a letter names the rule without which the trace ends with a receiver
//! that holds what it must not, or not what it should.

use std::net::IpAddr;

use wire::NextHop;

use crate::testing::{Bench, address, block, config, plain, router_id, source};
use crate::{PeerId, PeerKind, SourceKind};

/// The source stays, the originator changes: without comparing all of ex(), no withdrawal is written and the new
/// originator keeps the route (rule 2).
fn a_the_originator_of_a_route_changes(mut bench: Bench) {
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
fn a_the_next_hop_of_a_route_changes(mut bench: Bench) {
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

/// M has d, which is withdrawn and pulled while M does not read; M is detached: the tombstone must still be there (rule 5).
fn b_a_tombstone_waits_for_a_member_that_has_not_read_the_withdrawal(mut bench: Bench) {
    let (from, m) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    bench.route(from, block(1), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(m), [block(1)]);
    bench.withdraw(from, block(1));
    bench.pull();
    bench.read_all(from);
    while bench.rib.work(64) {}
    assert!(bench.rib.detach(m));
    bench.pull();
    bench.settle();
    assert_eq!(bench.holds(m), []);
}

/// M is A and has C's route d. M is detached; d moves to A and is pulled; A changes its attributes, which is pending; M
/// pulls by itself and comes back; the group pulls. What the group last told is A's, and A's it is: without the unsure
/// bit, M would never be told to drop C's (rule 11).
fn c_what_is_pending_when_a_member_comes_back_is_told_as_a_replacement(bench: Bench) {
    let (mut bench, a, c) = detached_with_the_route_of_another(bench);
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.route(a, block(1), &plain(&[65007]));
    bench.read_all(a);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.settle();
    assert_eq!((bench.holds(a), bench.holds(c)), (vec![], vec![block(1)]));
}

/// As c, with d withdrawn by both, pulled, announced again by A, pending while M comes back, and withdrawn: from nothing
/// to nothing the group would say nothing (rules 3 and 11).
fn d_what_is_withdrawn_while_a_member_comes_back_is_told_again(bench: Bench) {
    let (mut bench, a, c) = detached_with_the_route_of_another(bench);
    bench.withdraw(c, block(1));
    bench.pull();
    bench.route(a, block(1), &plain(&[65001]));
    bench.read_all(a);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.withdraw(a, block(1));
    bench.settle();
    assert_eq!(bench.holds(a), []);
}

/// As c, and d moves once more after M is back: a bound by version at its return would be too low (rule 11).
fn e_what_changes_behind_a_return_is_still_unsure(bench: Bench) {
    let (mut bench, a, c) = detached_with_the_route_of_another(bench);
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.route(a, block(1), &plain(&[65007]));
    bench.read_all(a);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.route(a, block(1), &plain(&[65008]));
    bench.settle();
    assert_eq!((bench.holds(a), bench.holds(c)), (vec![], vec![block(1)]));
}

/// The group last told A's route to all but M, which is A and detached; d moves to B, which M must not read ahead of the
/// group; M comes back; B withdraws, so that it is A's again (rules 10 and 11).
fn f_a_private_pull_does_not_run_ahead_of_the_group(mut bench: Bench) {
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(a, block(1), &plain(&[65001, 65002]));
    bench.settle();
    assert!(bench.rib.detach(a));
    bench.route(b, block(1), &plain(&[65001]));
    bench.read_all(a);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.withdraw(b, block(1));
    bench.settle();
    assert_eq!((bench.holds(a), bench.holds(b)), (vec![], vec![block(1)]));
}

/// M is A, has C's route, and is detached.
fn detached_with_the_route_of_another(mut bench: Bench) -> (Bench, PeerId, PeerId) {
    let a = bench.up(2, PeerKind::IbgpClient);
    let c = bench.up(4, PeerKind::IbgpClient);
    bench.route(c, block(1), &plain(&[65001, 65002]));
    bench.settle();
    assert_eq!(bench.holds(a), [block(1)]);
    assert!(bench.rib.detach(a));
    (bench, a, c)
}

/// M is detached in the middle of what one pull wrote: it goes on from before that pull (rule 9).
fn i_a_member_that_is_detached_in_a_batch_is_told_the_rest_of_it(mut bench: Bench) {
    let (from, m) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    bench.settle();
    for n in 0..10 {
        bench.route(from, block(n), &plain(&[65001, 1 + n]));
    }
    bench.pull();
    assert!(bench.read(m, 1));
    assert_eq!(bench.holds(m).len(), 1);
    assert!(bench.rib.detach(m));
    bench.settle();
    assert_eq!(bench.holds(m).len(), 10);
}

/// M is detached in the middle of its first walk: it begins again (rule 9).
fn j_a_member_that_is_detached_in_its_walk_is_told_the_older_destinations(mut bench: Bench) {
    let (from, _) = (
        bench.up(2, PeerKind::IbgpClient),
        bench.up(3, PeerKind::IbgpClient),
    );
    for n in 0..500 {
        bench.route(from, block(n), &plain(&[65001, 1 + n]));
        // An image that only ever grew would do in place of a walk.
        bench.withdraw(from, block(1000));
        bench.route(from, block(1000), &plain(&[65001, 1 + n]));
        bench.pull();
    }
    bench.settle();
    let m = bench.up(4, PeerKind::IbgpClient);
    bench.rib.work(10);
    bench.read(m, 1);
    assert!(bench.rib.detach(m));
    bench.settle();
    assert_eq!(bench.holds(m).len(), 501);
    assert_eq!(bench.peers[&m].end_of_rib, [1, 1]);
}

/// A joins while d is pending; were the walk to read d ahead of the group, d could return to its old state before the
/// pull, and the group, seeing no change, would never tell A (rule 6).
fn g_the_walk_does_not_read_what_is_pending(mut bench: Bench) {
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
fn h_the_snapshot_is_written_before_the_log(mut bench: Bench) {
    let a = bench.up(2, PeerKind::IbgpClient);
    let b = bench.up(3, PeerKind::IbgpClient);
    bench.route(b, block(1), &plain(&[65001, 65002]));
    bench.settle();
    let joined = bench.up(4, PeerKind::IbgpClient);
    while bench.rib.work(64) {}
    bench.route(a, block(1), &plain(&[65001]));
    bench.pull();
    bench.settle();
    assert_eq!(bench.next_hops(joined, block(1)), [IpAddr::V4(address(a))]);
}

/// As h, and A itself is who joins: were the log first, the chunk would give A the old route of B for ever.
fn h_the_snapshot_is_written_before_the_withdrawal_from_the_new_source(mut bench: Bench) {
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
fn h_nothing_of_the_log_fits_in_before_the_rest_of_the_snapshot(mut bench: Bench) {
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
fn l_a_new_group_begins_with_everything(mut bench: Bench) {
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
fn a_route_that_moves_and_returns_between_two_pulls_is_harmless(mut bench: Bench) {
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
fn a_peer_that_returns_is_sent_what_others_have(mut bench: Bench) {
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

/// Each trace twice: with receivers of the best path, and with receivers that are told of it with a path identifier, which
/// is another one whenever another path is the best.
macro_rules! traces {
    ($($name:ident),+ $(,)?) => {
        mod plain_routes {
            use super::{Bench, config};
            $(#[test]
            fn $name() {
                super::$name(Bench::new(config()));
            })+
        }

        mod identified_paths {
            use super::{Bench, config};
            $(#[test]
            fn $name() {
                let mut bench = Bench::new(config());
                bench.has_ids = true;
                super::$name(bench);
            })+
        }
    };
}

traces!(
    a_the_originator_of_a_route_changes,
    a_the_next_hop_of_a_route_changes,
    b_a_tombstone_waits_for_a_member_that_has_not_read_the_withdrawal,
    c_what_is_pending_when_a_member_comes_back_is_told_as_a_replacement,
    d_what_is_withdrawn_while_a_member_comes_back_is_told_again,
    e_what_changes_behind_a_return_is_still_unsure,
    f_a_private_pull_does_not_run_ahead_of_the_group,
    i_a_member_that_is_detached_in_a_batch_is_told_the_rest_of_it,
    j_a_member_that_is_detached_in_its_walk_is_told_the_older_destinations,
    g_the_walk_does_not_read_what_is_pending,
    h_the_snapshot_is_written_before_the_log,
    h_the_snapshot_is_written_before_the_withdrawal_from_the_new_source,
    h_nothing_of_the_log_fits_in_before_the_rest_of_the_snapshot,
    l_a_new_group_begins_with_everything,
    a_route_that_moves_and_returns_between_two_pulls_is_harmless,
    a_peer_that_returns_is_sent_what_others_have,
);
