use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

fn path() -> PathKey {
    PathKey {
        long_stale: false,
        weight: 0,
        local: 2,
        local_pref: 100,
        as_path_len: 1,
        origin: Origin::Igp,
        neighbor_as: Asn(64513),
        med: 0,
        internal: false,
        igp_cost: 0,
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        cluster_list_len: 0,
        peer_address: IpAddr::from([10, 0, 0, 1]),
        path_id: 0,
        peer: PeerId(2),
    }
}

/// A field that mostly has one value, so that paths tie far down the ladder.
fn mostly<T: Clone + std::fmt::Debug + 'static>(usual: T, other: T) -> impl Strategy<Value = T> {
    prop_oneof![4 => Just(usual), 1 => Just(other)]
}

prop_compose! {
    fn any_path()(
        (long_stale, weight, local, local_pref, as_path_len, origin) in (
            mostly(false, true), mostly(0u32, 1), mostly(2u8, 1), mostly(100u32, 200), mostly(1u16, 2),
            mostly(Origin::Igp, Origin::Incomplete)),
        (neighbor_as, med, internal, igp_cost) in (
            1u32..=3, 0u32..=2, any::<bool>(), mostly(0u32, 10)),
        (router_id, cluster_list_len, address, path_id) in (
            mostly(1u8, 2), mostly(0u16, 1), mostly(1u8, 2), 0u32..=1),
    ) -> PathKey {
        PathKey {
            long_stale, weight, local, local_pref, as_path_len, origin,
            neighbor_as: Asn(neighbor_as),
            med, internal, igp_cost,
            router_id: Ipv4Addr::new(10, 0, 0, router_id),
            cluster_list_len,
            peer_address: IpAddr::from([10, 0, 0, address]),
            path_id,
            peer: PeerId(0),
        }
    }
}

prop_compose! {
    /// Paths that all tie as far as MED, so that it decides who meets whom.
    fn any_path_at_med(neighbors: u32)(
        neighbor_as in 1..=neighbors,
        med in 0u32..=2,
        internal in mostly(false, true),
        router_id in 1u8..=4,
    ) -> PathKey {
        PathKey {
            neighbor_as: Asn(neighbor_as),
            med,
            internal,
            router_id: Ipv4Addr::new(10, 0, 0, router_id),
            ..path()
        }
    }
}

