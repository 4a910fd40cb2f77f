//! Paths that outlive the session they came by (RFC 4724 section 4.2).

use wire::{Families, Family, Prefix};

use crate::testing::{Bench, block, config, plain, prefix, source};
use crate::*;

const V4: Families = Families::only(Family::Ipv4Unicast);
const V6: Families = Families::only(Family::Ipv6Unicast);

/// A bench with a client that announced three blocks and an IPv6 prefix, and one that learned them.
fn bench() -> (Bench, PeerId, PeerId) {
    let mut bench = Bench::new(config());
    let from = bench.up(2, PeerKind::IbgpClient);
    let to = bench.up(3, PeerKind::IbgpClient);
    for n in 1..=3 {
        bench.route(from, block(n), &plain(&[65001]));
    }
    bench.route(from, six(), &plain(&[65001]));
    bench.settle();
    assert_eq!(bench.holds(to).len(), 4);
    bench.peers.get_mut(&to).unwrap().seen.clear();
    (bench, from, to)
}

fn six() -> Prefix {
    prefix("2001:db8:1::/48")
}

/// The client goes and its routes of these families are kept.
fn lose(bench: &mut Bench, peer: PeerId, kept: Families) {
    bench.rib.leave(peer);
    bench.rib.source_down_keeping(peer, kept, Families::EMPTY);
    bench.peers.remove(&peer);
    bench.settle();
}

fn come_back(bench: &mut Bench, peer: PeerId) {
    bench.up(peer.0, PeerKind::IbgpClient);
    bench.settle();
}

#[test]
fn kept_families_stay_and_others_go() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, V4);
    assert_eq!(bench.holds(to), [block(1), block(2), block(3)]);
    assert_eq!(
        bench.rib.kept_counts(from).map(|counts| counts.received),
        [3, 0]
    );
    assert!(bench.rib.best(&block(1)).is_some_and(|view| view.stale));
    bench.rib.drop_kept(from, Families::ALL);
    bench.settle();
    assert!(bench.holds(to).is_empty());
    assert_eq!(bench.rib.stats().paths, 0);
    assert_eq!(bench.rib.stats().attribute_sets, 0);
}

#[test]
fn nobody_hears_of_a_peer_that_returns_with_the_same_routes() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, Families::ALL);
    come_back(&mut bench, from);
    assert!(bench.peers[&from].table.is_empty(), "its own routes");
    for n in 1..=3 {
        bench.route(from, block(n), &plain(&[65001]));
    }
    bench.route(from, six(), &plain(&[65001]));
    bench.rib.drop_kept(from, Families::ALL);
    bench.settle();
    assert_eq!(bench.holds(to).len(), 4);
    assert!(
        bench.peers[&to].seen.is_empty(),
        "{:?}",
        bench.peers[&to].seen
    );
    assert_eq!(
        bench.rib.path_counts(from).map(|counts| counts.accepted),
        [3, 1]
    );
    assert_eq!(
        bench.rib.kept_counts(from).map(|counts| counts.received),
        [0, 0]
    );
    assert!(bench.rib.best(&block(1)).is_some_and(|view| !view.stale));
}

#[test]
fn what_is_announced_anew_replaces_and_the_rest_goes_by_family() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, Families::ALL);
    come_back(&mut bench, from);
    bench.route(from, block(1), &plain(&[65002]));
    bench.withdraw(from, block(2));
    bench.settle();
    assert_eq!(bench.holds(to), [block(1), block(3), six()]);
    assert_eq!(bench.rib.stats().paths, 3);
    bench.rib.drop_kept(from, V4);
    bench.settle();
    assert_eq!(bench.holds(to), [block(1), six()]);
    bench.rib.drop_kept(from, V6);
    bench.settle();
    assert_eq!(bench.holds(to), [block(1)]);
    assert_eq!(bench.rib.stats().paths, 1);
}

#[test]
fn a_second_loss_may_keep_what_is_left_of_the_first() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, Families::ALL);
    for session in 0..6 {
        come_back(&mut bench, from);
        bench.route(from, block(10 + session), &plain(&[65001]));
        bench.rib.leave(from);
        bench.rib.source_down_keeping(from, Families::ALL, V4);
        bench.peers.remove(&from);
        bench.settle();
    }
    // Four sessions are kept at most, and of the other family the latest alone.
    let left: Vec<Prefix> = (12..16).map(block).collect();
    assert_eq!(bench.holds(to), left);
    come_back(&mut bench, from);
    bench.route(from, block(13), &plain(&[65001]));
    bench.withdraw(from, block(14));
    bench.route(from, block(15), &plain(&[65002]));
    bench.rib.drop_kept(from, Families::ALL);
    bench.settle();
    assert_eq!(bench.holds(to), [block(13), block(15)]);
    assert_eq!(bench.rib.stats().paths, 2);
}

