use super::*;
use crate::ExtendedCommunity;

fn sample() -> AttrBuilder {
    let mut attrs = AttrBuilder::new();
    // Deliberately not in the order of the codes.
    attrs
        .set_otc(Asn(9))
        .set_med(50)
        .set_communities(&[
            Community::NO_EXPORT,
            Community::new(1, 2),
            Community::NO_EXPORT,
        ])
        .set_as_path(&[Asn(64512), Asn(4_200_000_000)])
        .set_origin(Origin::Egp)
        .set_local_pref(200);
    attrs
}

#[test]
fn attributes_are_sorted_and_read_back() {
    let bytes = sample().finish();
    let view = AttrView::new(&bytes);
    let codes: Vec<u8> = view.iter().map(|(_, code, _)| code).collect();
    assert_eq!(codes, [1, 2, 4, 5, 8, 35]);
    assert_eq!(view.origin(), Origin::Egp);
    assert_eq!(view.as_path().to_string(), "64512 4200000000");
    assert_eq!(
        (view.med(), view.local_pref(), view.otc()),
        (Some(50), Some(200), Some(Asn(9)))
    );
    assert_eq!(
        view.communities().collect::<Vec<_>>(),
        [Community::NO_EXPORT, Community::new(1, 2)]
    );
    assert!(view.has_community(Community::NO_EXPORT) && !view.has_community(Community::BLACKHOLE));
    assert_eq!(view.originator_id(), None);
    assert_eq!(view.get(3), None);
}

#[test]
fn exact_bytes() {
    let mut attrs = AttrBuilder::new();
    attrs
        .set_med(1)
        .set_origin(Origin::Igp)
        .set_as_path(&[Asn(1)])
        .set_atomic_aggregate();
    let expected = [
        0x40, 1, 1, 0, // ORIGIN
        0x40, 2, 6, 2, 1, 0, 0, 0, 1, // AS_PATH
        0x80, 4, 4, 0, 0, 0, 1, // MED
        0x40, 6, 0, // ATOMIC_AGGREGATE
    ];
    assert_eq!(attrs.finish(), expected);
}