/// Paths with slots of their own, as the table has them.
fn tight_paths(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<PathKey>> {
    let anywhere = prop::collection::vec(any_path(), count.clone());
    let at_med = prop::collection::vec(any_path_at_med(3), count);
    prop_oneof![anywhere, at_med].prop_map(with_slots)
}

fn with_slots(mut paths: Vec<PathKey>) -> Vec<PathKey> {
    for (slot, path) in (2..).zip(&mut paths) {
        path.peer = PeerId(slot);
    }
    paths
}

fn best_of(paths: &[PathKey]) -> (usize, Rung) {
    choose(paths.iter().copied()).unwrap()
}

/// RFC 4271 9.1.2.2 as it is written: strike out step by step until one is left.
fn eliminate(paths: &[PathKey]) -> (PathKey, Rung) {
    let mut left = paths.to_vec();
    let mut last = Rung::OnlyPath;
    for rung in Rung::LADDER {
        let before = left.clone();
        left.retain(|path| {
            !before.iter().any(|other| match rung {
                Rung::OnlyPath => false,
                Rung::LongStale => !other.long_stale && path.long_stale,
                Rung::Weight => other.weight > path.weight,
                Rung::Local => other.local < path.local,
                Rung::LocalPref => other.local_pref > path.local_pref,
                Rung::AsPathLength => other.as_path_len < path.as_path_len,
                Rung::Origin => other.origin < path.origin,
                Rung::Med => other.neighbor_as == path.neighbor_as && other.med < path.med,
                Rung::External => !other.internal && path.internal,
                Rung::IgpCost => other.igp_cost < path.igp_cost,
                Rung::RouterId => other.router_id < path.router_id,
                Rung::ClusterListLength => other.cluster_list_len < path.cluster_list_len,
                Rung::PeerAddress => other.peer_address < path.peer_address,
                Rung::PathId => (other.path_id, other.peer) < (path.path_id, path.peer),
            })
        });
        if left.len() < before.len() {
            last = rung;
        }
    }
    assert_eq!(left.len(), 1);
    (left[0], last)
}

#[test]
fn no_paths_no_best_and_one_needs_no_rung() {
    assert_eq!(choose(std::iter::empty()), None);
    assert_eq!(best_of(&[path()]), (0, Rung::OnlyPath));
}

#[test]
fn each_rung_prefers_its_better_side() {
    let a = path();
    let worse: [(Rung, PathKey, PathKey); 12] = [
        (
            Rung::LongStale,
            a,
            PathKey {
                long_stale: true,
                weight: 9,
                ..a
            },
        ),
        (Rung::Weight, PathKey { weight: 1, ..a }, a),
        (
            Rung::Local,
            PathKey { local: 0, ..a },
            PathKey { local: 1, ..a },
        ),
        (
            Rung::LocalPref,
            PathKey {
                local_pref: 101,
                ..a
            },
            a,
        ),
        (
            Rung::AsPathLength,
            a,
            PathKey {
                as_path_len: 2,
                ..a
            },
        ),
        (
            Rung::Origin,
            a,
            PathKey {
                origin: Origin::Egp,
                ..a
            },
        ),
        (Rung::Med, a, PathKey { med: 1, ..a }),
        (
            Rung::External,
            a,
            PathKey {
                internal: true,
                ..a
            },
        ),
        (Rung::IgpCost, a, PathKey { igp_cost: 1, ..a }),
        (
            Rung::RouterId,
            a,
            PathKey {
                router_id: Ipv4Addr::new(10, 0, 0, 2),
                ..a
            },
        ),
        (
            Rung::ClusterListLength,
            a,
            PathKey {
                cluster_list_len: 1,
                ..a
            },
        ),
        (
            Rung::PeerAddress,
            a,
            PathKey {
                peer_address: IpAddr::from([10, 0, 0, 2]),
                ..a
            },
        ),
    ];
    for (rung, better, worse) in worse {
        assert_eq!(compare(&better, &worse), (Ordering::Less, rung));
        assert_eq!(compare(&worse, &better), (Ordering::Greater, rung));
        assert_eq!(best_of(&[worse, better]), (1, rung));
    }
    for worse in [
        PathKey { path_id: 1, ..a },
        PathKey {
            peer: PeerId(3),
            ..a
        },
    ] {
        assert_eq!(compare(&a, &worse), (Ordering::Less, Rung::PathId));
    }
}

#[test]
fn med_is_compared_inside_one_neighboring_as_only() {
    let low = PathKey { med: 1, ..path() };
    let high = PathKey {
        med: 2,
        router_id: Ipv4Addr::new(10, 0, 0, 0),
        ..path()
    };
    assert_eq!(compare(&low, &high), (Ordering::Less, Rung::Med));
    let elsewhere = PathKey {
        neighbor_as: Asn(64999),
        ..high
    };
    assert_eq!(
        compare(&low, &elsewhere),
        (Ordering::Greater, Rung::RouterId)
    );
}

/// The textbook case: every pairwise tournament goes round in a circle.
#[test]
fn med_makes_no_circle() {
    let id = |last| Ipv4Addr::new(10, 0, 0, last);
    let a = PathKey {
        neighbor_as: Asn(1),
        med: 10,
        router_id: id(1),
        peer: PeerId(2),
        ..path()
    };
    let b = PathKey {
        neighbor_as: Asn(2),
        med: 0,
        router_id: id(2),
        peer: PeerId(3),
        ..path()
    };
    let c = PathKey {
        neighbor_as: Asn(1),
        med: 5,
        router_id: id(3),
        peer: PeerId(4),
        ..path()
    };
    assert_eq!(compare(&a, &b).0, Ordering::Less);
    assert_eq!(compare(&b, &c).0, Ordering::Less);
    assert_eq!(compare(&c, &a).0, Ordering::Less);
    for order in [
        [a, b, c],
        [c, b, a],
        [b, a, c],
        [a, c, b],
        [c, a, b],
        [b, c, a],
    ] {
        let (index, rung) = best_of(&order);
        assert_eq!(order[index], b);
        assert_eq!(rung, Rung::RouterId);
    }
}

#[test]
fn the_originator_stands_for_the_router_id() {
    let source = SourceInfo {
        kind: SourceKind::IbgpClient,
        remote_as: Asn(64512),
        local_as: Asn(64512),
        router_id: Ipv4Addr::new(10, 0, 0, 9),
        address: IpAddr::from([10, 0, 0, 9]),
        own_addresses: Vec::new(),
        role: None,
        paths: None,
        enforce_first_as: true,
        own_as_allowed: 0,
        cluster: crate::Cluster::own(Ipv4Addr::new(1, 1, 1, 1)),
        is_meshed: false,
    };
    let mut attrs = wire::AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[]);
    let key = AttrKey::of(attrs.view());
    let path = PathKey::new(&key, PeerId(5), &source, 3, 20);
    assert_eq!(path.router_id, source.router_id);
    assert_eq!((path.local, path.internal, path.local_pref), (2, true, 100));
    assert_eq!((path.path_id, path.igp_cost, path.peer), (3, 20, PeerId(5)));
    attrs.set_originator_id(Ipv4Addr::new(10, 0, 0, 1));
    let key = AttrKey::of(attrs.view());
    let path = PathKey::new(&key, PeerId(5), &source, 0, 0);
    assert_eq!(path.router_id, Ipv4Addr::new(10, 0, 0, 1));
}

