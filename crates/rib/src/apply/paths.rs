//! Several paths of a prefix from one source (RFC 7911).

use wire::{Families, NextHop, Nlri};

use crate::testing::{Bench, Seen, address, block, config, plain};
use crate::*;

const CLIENT: PeerKind = PeerKind::IbgpClient;

/// A bench with a client that may have up to `most` paths of a prefix, and one that is told of the best.
fn bench(most: u8) -> (Bench, PeerId, PeerId) {
    let mut bench = Bench::new(config());
    let from = PeerId(2);
    bench.source_of_paths(from, CLIENT.into(), most);
    bench.join(from, CLIENT);
    let to = bench.up(3, CLIENT);
    bench.settle();
    (bench, from, to)
}

/// The peer announces the first block under an identifier, with a path of so many hops.
fn announce(bench: &mut Bench, from: PeerId, path_id: u32, hops: usize) -> usize {
    let path: Vec<u32> = (0..hops).map(|_| 65001).collect();
    let nlri = nlri(path_id);
    let hop = NextHop::V4(address(PeerId(20 + path_id)));
    bench.announce_path(from, nlri, &plain(&path), hop, Ok(()))
}

fn nlri(path_id: u32) -> Nlri {
    let prefix = block(1);
    Nlri { prefix, path_id }
}

/// The identifiers of the paths that are kept, the best first.
fn kept(bench: &Bench) -> Vec<u32> {
    let paths = bench.rib.paths(&block(1)).into_iter();
    let mut ids: Vec<u32> = paths.map(|(view, _)| view.path_id).collect();
    ids[1..].sort_unstable();
    ids
}

/// The next hop by which a receiver reaches the first block, as the number of a path.
fn hop(bench: &Bench, to: PeerId) -> Option<u32> {
    let held = bench.peers[&to].table.get(&block(1))?;
    let all = 0..100;
    let mut all = all.filter(|id| held.next_hop == NextHop::V4(address(PeerId(20 + id))));
    all.next()
}

#[test]
fn paths_come_are_replaced_and_go_by_their_identifier() {
    let (mut bench, from, to) = bench(255);
    for (id, hops) in [(0, 3), (7, 1), (9, 2)] {
        assert_eq!(announce(&mut bench, from, id, hops), 0);
    }
    bench.settle();
    assert_eq!(kept(&bench), [7, 0, 9]);
    assert_eq!(hop(&bench, to), Some(7));
    announce(&mut bench, from, 7, 4);
    bench.settle();
    assert_eq!((kept(&bench).len(), hop(&bench, to)), (3, Some(9)));
    bench.rib.withdraw(from, nlri(9));
    bench.rib.withdraw(from, nlri(8));
    bench.settle();
    assert_eq!((kept(&bench).len(), hop(&bench, to)), (2, Some(0)));
    let mut back = bench.peers[&from].seen.iter();
    let is_route = |seen: &Seen| matches!(seen, Seen::Announce(_));
    assert!(!back.any(is_route), "nothing goes back to the source");
    assert_eq!(bench.rib.path_counts(from)[0].received, 2);
    bench.down(from);
    bench.settle();
    assert_eq!(hop(&bench, to), None);
    let stats = bench.rib.stats();
    assert_eq!((stats.paths, stats.attribute_sets), (0, 0));
}

/// RFC 4271 9.1.2.2 says nothing of them: the lower identifier decides at last.
#[test]
fn equal_paths_of_one_source_are_told_apart() {
    let (mut bench, from, to) = bench(255);
    for id in [5, 3, 4] {
        announce(&mut bench, from, id, 1);
    }
    bench.settle();
    assert_eq!((kept(&bench)[0], hop(&bench, to)), (3, Some(3)));
    let rungs = bench.rib.paths(&block(1));
    let rungs: Vec<_> = rungs.into_iter().filter_map(|(_, rung)| rung).collect();
    assert_eq!(rungs, [Rung::PathId, Rung::PathId]);
}

#[test]
fn no_more_are_taken_than_the_source_may_have() {
    let (mut bench, from, to) = bench(2);
    assert_eq!(announce(&mut bench, from, 1, 3), 0);
    assert_eq!(announce(&mut bench, from, 2, 2), 0);
    assert_eq!(announce(&mut bench, from, 3, 1), 1, "one too many");
    bench.settle();
    assert_eq!((kept(&bench), hop(&bench, to)), (vec![2, 1], Some(2)));
    assert_eq!(announce(&mut bench, from, 1, 1), 0, "in place of another");
    bench.rib.withdraw(from, nlri(2));
    assert_eq!(announce(&mut bench, from, 3, 2), 0, "there is room again");
    bench.settle();
    assert_eq!((kept(&bench), hop(&bench, to)), (vec![1, 3], Some(1)));
}

#[test]
fn a_receiver_of_several_paths_gets_those_of_one_source() {
    let (mut bench, from, _) = bench(255);
    let to = bench.up_for_paths(4, CLIENT, 255);
    for id in [0, 6] {
        announce(&mut bench, from, id, 2);
    }
    bench.settle();
    assert_eq!(bench.peers[&to].paths.len(), 2);
    bench.rib.withdraw(from, nlri(0));
    bench.settle();
    let left: Vec<_> = bench.peers[&to].paths.values().collect();
    let hop = NextHop::V4(address(PeerId(26)));
    assert!(matches!(left[..], [only] if only.next_hop == hop));
}

/// RFC 4724 4.2, path by path.
#[test]
fn what_is_kept_of_a_source_goes_by_identifier() {
    let (mut bench, from, to) = bench(3);
    for (id, hops) in [(1, 1), (2, 2), (3, 3)] {
        announce(&mut bench, from, id, hops);
    }
    bench.settle();
    bench.peers.get_mut(&to).unwrap().seen.clear();
    bench.rib.leave(from);
    bench
        .rib
        .source_down_keeping(from, Families::ALL, Families::EMPTY);
    bench.source_of_paths(from, CLIENT.into(), 3);
    bench.join(from, CLIENT);
    announce(&mut bench, from, 1, 1);
    announce(&mut bench, from, 3, 4);
    bench.settle();
    assert!(bench.peers[&to].seen.is_empty(), "the best one stays");
    assert_eq!(bench.rib.kept_counts(from)[0].received, 1);
    assert_eq!(bench.rib.path_counts(from)[0].received, 2);
    bench.rib.drop_kept(from, Families::ALL);
    bench.rib.withdraw(from, nlri(1));
    bench.settle();
    assert_eq!((kept(&bench), hop(&bench, to)), (vec![3], Some(3)));
}

#[test]
fn one_path_is_a_limit_too() {
    let (mut bench, from, to) = bench(1);
    assert_eq!(announce(&mut bench, from, 4, 2), 0);
    for id in (0..4).chain(5..50) {
        assert_eq!(announce(&mut bench, from, id, 1), 1);
    }
    bench.settle();
    assert_eq!((kept(&bench), hop(&bench, to)), (vec![4], Some(4)));
    assert_eq!(announce(&mut bench, from, 4, 3), 0, "it replaces its own");
    bench.rib.withdraw(from, nlri(4));
    assert_eq!(announce(&mut bench, from, 7, 1), 0);
    bench.settle();
    assert_eq!(kept(&bench), [7]);
}