#[test]
fn setting_again_replaces() {
    let mut attrs = sample();
    attrs
        .set_med(7)
        .set_origin(Origin::Igp)
        .remove_local_pref()
        .remove(code::OTC)
        .remove(200);
    let view = attrs.view();
    assert_eq!(
        (view.med(), view.origin(), view.local_pref(), view.otc()),
        (Some(7), Origin::Igp, None, None)
    );
    assert_eq!(view.iter().count(), 4);
    attrs.retain(|flags, _| flags & flag::OPTIONAL == 0);
    assert_eq!(
        attrs
            .view()
            .iter()
            .map(|(_, code, _)| code)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn the_rest_reads_back() {
    let mut attrs = AttrBuilder::new();
    let aggregator = Aggregator {
        asn: Asn(70000),
        router_id: [192, 0, 2, 9].into(),
    };
    let large = LargeCommunity {
        global: 1,
        local1: 2,
        local2: 3,
    };
    attrs
        .set_large_communities(&[large, large])
        .set_extended_communities(&[[0, 2, 0, 1, 0, 0, 0, 2]])
        .set_aggregator(aggregator)
        .set_atomic_aggregate()
        .set_originator_id([1, 1, 1, 1].into())
        .set_cluster_list(&[[2, 2, 2, 2].into()])
        .push_cluster_id([3, 3, 3, 3].into())
        .set_raw(0xE0, 99, b"x");
    let view = attrs.view();
    assert_eq!(view.aggregator(), Some(aggregator));
    assert!(view.atomic_aggregate());
    assert_eq!(view.large_communities().collect::<Vec<_>>(), [large]);
    let extended = ExtendedCommunity::Octets([0, 2, 0, 1, 0, 0, 0, 2]);
    assert_eq!(view.extended_communities().collect::<Vec<_>>(), [extended]);
    assert_eq!(view.originator_id(), Some([1, 1, 1, 1].into()));
    let clusters: Vec<Ipv4Addr> = vec![[3, 3, 3, 3].into(), [2, 2, 2, 2].into()];
    assert_eq!(view.cluster_list().collect::<Vec<_>>(), clusters);
    assert_eq!(view.cluster_list_len(), 2);
    assert_eq!(view.iter().last(), Some((0xE0, 99, &b"x"[..])));
    attrs.set_cluster_list(&[]).set_large_communities(&[]);
    assert_eq!(
        (
            attrs.view().cluster_list_len(),
            attrs.view().get(code::LARGE_COMMUNITY)
        ),
        (0, None)
    );
}

#[test]
fn long_values_take_two_octets_of_length() {
    let many: Vec<Community> = (0..64).map(Community).collect();
    let mut attrs = AttrBuilder::new();
    attrs.set_communities(&many).set_otc(Asn(1));
    assert_eq!(attrs.view().bytes()[..4], [0xD0, 8, 1, 0]);
    assert_eq!(attrs.view().communities().count(), 64);
    assert_eq!(attrs.view().otc(), Some(Asn(1)));
    attrs.set_communities(&many[..63]);
    assert_eq!(attrs.view().bytes()[..3], [0xC0, 8, 252]);
    assert_eq!(attrs.view().otc(), Some(Asn(1)));
}

#[test]
fn large_lists_lose_duplicates_and_keep_their_order() {
    let twice: Vec<Community> = (0..40).rev().chain(0..40).map(Community).collect();
    let mut attrs = AttrBuilder::new();
    attrs.set_communities(&twice);
    assert_eq!(attrs.view().communities().collect::<Vec<_>>(), twice[..40]);
}

#[test]
fn prepend_fills_segments_of_255() {
    let mut attrs = AttrBuilder::new();
    attrs.prepend(Asn(1), 1);
    assert_eq!(attrs.view().as_path().bytes(), [2, 1, 0, 0, 0, 1]);
    attrs.prepend(Asn(2), 254);
    assert_eq!(attrs.view().as_path().segments().count(), 1);
    attrs.prepend(Asn(3), 300);
    let path = attrs.view().as_path();
    let sizes: Vec<usize> = path.segments().map(|s| s.asns().len()).collect();
    assert_eq!(sizes, [45, 255, 255]);
    assert_eq!(
        (path.length(), path.first(), path.origin_as()),
        (555, Some(Asn(3)), Some(Asn(1)))
    );
    assert_eq!(path.asns().filter(|asn| *asn == Asn(3)).count(), 300);
}

#[test]
fn prepend_before_a_set_starts_a_segment() {
    let mut attrs = AttrBuilder::new();
    attrs
        .set_as_path_raw(&[1, 1, 0, 0, 0, 9])
        .prepend(Asn(7), 2);
    assert_eq!(attrs.view().as_path().to_string(), "7 7 {9}");
    attrs.prepend(Asn(8), 0);
    assert_eq!(attrs.view().as_path().to_string(), "7 7 {9}");
}

#[test]
fn a_path_of_more_than_255_is_split() {
    let asns: Vec<Asn> = (1..=600).map(Asn).collect();
    let mut attrs = AttrBuilder::new();
    attrs.set_as_path(&asns);
    assert_eq!(attrs.view().as_path().segments().count(), 3);
    assert_eq!(attrs.view().as_path().asns().collect::<Vec<_>>(), asns);
    attrs.set_as_path(&[]);
    assert_eq!(attrs.view().bytes(), [0x40, 2, 0]);
}

#[test]
fn a_value_that_no_message_holds_is_cut() {
    let mut attrs = AttrBuilder::new();
    attrs
        .set_raw(0xC0, 200, &[1; 70_000])
        .set_origin(Origin::Igp);
    assert_eq!(attrs.view().get(200).map(<[u8]>::len), Some(65_535));
    assert_eq!(attrs.view().iter().count(), 2);
}

#[test]
fn any_bytes_can_be_viewed() {
    for bytes in [
        &[0x40][..],
        &[0x50, 1, 0],
        &[0x40, 1, 9, 0],
        &[0x40, 1, 2, 0, 0],
        &[0xC0, 8, 3, 1, 2, 3],
    ] {
        let view = AttrView::new(bytes);
        assert_eq!(view.origin(), Origin::Incomplete);
        assert_eq!(view.communities().count(), 0);
        assert_eq!((view.aggregator(), view.med()), (None, None));
    }
}

proptest::proptest! {
    /// Whatever the order of the calls, the bytes are those of a sorted map.
    #[test]
    fn the_builder_is_a_sorted_map(
        calls in proptest::collection::vec(
            (0u8..6, proptest::option::of((0u8..8, proptest::collection::vec(0u8.., 0..300)))),
            0..30,
        ),
    ) {
        let mut attrs = AttrBuilder::new();
        let mut map = std::collections::BTreeMap::new();
        for (code, call) in calls {
            match call {
                Some((bits, value)) => {
                    attrs.set_raw(bits << 5, code, &value);
                    map.insert(code, (bits << 5, value));
                }
                None => {
                    attrs.remove(code);
                    map.remove(&code);
                }
            }
        }
        let expected = map.iter().map(|(code, (flags, value))| (*flags, *code, value.as_slice()));
        proptest::prop_assert!(attrs.view().iter().eq(expected));
        for code in 0..6 {
            proptest::prop_assert_eq!(attrs.view().get(code), map.get(&code).map(|(_, value)| value.as_slice()));
        }
    }
}