#[test]
fn what_is_kept_for_long_is_marked_and_comes_last() {
    for many in [3, 200] {
        let mut bench = Bench::new(config());
        let from = bench.up(2, PeerKind::IbgpClient);
        let other = bench.up(3, PeerKind::IbgpClient);
        let knows = bench.up(4, PeerKind::IbgpClient);
        let id = PeerId(5);
        bench.rib.source_up(id, source(id, SourceKind::IbgpClient));
        let mut settings = bench.settings(PeerKind::IbgpClient);
        settings.stale = StaleRule::Withheld;
        bench.join_with(id, &settings);
        for n in 1..=many {
            bench.route(from, block(n), &plain(&[]));
        }
        let mut never = plain(&[]);
        never.set_communities(&[wire::Community::NO_LLGR]);
        bench.route(from, block(1), &never);
        bench.route(other, block(2), &plain(&[65001, 65002]));
        bench.settle();
        lose(&mut bench, from, V4);
        assert_eq!(bench.holds(id).len(), many as usize);
        bench.rib.age_kept(from, V4);
        bench.settle();
        let best = bench.rib.best(&block(2)).unwrap();
        assert_eq!(
            (best.peer, best.stale),
            (other, false),
            "whatever it is worth"
        );
        let paths = bench.rib.paths(&block(2));
        assert_eq!(paths[1].1, Some(Rung::LongStale));
        let marks: Vec<_> = paths[1].0.attrs.communities().collect();
        assert_eq!(marks, [wire::Community::LLGR_STALE]);
        assert!(
            bench.rib.best(&block(1)).is_none(),
            "it asked not to be kept"
        );
        assert_eq!(bench.holds(id), [block(2)]);
        let kept: Vec<Prefix> = (2..=many).map(block).collect();
        assert_eq!(bench.holds(knows), kept);
        assert_eq!(bench.rib.kept_counts(from)[0].received, many - 1);
        // Who comes back and says the same is a route like any other again.
        come_back(&mut bench, from);
        bench.route(from, block(3), &plain(&[]));
        bench.rib.drop_kept(from, Families::ALL);
        bench.settle();
        assert_eq!(bench.holds(id), [block(2), block(3)]);
        assert_eq!(bench.rib.stats().paths, 2);
    }
}

#[test]
fn a_second_loss_keeps_only_the_latest_session() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, Families::ALL);
    come_back(&mut bench, from);
    bench.route(from, block(1), &plain(&[65001]));
    lose(&mut bench, from, Families::ALL);
    assert_eq!(bench.holds(to), [block(1)]);
    assert_eq!(
        bench.rib.kept_counts(from).map(|counts| counts.received),
        [1, 0]
    );
}

#[test]
fn a_peer_that_returns_as_another_has_its_routes_told_again() {
    let (mut bench, from, to) = bench();
    lose(&mut bench, from, Families::ALL);
    let mut other = source(from, SourceKind::IbgpClient);
    other.router_id = "9.9.9.9".parse().unwrap();
    bench.rib.source_up(from, other);
    bench.route(from, block(1), &plain(&[65001]));
    bench.settle();
    let told = bench.peers[&to].seen.clone();
    assert_eq!(told.len(), 1, "its ORIGINATOR_ID is another one: {told:?}");
}

#[test]
fn end_of_rib_waits_until_it_may_be_sent() {
    let mut bench = Bench::new(config());
    bench.rib.hold_end_of_rib(true);
    let early = bench.up(2, PeerKind::IbgpClient);
    bench.route(early, block(1), &plain(&[65001]));
    let late = bench.up(3, PeerKind::IbgpClient);
    bench.settle();
    assert_eq!(bench.holds(late), [block(1)]);
    for peer in [early, late] {
        assert_eq!(bench.peers[&peer].end_of_rib, [0, 0]);
    }
    bench.rib.hold_end_of_rib(false);
    bench.settle();
    for peer in [early, late] {
        assert_eq!(bench.peers[&peer].end_of_rib, [1, 1]);
    }
}
