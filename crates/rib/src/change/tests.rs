//! What receivers are told when their settings change while the session stays.

use std::net::IpAddr;
use std::sync::Arc;

use crate::testing::{Bench, Seen, address, block, config, plain};
use crate::*;

fn local_only(bench: &Bench) -> ExportSettings {
    let mut settings = bench.settings(PeerKind::IbgpClient);
    settings.export = Arc::new(policy::Export::new(policy::ExportMode::Local));
    settings
}

/// A source with routes, our own route, and two members of the same group, who are told of best paths with identifiers or
/// without.
fn bench_with(routes: u32, has_ids: bool) -> (Bench, [PeerId; 3]) {
    let mut bench = Bench::new(config());
    bench.has_ids = has_ids;
    let peers = [2, 3, 4].map(|n| bench.up(n, PeerKind::IbgpClient));
    for n in 0..routes {
        bench.route(peers[0], block(n), &plain(&[65001, 1 + n % 5]));
    }
    bench.route(PeerId::LOCAL, block(60_000), &plain(&[]));
    bench.settle();
    (bench, peers)
}

fn everybody(peers: &[PeerId], settings: &ExportSettings) -> Vec<(PeerId, ExportSettings)> {
    peers.iter().map(|peer| (*peer, settings.clone())).collect()
}

#[test]
fn a_group_that_changes_as_a_whole_withdraws_what_it_may_no_longer_say() {
    for has_ids in [false, true] {
        let (mut bench, peers) = bench_with(3000, has_ids);
        let own = [block(60_000)];
        let denied = local_only(&bench);
        bench.rib.change(&everybody(&peers, &denied));
        bench.settle();
        for peer in peers {
            assert_eq!(bench.holds(peer), own);
        }
        assert_eq!(
            bench.rib.stats().totals.private_bytes,
            0,
            "it was told by the log"
        );
        let all = bench.settings(PeerKind::IbgpClient);
        bench.rib.change(&everybody(&peers, &all));
        bench.settle();
        assert_eq!(bench.holds(peers[0]), own, "not its own routes");
        assert_eq!(bench.holds(peers[1]).len(), 3001);
        assert_eq!(bench.rib.stats().groups, 1);
    }
}

#[test]
fn one_member_that_changes_moves_and_the_others_notice_nothing() {
    for has_ids in [false, true] {
        let (mut bench, [from, moved, stays]) = bench_with(3000, has_ids);
        bench.forget_seen();
        let denied = local_only(&bench);
        bench.rib.change(&[(moved, denied)]);
        bench.settle();
        assert_eq!(bench.holds(moved), [block(60_000)]);
        assert_eq!(bench.seen(stays), []);
        assert_eq!(bench.rib.stats().groups, 2);
        bench.route(from, block(5), &plain(&[65009]));
        bench.withdraw(PeerId::LOCAL, block(60_000));
        bench.settle();
        assert_eq!(bench.holds(moved), []);
        // Back into a group that is already there.
        let all = bench.settings(PeerKind::IbgpClient);
        bench.rib.change(&[(moved, all)]);
        bench.settle();
        assert_eq!(bench.holds(moved), bench.holds(stays));
        assert_eq!(bench.rib.stats().groups, 1);
        assert_eq!(bench.peers[&moved].end_of_rib, [1, 1], "no second one");
    }
}

#[test]
fn a_changed_next_hop_reaches_everybody_and_settings_that_stay_cost_nothing() {
    for has_ids in [false, true] {
        let (mut bench, [from, one, two]) = bench_with(10, has_ids);
        bench.forget_seen();
        let mut settings = bench.settings(PeerKind::IbgpClient);
        bench.rib.change(&everybody(&[from, one, two], &settings));
        bench.settle();
        assert_eq!(bench.seen(one), []);
        settings.next_hop = NextHopRule::SelfAlways;
        bench.rib.change(&everybody(&[from, one, two], &settings));
        bench.route(PeerId::LOCAL, block(60_001), &plain(&[]));
        bench.settle();
        let announced = |seen: &Seen| matches!(seen, Seen::Announce(_));
        assert!(bench.seen(two).iter().any(announced));
        assert_eq!(bench.holds(one), bench.holds(two));
        assert_eq!(
            bench.next_hops(one, block(1)),
            [IpAddr::V4(address(from))],
            "reflected: unchanged"
        );
    }
}

/// A policy change while a member is stuck, and while one has not read the log (trace k): what was told under the old
/// settings and never read must not be taken for told under the new ones.
#[test]
fn k_a_change_while_members_are_behind_leaves_nothing_of_the_old_settings() {
    for (is_detached, has_ids) in [(true, false), (false, false), (true, true), (false, true)] {
        let (mut bench, peers) = bench_with(100, has_ids);
        let slow = peers[2];
        if is_detached {
            assert!(bench.rib.detach(slow));
        }
        bench.route(peers[0], block(7), &plain(&[65033]));
        bench.pull();
        let denied = local_only(&bench);
        bench.rib.change(&everybody(&peers, &denied));
        bench.rib.work(10);
        bench.read_all(peers[1]);
        if !is_detached {
            // In the middle of the walk that tells the change.
            assert!(bench.rib.detach(slow));
        }
        bench.read(slow, 1 << 16);
        bench.settle();
        for peer in peers {
            assert_eq!(bench.holds(peer), [block(60_000)], "{peer:?} {is_detached}");
        }
    }
}

/// Who joins, and who asks for a refresh, in the middle of a change is told the new state only.
#[test]
fn a_member_that_joins_during_a_change_ends_with_the_new_state() {
    for has_ids in [false, true] {
        let (mut bench, peers) = bench_with(3000, has_ids);
        let denied = local_only(&bench);
        bench.rib.refresh(peers[1], wire::Family::Ipv4Unicast);
        bench.rib.work(600);
        bench.rib.change(&everybody(&peers, &denied));
        bench.rib.work(600);
        let late = PeerId(5);
        bench.export = Arc::clone(&denied.export);
        bench.up(late.0, PeerKind::IbgpClient);
        bench.settle();
        for peer in peers.into_iter().chain([late]) {
            assert_eq!(bench.holds(peer), [block(60_000)], "{peer:?}");
        }
        assert_eq!(bench.peers[&late].end_of_rib, [1, 1]);
        assert_eq!(bench.rib.stats().groups, 1);
    }
}
