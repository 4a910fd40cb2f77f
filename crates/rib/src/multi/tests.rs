use std::net::IpAddr;
use std::sync::Arc;

use wire::{Family, NextHop};

use crate::testing::{Bench, Seen, address, block, config, plain, prefix, router_id};
use crate::{PeerId, PeerKind, RejectReason, RibConfig};

const CLIENT: PeerKind = PeerKind::IbgpClient;

fn hop(peer: PeerId) -> IpAddr {
    IpAddr::V4(address(peer))
}

/// A receiver of all paths, and clients that announce the same block, in the order of their identifiers.
fn anycast(clients: u32) -> (Bench, PeerId, Vec<PeerId>) {
    let mut bench = Bench::new(config());
    let to = bench.up_for_paths(2, CLIENT, 255);
    let clients: Vec<PeerId> = (3..3 + clients).map(|n| bench.up(n, CLIENT)).collect();
    for client in &clients {
        bench.route(*client, block(1), &plain(&[]));
        bench.settle();
    }
    (bench, to, clients)
}

#[test]
fn each_path_has_an_identifier_of_its_own_and_goes_alone() {
    let (mut bench, to, from) = anycast(3);
    let all = vec![(1, hop(from[0])), (2, hop(from[1])), (3, hop(from[2]))];
    assert_eq!(bench.paths(to, block(1)), all);
    assert_eq!(bench.rib.advertised_counts(to), [3, 0]);
    bench.forget_seen();
    bench.withdraw(from[1], block(1));
    bench.settle();
    assert_eq!(bench.seen(to), [Seen::Withdraw(vec![block(1)])]);
    assert_eq!(bench.paths(to, block(1)), [all[0], all[2]]);
    bench.withdraw(from[0], block(1));
    bench.withdraw(from[2], block(1));
    bench.settle();
    assert_eq!(bench.paths(to, block(1)), []);
    assert_eq!(bench.rib.advertised_counts(to), [0, 0]);
    bench.settle();
    assert_eq!(bench.rib.stats().destinations, 0);
}

#[test]
fn a_change_of_one_path_says_nothing_of_the_others() {
    let (mut bench, to, from) = anycast(3);
    bench.forget_seen();
    let before = bench.rib.group_counters(to).unwrap();
    // It is the best one, and no longer is.
    bench.route(from[0], block(1), &plain(&[65001, 65002]));
    bench.settle();
    let after = bench.rib.group_counters(to).unwrap();
    assert_eq!(after.announced, before.announced + 1);
    assert_eq!(after.withdrawn, before.withdrawn);
    assert_eq!(bench.seen(to), [Seen::Announce(vec![block(1)])]);
    let held = &bench.peers[&to].paths[&(block(1), 1)];
    assert_eq!(held.next_hop.addr(), hop(from[0]));
}

#[test]
fn an_identifier_is_kept_by_a_replacement_and_given_again_when_it_is_free() {
    let (mut bench, to, from) = anycast(3);
    bench.withdraw(from[0], block(1));
    bench.settle();
    bench.route(from[1], block(1), &plain(&[65001]));
    bench.settle();
    let held = [(2, hop(from[1])), (3, hop(from[2]))];
    assert_eq!(bench.paths(to, block(1)), held);
    let late = bench.up(9, CLIENT);
    bench.route(late, block(1), &plain(&[]));
    bench.settle();
    let held = [(1, hop(late)), (2, hop(from[1])), (3, hop(from[2]))];
    assert_eq!(bench.paths(to, block(1)), held);
}

#[test]
fn a_path_that_is_refused_goes() {
    let (mut bench, to, from) = anycast(2);
    let hop_of = NextHop::V4(address(from[0]));
    let refused = Err(RejectReason::AsLoop);
    bench.announce_as(from[0], block(1), &plain(&[65001]), hop_of, refused);
    bench.settle();
    assert_eq!(bench.paths(to, block(1)), [(2, hop(from[1]))]);
    bench.route(from[0], block(1), &plain(&[]));
    bench.settle();
    let held = [(1, hop(from[0])), (2, hop(from[1]))];
    assert_eq!(bench.paths(to, block(1)), held);
}

