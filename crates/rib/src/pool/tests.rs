use proptest::prelude::*;
use wire::AttrBuilder;

use super::*;

fn set(local_pref: u32) -> Vec<u8> {
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_local_pref(local_pref);
    attrs.finish()
}

#[test]
fn equal_sets_share_one_id() {
    let mut pool = AttrPool::new(1);
    let (a, b) = (set(1), set(2));
    let first = pool.intern(AttrView::new(&a));
    let other = pool.intern(AttrView::new(&b));
    assert_ne!(first, other);
    assert_eq!(pool.intern(AttrView::new(&a.clone())), first);
    assert_eq!(pool.len(), 2);
    assert_eq!(pool.view(other).bytes(), b);
    assert_eq!(pool.key(first).local_pref, 1);
}

#[test]
fn an_id_lives_until_its_last_reference() {
    let mut pool = AttrPool::new(1);
    let (a, b) = (set(1), set(2));
    let id = pool.intern(AttrView::new(&a));
    pool.retain(id);
    pool.retain_many(id, 2);
    for _ in 0..3 {
        pool.release(id);
        assert_eq!(pool.view(id).bytes(), a);
    }
    pool.release(id);
    assert!(pool.is_empty());
    let reused = pool.intern(AttrView::new(&b));
    assert_eq!(reused, id);
    assert_eq!(pool.key(reused).local_pref, 2);
    // The table has forgotten the old bytes too.
    assert_ne!(pool.intern(AttrView::new(&a)), reused);
}

#[test]
fn memory_comes_back() {
    let mut pool = AttrPool::new(1);
    let empty = pool.bytes_used();
    let ids: Vec<AttrId> = (0..50_000)
        .map(|n| pool.intern(AttrView::new(&set(n))))
        .collect();
    let full = pool.bytes_used();
    assert!(full > 50_000 * 11, "{full}");
    for id in ids {
        pool.release(id);
    }
    // The list of free ids stays, at four octets each.
    assert!(
        pool.bytes_used() < empty + full / 10,
        "{}",
        pool.bytes_used()
    );
}

#[test]
fn the_seed_moves_every_hash() {
    let sets: Vec<Vec<u8>> = (0..200).map(set).collect();
    let hashes = |seed| {
        let seed = Seed::new(seed);
        let hash = |bytes: &Vec<u8>| seed.hash(|hasher| hasher.write(bytes));
        sets.iter().map(hash).collect::<Vec<u32>>()
    };
    let (one, two) = (hashes(1), hashes(2));
    assert_eq!(one, hashes(1));
    assert!(one.iter().zip(&two).filter(|(a, b)| a == b).count() < 3);
}

#[test]
fn the_key_is_what_the_bytes_say() {
    let mut attrs = AttrBuilder::new();
    attrs
        .set_origin(Origin::Egp)
        .set_as_path(&[Asn(64513), Asn(64514)])
        .set_med(7)
        .set_local_pref(200)
        .set_communities(&[Community::new(64512, 1), Community::NO_EXPORT])
        .set_originator_id(Ipv4Addr::new(10, 0, 0, 1))
        .set_cluster_list(&[Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3)]);
    let bytes = attrs.finish();
    let key = AttrKey::of(AttrView::new(&bytes));
    assert_eq!((key.local_pref, key.med), (200, 7));
    assert!(key.has_med() && key.has_local_pref());
    assert_eq!(key.neighbor_as, Asn(64513));
    assert_eq!((key.as_path_len, key.cluster_list_len), (2, 2));
    assert_eq!(key.origin, Origin::Egp);
    assert_eq!(key.originator(), Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert!(key.no_export());
    assert!(!key.no_advertise() && !key.no_export_subconfed() && !key.graceful_shutdown());
    assert!(!key.llgr_stale() && !key.no_llgr());
}

#[test]
fn every_well_known_community_has_its_flag() {
    let flagged = |community| {
        let mut attrs = AttrBuilder::new();
        attrs.set_communities(&[community]);
        AttrKey::of(AttrView::new(&attrs.finish()))
    };
    assert!(flagged(Community::NO_EXPORT).no_export());
    assert!(flagged(Community::NO_ADVERTISE).no_advertise());
    assert!(flagged(Community::NO_EXPORT_SUBCONFED).no_export_subconfed());
    assert!(flagged(Community::GRACEFUL_SHUTDOWN).graceful_shutdown());
    assert!(flagged(Community::LLGR_STALE).llgr_stale());
    assert!(flagged(Community::NO_LLGR).no_llgr());
}

#[test]
fn what_is_missing_has_its_default() {
    let key = AttrKey::of(AttrView::new(&set(100)[..4]));
    assert_eq!((key.local_pref, key.med), (DEFAULT_LOCAL_PREF, 0));
    assert!(!key.has_med() && !key.has_local_pref());
    assert_eq!((key.neighbor_as, key.originator()), (Asn(0), None));
}

#[test]
fn next_hops_are_shared_and_told_apart() {
    let mut pool = NextHopPool::new(1);
    let v4 = NextHop::V4(Ipv4Addr::new(10, 0, 0, 1));
    let global = "2001:db8::1".parse().unwrap();
    let alone = NextHop::V6 {
        global,
        link_local: None,
    };
    let both = NextHop::V6 {
        global,
        link_local: Some("fe80::1".parse().unwrap()),
    };
    let ids = [v4, alone, both].map(|hop| pool.intern(hop));
    assert_eq!(pool.len(), 3);
    assert_eq!(ids.map(|id| pool.get(id)), [v4, alone, both]);
    assert_eq!(pool.intern(both), ids[2]);
    pool.retain(ids[2]);
    pool.retain_many(ids[0], 1);
    for id in [ids[2], ids[2], ids[2], ids[0], ids[0], ids[1]] {
        assert!(!pool.is_empty());
        pool.release(id);
    }
    assert!(pool.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Against a plain map of counts: ids stay bound to their bytes exactly as long as they are referred to.
    #[test]
    fn the_pool_is_a_map_of_counts(steps in prop::collection::vec((0u32..24, 0u8..3), 1..400)) {
        let mut pool = AttrPool::new(7);
        let mut counts = std::collections::BTreeMap::<u32, (AttrId, u32)>::new();
        for (value, action) in steps {
            let held = counts.get(&value).copied();
            match (action, held) {
                (0, _) | (1, None) => {
                    let id = pool.intern(AttrView::new(&set(value)));
                    if let Some((known, _)) = held {
                        prop_assert_eq!(known, id);
                    }
                    counts.entry(value).or_insert((id, 0)).1 += 1;
                }
                (1, Some((id, refs))) => {
                    pool.retain(id);
                    counts.insert(value, (id, refs + 1));
                }
                (_, Some((id, refs))) => {
                    pool.release(id);
                    if refs == 1 {
                        counts.remove(&value);
                    } else {
                        counts.insert(value, (id, refs - 1));
                    }
                }
                (_, None) => {}
            }
            prop_assert_eq!(pool.len(), counts.len());
            for (value, (id, _)) in &counts {
                prop_assert_eq!(pool.view(*id).bytes(), &set(*value)[..]);
                prop_assert_eq!(pool.key(*id).local_pref, *value);
            }
        }
    }
}
