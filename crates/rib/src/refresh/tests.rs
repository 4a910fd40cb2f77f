use wire::{Families, Family, Nlri};

use crate::testing::{Bench, Seen, address, block, config, plain, prefix, source};
use crate::*;

const V4: Family = Family::Ipv4Unicast;
const CLIENT: PeerKind = PeerKind::IbgpClient;

/// A client that announced so many blocks and an IPv6 prefix, and one that learned them.
fn bench(blocks: u32) -> (Bench, PeerId, PeerId) {
    let mut bench = Bench::new(config());
    let (from, to) = (bench.up(2, CLIENT), bench.up(3, CLIENT));
    for n in 1..=blocks {
        bench.route(from, block(n), &plain(&[65001]));
    }
    bench.route(from, prefix("2001:db8:1::/48"), &plain(&[65001]));
    bench.settle();
    bench.forget_seen();
    (bench, from, to)
}

#[test]
fn what_is_not_announced_anew_goes_at_the_end() {
    // Destinations of a peer are known while they are few; otherwise they are looked for.
    for blocks in [3, 500] {
        let (mut bench, from, to) = bench(blocks);
        bench.rib.begin_refresh(from, V4);
        let stale = |bench: &Bench, n| bench.rib.best(&block(n)).is_some_and(|view| view.stale);
        assert!(stale(&bench, 1));
        bench.route(from, block(1), &plain(&[65001]));
        bench.route(from, block(2), &plain(&[65002]));
        bench.route(from, block(900), &plain(&[65001]));
        bench.settle();
        assert!(!stale(&bench, 1) && stale(&bench, 3));
        assert_eq!(bench.holds(to).len(), blocks as usize + 2, "nothing went");
        bench.rib.end_refresh(from, V4);
        bench.settle();
        let six = prefix("2001:db8:1::/48");
        assert_eq!(bench.holds(to), [block(1), block(2), block(900), six]);
        assert!(!stale(&bench, 1));
        assert!(bench.rib.marks.is_none(), "marks are forgotten");
        assert_eq!(bench.rib.path_counts(from)[0].received, 3);
    }
}

#[test]
fn what_comes_while_the_rest_is_taken_out_stays() {
    let (mut bench, from, to) = bench(500);
    bench.rib.begin_refresh(from, V4);
    bench.rib.end_refresh(from, V4);
    bench.rib.work(100);
    for n in [1, 250, 499] {
        bench.route(from, block(n), &plain(&[65001]));
    }
    bench.settle();
    assert_eq!(bench.holds(to)[..3], [block(1), block(250), block(499)]);
    assert_eq!(bench.rib.path_counts(from)[0].received, 3);
}

#[test]
fn a_refresh_that_begins_again_begins_with_all() {
    let (mut bench, from, to) = bench(3);
    bench.rib.end_refresh(from, V4);
    bench.rib.begin_refresh(from, V4);
    bench.route(from, block(1), &plain(&[65001]));
    bench.rib.begin_refresh(from, V4);
    bench.route(from, block(2), &plain(&[65001]));
    bench.rib.end_refresh(from, V4);
    bench.settle();
    assert_eq!(bench.holds(to), [block(2), prefix("2001:db8:1::/48")]);
}

#[test]
fn each_path_of_a_source_is_announced_anew_by_itself() {
    let mut bench = Bench::new(config());
    let from = PeerId(2);
    bench.source_of_paths(from, CLIENT.into(), 9);
    let nlri = |path_id| Nlri {
        prefix: block(1),
        path_id,
    };
    for id in [1, 2, 3] {
        bench.announce_path(from, nlri(id), &plain(&[]), address(from).into(), Ok(()));
    }
    bench.rib.begin_refresh(from, V4);
    bench.announce_path(from, nlri(2), &plain(&[]), address(from).into(), Ok(()));
    bench.rib.end_refresh(from, V4);
    bench.settle();
    let left = bench.rib.paths(&block(1));
    assert!(matches!(&left[..], [(view, _)] if view.path_id == 2));
}

/// RFC 4724 4.2: what a peer has when it goes is kept, whether it had announced it anew or not.
#[test]
fn a_session_that_ends_in_a_refresh_loses_nothing() {
    let (mut bench, from, to) = bench(3);
    bench.rib.begin_refresh(from, V4);
    bench.route(from, block(1), &plain(&[65001]));
    bench
        .rib
        .source_down_keeping(from, Families::ALL, Families::EMPTY);
    assert!(bench.rib.marks.is_none());
    bench.rib.source_up(from, source(from, CLIENT.into()));
    bench.rib.end_refresh(from, V4);
    bench.settle();
    assert_eq!(bench.holds(to).len(), 4);
}

/// The end of a refresh comes behind all routes, those too that changed while it was under way.
#[test]
fn a_receiver_is_told_of_the_end_behind_the_last_route() {
    let (mut bench, from, to) = bench(500);
    assert!(bench.refresh_with_end(to, V4));
    bench.rib.work(100);
    bench.read(to, 1000);
    bench.route(from, block(400), &plain(&[65009]));
    bench.withdraw(from, block(3));
    bench.settle();
    let seen = &bench.peers[&to].seen;
    assert_eq!(seen.last(), Some(&Seen::EndOfRefresh(V4)), "{seen:?}");
    assert_eq!(bench.holds(to).len(), 500);
    assert_eq!(bench.peers[&to].end_of_rib, [1, 1]);
    // One that reads by itself meanwhile is told, too.
    assert!(bench.refresh_with_end(to, V4));
    bench.rib.detach(to);
    bench.route(from, block(401), &plain(&[65009]));
    bench.settle();
    assert_eq!(bench.holds(to).len(), 500);
    assert_eq!(bench.peers[&to].outdated, [None, None], "it was ended");
}

/// RFC 7313 4: not before the End-of-RIB.
#[test]
fn a_first_table_has_no_refresh() {
    let (mut bench, _, _) = bench(500);
    let late = bench.up(4, CLIENT);
    assert!(!bench.refresh_with_end(late, V4));
    bench.settle();
    assert_eq!(bench.holds(late).len(), 501);
    assert!(bench.refresh_with_end(late, V4));
    bench.settle();
    assert_eq!(bench.holds(late).len(), 501);
}