#[test]
fn nobody_is_sent_its_own_path_or_one_that_it_originated() {
    let mut bench = Bench::new(config());
    let one = bench.up_for_paths(2, CLIENT, 255);
    let two = bench.up_for_paths(3, CLIENT, 255);
    let reflector = bench.up(4, PeerKind::IbgpNonClient);
    for client in [one, two] {
        bench.route(client, block(1), &plain(&[]));
        let mut attrs = plain(&[]);
        attrs.set_originator_id(router_id(client));
        let to = NextHop::V4(address(reflector));
        let block = block(10 + client.0);
        bench.announce(reflector, block, &attrs, to);
        bench.settle();
    }
    assert_eq!(bench.paths(one, block(1)), [(2, hop(two))]);
    assert_eq!(bench.paths(two, block(1)), [(1, hop(one))]);
    assert_eq!(bench.paths(one, block(12)), []);
    assert_eq!(bench.paths(one, block(13)), [(1, hop(reflector))]);
    // Counterexample a, for one of several paths: the originator changes, the source stays.
    let mut attrs = plain(&[]);
    attrs.set_originator_id(router_id(one));
    let to = NextHop::V4(address(reflector));
    bench.announce(reflector, block(13), &attrs, to);
    bench.settle();
    assert_eq!(bench.paths(one, block(13)), []);
    assert_eq!(bench.paths(two, block(13)), [(1, hop(reflector))]);
}

#[test]
fn the_best_paths_are_told_and_change_with_the_set() {
    let mut bench = Bench::new(config());
    let to = bench.up_for_paths(2, CLIENT, 2);
    let all = bench.up_for_paths(3, CLIENT, 255);
    let from: Vec<PeerId> = (4..8).map(|n| bench.up(n, CLIENT)).collect();
    for (at, client) in from.iter().enumerate().rev() {
        let path: Vec<u32> = (1..=at as u32 + 1).collect();
        bench.route(*client, block(1), &plain(&path));
        bench.settle();
        assert_eq!(bench.paths(all, block(1)).len(), from.len() - at);
        let best = from[at..].iter().take(2).map(|peer| hop(*peer));
        let mut held: Vec<IpAddr> = bench
            .paths(to, block(1))
            .iter()
            .map(|(_, hop)| *hop)
            .collect();
        held.sort();
        assert_eq!(held, best.collect::<Vec<_>>());
    }
    // Both groups know a path by the same identifier.
    let known = bench.paths(all, block(1));
    let paths = bench.paths(to, block(1));
    assert!(paths.iter().all(|path| known.contains(path)));
}

#[test]
fn no_more_than_255_paths_are_told() {
    let mut bench = Bench::new(config());
    let to = bench.up_for_paths(2, CLIENT, 255);
    for n in 3..303 {
        let client = PeerId(n);
        let info = crate::testing::source(client, CLIENT.into());
        bench.rib.source_up(client, info);
        bench.route(client, block(1), &plain(&[]));
    }
    bench.settle();
    let paths = bench.paths(to, block(1));
    assert_eq!(paths.len(), 255);
    assert_eq!(
        paths.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        (1..=255).collect::<Vec<_>>()
    );
    // Those of the lowest router ids.
    assert!(
        paths
            .iter()
            .all(|(_, of)| *of >= hop(PeerId(3)) && *of < hop(PeerId(258)))
    );
}