#[test]
fn our_own_block_beats_the_api_and_both_beat_what_is_learned() {
    let source = |kind| SourceInfo {
        kind,
        remote_as: Asn(64512),
        local_as: Asn(64512),
        router_id: Ipv4Addr::new(10, 0, 0, 9),
        address: IpAddr::from([10, 0, 0, 9]),
        own_addresses: Vec::new(),
        role: None,
        paths: None,
        enforce_first_as: true,
        own_as_allowed: 0,
        cluster: crate::Cluster::own(Ipv4Addr::new(1, 1, 1, 1)),
        is_meshed: false,
    };
    let mut attrs = wire::AttrBuilder::new();
    attrs
        .set_origin(Origin::Incomplete)
        .set_as_path(&[Asn(1), Asn(2)]);
    let own = AttrKey::of(attrs.view());
    attrs
        .set_origin(Origin::Igp)
        .set_as_path(&[])
        .set_local_pref(1000);
    let learned = AttrKey::of(attrs.view());
    let local = PathKey::new(&own, PeerId::LOCAL, &source(SourceKind::Local), 0, 0);
    let api = PathKey::new(&own, PeerId::API, &source(SourceKind::Api), 0, 0);
    assert_eq!(compare(&local, &api), (Ordering::Less, Rung::Local));
    for kind in [
        SourceKind::Ebgp,
        SourceKind::IbgpClient,
        SourceKind::IbgpNonClient,
    ] {
        let learned = PathKey::new(&learned, PeerId(4), &source(kind), 0, 0);
        assert_eq!(compare(&api, &learned), (Ordering::Less, Rung::Local));
    }
}

#[test]
fn every_rung_decides_in_ten_thousand_draws() {
    let mut runner = TestRunner::deterministic();
    let (mut pairs, mut sets) = ([0u32; 14], [0u32; 14]);
    for _ in 0..10_000 {
        let paths = tight_paths(2..6).new_tree(&mut runner).unwrap().current();
        pairs[compare(&paths[0], &paths[1]).1 as usize] += 1;
        sets[best_of(&paths).1 as usize] += 1;
    }
    for rung in Rung::LADDER {
        assert!(
            pairs[rung as usize] > 0,
            "{rung:?} never decided a pair: {pairs:?}"
        );
        assert!(
            sets[rung as usize] > 0,
            "{rung:?} never decided a set: {sets:?}"
        );
    }
}