#[test]
fn a_family_without_add_path_is_told_the_best_path_beside_one_with() {
    let mut bench = Bench::new(config());
    let mut settings = bench.path_settings(CLIENT, 255);
    settings.encode.add_path = [Family::Ipv4Unicast].into_iter().collect();
    let to = PeerId(2);
    bench.join_with(to, &settings);
    let from = [bench.up(3, CLIENT), bench.up(4, CLIENT)];
    let v6 = prefix("2001:db8:1::/48");
    for client in from {
        bench.route(client, block(1), &plain(&[]));
        bench.route(client, v6, &plain(&[]));
    }
    bench.settle();
    assert_eq!(bench.paths(to, block(1)).len(), 2);
    let plain = |bench: &Bench| bench.peers[&to].table.keys().copied().collect::<Vec<_>>();
    assert_eq!(plain(&bench), [v6]);
    for client in from {
        bench.withdraw(client, v6);
        bench.withdraw(client, block(1));
        bench.settle();
        assert_eq!(plain(&bench).is_empty(), client == from[1]);
    }
    assert_eq!(bench.paths(to, block(1)), []);
}

/// Two destinations of M's with two paths each; M does not read, and the first path of one goes and is pulled.
fn unread_withdrawal(most: u8) -> (Bench, PeerId, Vec<PeerId>) {
    let mut bench = Bench::new(config());
    let m = bench.up_for_paths(2, CLIENT, most);
    let from = vec![bench.up(3, CLIENT), bench.up(4, CLIENT)];
    for client in &from {
        bench.route(*client, block(1), &plain(&[]));
        bench.route(*client, block(2), &plain(&[]));
        bench.settle();
    }
    assert_eq!(bench.paths(m, block(1)).len(), 2);
    bench.withdraw(from[0], block(1));
    bench.pull();
    for peer in &from {
        bench.read_all(*peer);
    }
    (bench, m, from)
}

/// M is detached before it reads the withdrawal: nobody knows that M has identifier 1, which nothing uses now (rule 14).
#[test]
fn m_a_detached_member_is_told_to_drop_what_nobody_knows_it_has() {
    let (mut bench, m, from) = unread_withdrawal(255);
    assert!(bench.rib.detach(m));
    bench.settle();
    assert_eq!(bench.paths(m, block(1)), [(2, hop(from[1]))]);
    assert_eq!(bench.paths(m, block(2)).len(), 2);
    assert_eq!(bench.rib.stats().detached, 0);
}

/// As the former, and the other path goes, too: the tombstone stays for M (rule 5), and remembers what it may have.
#[test]
fn m_the_tombstone_remembers_the_identifiers() {
    let (mut bench, m, from) = unread_withdrawal(255);
    assert!(bench.rib.detach(m));
    bench.withdraw(from[1], block(1));
    bench.pull();
    assert_eq!(bench.rib.stats().tombstones, 1);
    bench.settle();
    assert_eq!(bench.paths(m, block(1)), []);
    bench.settle();
    assert_eq!(bench.rib.stats().tombstones, 0);
    assert_eq!(bench.rib.stats().destinations, 1);
}

/// As the first, with a move to the group of other settings, which never told of identifier 1 (rule 13).
#[test]
fn m_a_member_that_moves_to_another_group_keeps_nothing_stale() {
    let (mut bench, m, from) = unread_withdrawal(255);
    let settings = bench.path_settings(CLIENT, 3);
    let other = PeerId(9);
    bench.join_with(other, &settings);
    bench.rib.change(&[(m, settings)]);
    bench.settle();
    assert_eq!(bench.paths(m, block(1)), [(2, hop(from[1]))]);
    assert_eq!(bench.paths(other, block(1)), [(2, hop(from[1]))]);
    assert_eq!(bench.rib.stats().groups, 2);
}

/// M has C's path by identifier 1, is detached, and C's goes and M's own comes in its place: it is told as it was when M is
/// back, and nothing would withdraw C's from M (rule 11).
#[test]
fn c_what_is_pending_when_a_member_comes_back_is_told_once_more() {
    let mut bench = Bench::new(config());
    let m = bench.up_for_paths(2, CLIENT, 255);
    let c = bench.up(3, CLIENT);
    let other = bench.up_for_paths(4, CLIENT, 255);
    bench.route(c, block(1), &plain(&[]));
    bench.settle();
    assert!(bench.rib.detach(m));
    bench.withdraw(c, block(1));
    bench.route(m, block(1), &plain(&[]));
    bench.pull();
    // The same again: a change that is none, and pending while M comes back.
    bench.route(m, block(1), &plain(&[]));
    bench.read_all(m);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.settle();
    assert_eq!(bench.paths(m, block(1)), []);
    assert_eq!(bench.paths(other, block(1)), [(1, hop(m))]);
}

/// As c, with all withdrawn and pulled, M's own path announced, pending while M comes back, and withdrawn: from nothing to
/// nothing the group would say nothing (rules 3 and 11).
#[test]
fn d_what_is_withdrawn_while_a_member_comes_back_is_told_again() {
    let mut bench = Bench::new(config());
    let m = bench.up_for_paths(2, CLIENT, 255);
    let c = bench.up(3, CLIENT);
    bench.route(c, block(1), &plain(&[]));
    bench.settle();
    assert!(bench.rib.detach(m));
    bench.withdraw(c, block(1));
    bench.pull();
    bench.route(m, block(1), &plain(&[]));
    bench.read_all(m);
    assert_eq!(bench.rib.stats().detached, 0);
    bench.withdraw(m, block(1));
    bench.settle();
    assert_eq!(bench.paths(m, block(1)), []);
}

/// A path that has not changed is not told again, so who joins while its destination is pending must have it from what
/// the group told, not from the log.
#[test]
fn who_joins_gets_what_was_told_of_pending_destinations() {
    let mut bench = Bench::new(config());
    let first = bench.up_for_paths(2, CLIENT, 255);
    let from = [bench.up(3, CLIENT), bench.up(4, CLIENT)];
    for client in from {
        bench.route(client, block(1), &plain(&[]));
        bench.settle();
    }
    // The image that others have begun with is dropped.
    bench.route(from[0], block(2), &plain(&[]));
    bench.settle();
    bench.withdraw(from[0], block(2));
    bench.settle();
    bench.route(from[1], block(1), &plain(&[65001]));
    let late = bench.up_for_paths(5, CLIENT, 255);
    while bench.rib.work(64) {}
    bench.settle();
    let held = [(1, hop(from[0])), (2, hop(from[1]))];
    assert_eq!(bench.paths(late, block(1)), held);
    assert_eq!(bench.paths(first, block(1)), held);
    assert_eq!(bench.peers[&late].paths, bench.peers[&first].paths);
}

#[test]
fn a_refresh_repeats_all_paths() {
    let (mut bench, to, _) = anycast(3);
    let held = std::mem::take(&mut bench.peers.get_mut(&to).unwrap().paths);
    bench.rib.refresh(to, Family::Ipv4Unicast);
    bench.settle();
    assert_eq!(bench.peers[&to].paths, held);
    assert_eq!(held.len(), 3);
}

#[test]
fn settings_that_change_are_told_path_by_path() {
    let (mut bench, to, from) = anycast(3);
    bench.announce(
        PeerId::LOCAL,
        block(1),
        &plain(&[]),
        NextHop::V4([192, 0, 2, 1].into()),
    );
    bench.settle();
    assert_eq!(bench.paths(to, block(1)).len(), 4);
    let mut settings = bench.path_settings(CLIENT, 255);
    settings.export = Arc::new(policy::Export::new(policy::ExportMode::Local));
    bench.rib.change(&[(to, settings)]);
    bench.settle();
    let own = [(4, IpAddr::from([192, 0, 2, 1]))];
    assert_eq!(bench.paths(to, block(1)), own);
    let settings = bench.path_settings(CLIENT, 2);
    bench.rib.change(&[(to, settings)]);
    bench.settle();
    let best = [(1, hop(from[0])), own[0]];
    assert_eq!(bench.paths(to, block(1)), best);
    // The cluster id changes every reflected path, though what was told is the same.
    bench.forget_seen();
    let mut settings = bench.path_settings(CLIENT, 2);
    settings.cluster_id = [10, 9, 9, 9].into();
    bench.rib.change(&[(to, settings)]);
    bench.settle();
    let seen = vec![Seen::Announce(vec![block(1)]); 2];
    assert_eq!(bench.seen(to), seen);
}