#[test]
fn multipath_takes_what_ties_and_no_path_that_med_struck_out() {
    let id = |last| Ipv4Addr::new(10, 0, 0, last);
    let best = path();
    let paths = [
        best,
        PathKey {
            router_id: id(2),
            peer: PeerId(3),
            ..best
        },
        PathKey {
            igp_cost: 1,
            peer: PeerId(4),
            ..best
        },
        PathKey {
            neighbor_as: Asn(7),
            med: 5,
            peer: PeerId(5),
            router_id: id(5),
            ..best
        },
        PathKey {
            neighbor_as: Asn(7),
            med: 6,
            peer: PeerId(6),
            router_id: id(6),
            ..best
        },
        PathKey {
            med: 1,
            peer: PeerId(7),
            router_id: id(7),
            ..best
        },
    ];
    assert_eq!(best_of(&paths).0, 0);
    let mut out = vec![99];
    multipath(paths.iter().copied(), &best, true, &mut out);
    assert_eq!(out, [0, 1, 3]);
    multipath(paths.iter().copied(), &best, false, &mut out);
    assert_eq!(out, [0, 1]);
}

#[test]
fn ties_are_asked_through_a_rung() {
    let a = path();
    let b = PathKey {
        router_id: Ipv4Addr::new(10, 0, 0, 2),
        ..a
    };
    assert!(tied_through(&a, &b, Rung::IgpCost));
    assert!(!tied_through(&a, &b, Rung::RouterId));
    assert!(tied_through(&a, &a, Rung::PathId));
}

#[test]
fn words_and_texts_are_unique() {
    let words: std::collections::BTreeSet<_> = Rung::LADDER.iter().map(|r| r.word()).collect();
    let texts: std::collections::BTreeSet<_> =
        Rung::LADDER.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), texts.len()), (13, 13));
    assert!(Rung::LADDER.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_best_path_is_independent_of_order(
        (paths, shuffled) in tight_paths(1..9)
            .prop_flat_map(|paths| (Just(paths.clone()), Just(paths).prop_shuffle())),
    ) {
        let (a, b) = (best_of(&paths), best_of(&shuffled));
        prop_assert_eq!(paths[a.0], shuffled[b.0]);
        prop_assert_eq!(a.1, b.1);
    }

    #[test]
    fn choose_is_the_elimination_of_the_rfc(paths in tight_paths(1..12)) {
        let (index, rung) = best_of(&paths);
        prop_assert_eq!((paths[index], rung), eliminate(&paths));
    }

    #[test]
    fn more_ases_than_have_room_inline_change_nothing(
        paths in prop::collection::vec(any_path_at_med(20), 9..60).prop_map(with_slots),
    ) {
        let (index, rung) = best_of(&paths);
        prop_assert_eq!((paths[index], rung), eliminate(&paths));
    }

    #[test]
    fn each_phase_is_a_total_order(paths in tight_paths(3..4), med: bool) {
        let [a, b, c] = paths[..] else { unreachable!() };
        let less = |x, y| ladder(x, y, med).0 == Ordering::Less;
        if less(&a, &b) && less(&b, &c) {
            prop_assert!(less(&a, &c));
        }
        prop_assert_eq!(less(&a, &b), !less(&b, &a));
        prop_assert_eq!(ladder(&a, &b, med).1, ladder(&b, &a, med).1);
    }

    #[test]
    fn incremental_answers_agree_with_a_rescan(paths in tight_paths(2..8), med_free: bool) {
        let mut paths = paths;
        if med_free {
            for path in &mut paths {
                path.med = 0;
            }
        }
        let (new, others) = paths.split_last().unwrap();
        let old = others[best_of(others).0];
        let best = paths[best_of(&paths).0];
        match challenge(new, &old) {
            Challenge::Keeps => prop_assert_eq!(best, old),
            Challenge::Takes => prop_assert_eq!(best, *new),
            Challenge::Rescan => prop_assert!(!med_free),
        }
    }

    #[test]
    fn multipath_is_the_elimination_through_igp_cost(paths in tight_paths(1..8)) {
        let best = paths[best_of(&paths).0];
        let mut out = Vec::new();
        multipath(paths.iter().copied(), &best, true, &mut out);
        let struck = |path: &PathKey| paths.iter().any(|other| {
            upper(path, other).is_ok() && other.neighbor_as == path.neighbor_as && other.med < path.med
        });
        let expected: Vec<usize> = (0..paths.len())
            .filter(|at| {
                let path = &paths[*at];
                upper(path, &best).is_ok()
                    && (path.internal, path.igp_cost) == (best.internal, best.igp_cost)
                    && !struck(path)
            })
            .collect();
        prop_assert!(out.contains(&best_of(&paths).0));
        prop_assert_eq!(out, expected);
    }
}