#[test]
fn a_path_too_large_for_a_message_is_withdrawn_and_the_others_stay() {
    let (mut bench, to, from) = anycast(2);
    let mut attrs = plain(&[]);
    let many: Vec<wire::Community> = (0..1100).map(wire::Community).collect();
    attrs.set_communities(&many);
    bench.route(from[0], block(1), &attrs);
    bench.settle();
    assert_eq!(bench.paths(to, block(1)), [(2, hop(from[1]))]);
    assert_eq!(bench.rib.group_counters(to).unwrap().too_large, 1);
    assert_eq!(bench.rib.advertised_counts(to), [1, 0]);
    bench.route(from[0], block(1), &plain(&[]));
    bench.settle();
    assert_eq!(bench.paths(to, block(1)).len(), 2);
}

#[test]
fn who_is_told_of_the_best_path_alone_is_not_bothered() {
    let (mut bench, to, from) = anycast(2);
    let best = bench.rib.group_counters(from[0]).unwrap();
    let all = bench.rib.group_counters(to).unwrap();
    bench.route(from[1], block(1), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.rib.group_counters(from[0]).unwrap(), best);
    assert!(bench.rib.group_counters(to).unwrap().announced > all.announced);
}

#[test]
fn only_those_with_such_a_group_pay() {
    let mut bench = Bench::new(RibConfig {
        tombstone_limit: 10_000,
        ..config()
    });
    let from = [bench.up(3, CLIENT), bench.up(4, CLIENT)];
    for n in 0..3000 {
        bench.route(from[0], block(n), &plain(&[n + 1]));
        bench.route(from[1], block(n), &plain(&[n + 1, n + 1]));
    }
    bench.settle();
    let before = bench.rib.stats();
    let to = bench.up_for_paths(2, CLIENT, 255);
    bench.settle();
    assert_eq!(bench.peers[&to].paths.len(), 6000);
    let with = bench.rib.stats();
    assert!(with.table_bytes > before.table_bytes + 6000 * 24);
    // Withdrawn destinations wait for a reader that goes.
    for n in 0..1000 {
        bench.withdraw(from[0], block(n));
        bench.withdraw(from[1], block(n));
    }
    bench.pull();
    for client in from {
        bench.read_all(client);
    }
    bench.pull();
    bench.down(to);
    assert!(bench.rib.has_work());
    bench.settle();
    let after = bench.rib.stats();
    assert!(bench.rib.multi.is_none());
    assert_eq!((after.destinations, after.attribute_sets), (2000, 4000));
    assert!(after.table_bytes <= before.table_bytes);
}

/// The list of such groups begins empty, and what was there before comes in slices: End-of-RIB is behind all of it, also
/// for a member that is detached and comes back on the way.
#[test]
fn end_of_rib_waits_for_what_was_there_before_the_first_such_group() {
    for is_detached in [false, true] {
        let mut bench = Bench::new(config());
        let from = [bench.up(3, CLIENT), bench.up(4, CLIENT)];
        for n in 0..3000 {
            bench.route(from[0], block(n), &plain(&[65001]));
            bench.route(from[1], block(n), &plain(&[65001, 65002]));
        }
        bench.settle();
        let to = bench.up_for_paths(2, CLIENT, 255);
        let mut rounds = 0;
        let mut parts = 0;
        while bench.rib.work(100) {
            if is_detached && rounds == 5 {
                assert!(bench.rib.detach(to));
            }
            bench.pull();
            bench.read_all(to);
            let peer = &bench.peers[&to];
            assert!(peer.end_of_rib == [0, 0] || peer.paths.len() == 6000);
            parts += usize::from(peer.paths.len() < 6000);
            rounds += 1;
        }
        assert!(parts > 20, "{parts} of {rounds}");
        bench.settle();
        assert_eq!(bench.peers[&to].end_of_rib, [1, 1]);
        assert_eq!(bench.peers[&to].paths.len(), 6000);
    }
}
