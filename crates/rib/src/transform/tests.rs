use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;
use wire::{Asn, Community, EncodeContext, Families};

use super::*;
use crate::ids::SourceKind;

const SOURCES: [SourceKind; 5] = [
    SourceKind::Local,
    SourceKind::Api,
    SourceKind::Ebgp,
    SourceKind::IbgpClient,
    SourceKind::IbgpNonClient,
];
const PEERS: [PeerKind; 3] = [
    PeerKind::Ebgp,
    PeerKind::IbgpClient,
    PeerKind::IbgpNonClient,
];

fn source(kind: SourceKind) -> SourceInfo {
    SourceInfo {
        kind,
        remote_as: Asn(64513),
        local_as: Asn(64512),
        router_id: Ipv4Addr::new(10, 0, 0, 2),
        address: IpAddr::from([10, 0, 0, 2]),
        own_addresses: Vec::new(),
        role: None,
        paths: None,
        enforce_first_as: true,
        own_as_allowed: 0,
        cluster: Cluster::own(Ipv4Addr::new(1, 1, 1, 1)),
        is_meshed: false,
    }
}

fn to(kind: PeerKind) -> ExportSettings {
    ExportSettings {
        families: Families::ALL,
        kind,
        local_as: Asn(64512),
        path_rules: crate::PathRules::default(),
        route_server: false,
        is_meshed: false,
        cluster_id: Ipv4Addr::new(1, 1, 1, 1),
        next_hop: NextHopRule::Auto,
        role: None,
        local_v4: Some(Ipv4Addr::new(10, 0, 0, 1)),
        local_v6: Some("2001:db8::1".parse().unwrap()),
        link_local: None,
        export: Arc::new(policy::Export::new(policy::ExportMode::All)),
        paths: std::num::NonZeroU8::MIN,
        drained: false,
        stale: StaleRule::Sent,
        encode: EncodeContext {
            four_octet_as: true,
            add_path: Families::EMPTY,
            extended_next_hop: Families::EMPTY,
            max_len: wire::MAX_LEN,
        },
    }
}

fn key(attrs: &AttrBuilder) -> AttrKey {
    AttrKey::of(attrs.view())
}

fn plain() -> AttrBuilder {
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp).set_as_path(&[Asn(64513)]);
    attrs
}

fn sent(attrs: &AttrBuilder, from: SourceKind, to: &ExportSettings) -> AttrBuilder {
    let mut out = vec![0xAA];
    let edit = edit(&key(attrs), &source(from), to);
    let clusters = [Ipv4Addr::new(1, 1, 1, 1)];
    transform(attrs.view(), edit, to, &clusters, &mut out);
    assert_eq!(out[0], 0xAA, "appended, not overwritten");
    AttrBuilder::from_view(AttrView::new(&out[1..]))
}

fn gated(attrs: &AttrBuilder, from: SourceKind, kind: PeerKind) -> Result<(), DenyReason> {
    gate(Family::Ipv4Unicast, &key(attrs), &source(from), &to(kind))
}

#[test]
fn who_gets_what_from_whom() {
    for from in SOURCES {
        for kind in PEERS {
            let denied = from == SourceKind::IbgpNonClient && kind == PeerKind::IbgpNonClient;
            let expected = if denied {
                Err(DenyReason::NotReflected)
            } else {
                Ok(())
            };
            assert_eq!(
                gated(&plain(), from, kind),
                expected,
                "{from:?} to {kind:?}"
            );
        }
    }
}

#[test]
fn only_agreed_families_are_sent() {
    let mut to = to(PeerKind::IbgpClient);
    to.families = Families::only(Family::Ipv6Unicast);
    let ask = |family| gate(family, &key(&plain()), &source(SourceKind::Local), &to);
    assert_eq!(ask(Family::Ipv4Unicast), Err(DenyReason::FamilyNotAgreed));
    assert_eq!(ask(Family::Ipv6Unicast), Ok(()));
}

#[test]
fn well_known_communities_stop_what_was_received() {
    let with = |community| {
        let mut attrs = plain();
        attrs.set_communities(&[Community::new(64512, 7), community]);
        attrs
    };
    let everywhere = [
        (Community::NO_EXPORT, DenyReason::NoExport, false),
        (
            Community::NO_EXPORT_SUBCONFED,
            DenyReason::NoExportSubconfed,
            false,
        ),
        (Community::NO_ADVERTISE, DenyReason::NoAdvertise, true),
    ];
    for (community, reason, inside) in everywhere {
        let attrs = with(community);
        for from in [SourceKind::Ebgp, SourceKind::IbgpClient] {
            assert_eq!(gated(&attrs, from, PeerKind::Ebgp), Err(reason));
            let expected = if inside { Err(reason) } else { Ok(()) };
            assert_eq!(gated(&attrs, from, PeerKind::IbgpClient), expected);
        }
        // Our own route carries the word to the peer, who is the one to obey.
        assert_eq!(gated(&attrs, SourceKind::Api, PeerKind::Ebgp), Ok(()));
    }
    assert_eq!(
        gated(
            &with(Community::BLACKHOLE),
            SourceKind::Ebgp,
            PeerKind::Ebgp
        ),
        Ok(())
    );
}

#[test]
fn to_another_as_our_own_goes_in_front_and_what_is_internal_stays() {
    let mut attrs = plain();
    attrs
        .set_med(5)
        .set_local_pref(200)
        .set_originator_id(Ipv4Addr::new(10, 0, 0, 9))
        .set_cluster_list(&[Ipv4Addr::new(2, 2, 2, 2)])
        .set_communities(&[Community::new(64512, 1)]);
    for from in SOURCES {
        let mut expected = plain();
        expected
            .set_as_path(&[Asn(64512), Asn(64513)])
            .set_communities(&[Community::new(64512, 1)]);
        if from.is_local() {
            expected.set_med(5);
        }
        assert_eq!(
            sent(&attrs, from, &to(PeerKind::Ebgp)),
            expected,
            "{from:?}"
        );
    }
}

#[test]
fn a_full_segment_gets_a_new_one_before_it() {
    for length in [0u32, 1, 254, 255, 256, 600] {
        let path: Vec<Asn> = (0..length).map(Asn).collect();
        let mut attrs = plain();
        attrs.set_as_path(&path);
        let mut expected = attrs.clone();
        expected.prepend(Asn(64512), 1);
        assert_eq!(
            sent(&attrs, SourceKind::Ebgp, &to(PeerKind::Ebgp)),
            expected
        );
    }
    // A set at the front is left alone.
    let mut attrs = plain();
    attrs.set_as_path_raw(&[1, 1, 0, 0, 0, 7]);
    let out = sent(&attrs, SourceKind::Ebgp, &to(PeerKind::Ebgp));
    let expected = [2, 1, 0, 0, 0xfc, 0, 1, 1, 0, 0, 0, 7];
    assert_eq!(out.view().as_path().bytes(), expected);
}

#[test]
fn non_transitive_extended_communities_stay_in_our_as() {
    let stays = [0x40, 4, 0, 0, 0, 0, 0, 1];
    let goes = [0x00, 2, 0, 0, 0, 0, 0, 1];
    let mut attrs = plain();
    attrs.set_extended_communities(&[stays, goes]);
    let mut expected = plain();
    expected.set_as_path(&[Asn(64512), Asn(64513)]);
    expected.set_extended_communities(&[goes]);
    assert_eq!(
        sent(&attrs, SourceKind::Ebgp, &to(PeerKind::Ebgp)),
        expected
    );
    attrs.set_extended_communities(&[stays]);
    expected.remove(code::EXTENDED_COMMUNITIES);
    assert_eq!(
        sent(&attrs, SourceKind::Ebgp, &to(PeerKind::Ebgp)),
        expected
    );
    let inside = sent(&attrs, SourceKind::Ebgp, &to(PeerKind::IbgpClient));
    assert_eq!(
        inside.view().get(code::EXTENDED_COMMUNITIES),
        Some(&stays[..])
    );
}

#[test]
fn first_hand_inside_our_as_only_local_pref_is_added() {
    let mut attrs = plain();
    attrs.set_med(5);
    for kind in [PeerKind::IbgpClient, PeerKind::IbgpNonClient] {
        for from in [SourceKind::Ebgp, SourceKind::Local, SourceKind::Api] {
            let mut expected = attrs.clone();
            expected.set_local_pref(100);
            assert_eq!(sent(&attrs, from, &to(kind)), expected);
            expected.set_local_pref(7);
            assert_eq!(sent(&expected.clone(), from, &to(kind)), expected);
        }
    }
}

#[test]
fn reflection_names_originator_and_cluster() {
    let mut attrs = plain();
    attrs.set_local_pref(200).set_med(3);
    let mut once = attrs.clone();
    once.set_originator_id(Ipv4Addr::new(10, 0, 0, 2));
    once.set_cluster_list(&[Ipv4Addr::new(1, 1, 1, 1)]);
    let client = to(PeerKind::IbgpClient);
    assert_eq!(sent(&attrs, SourceKind::IbgpNonClient, &client), once);
    // Reflected before: the originator stays, our cluster goes in front.
    let mut before = attrs.clone();
    before.set_originator_id(Ipv4Addr::new(10, 0, 0, 9));
    before.set_cluster_list(&[Ipv4Addr::new(2, 2, 2, 2)]);
    let mut twice = before.clone();
    twice.set_cluster_list(&[Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(2, 2, 2, 2)]);
    for kind in [PeerKind::IbgpClient, PeerKind::IbgpNonClient] {
        assert_eq!(sent(&before, SourceKind::IbgpClient, &to(kind)), twice);
    }
}

#[test]
fn a_client_of_another_cluster_brings_that_one_along() {
    let mut from = source(SourceKind::IbgpClient);
    from.cluster.number = 2;
    let mut to = to(PeerKind::IbgpClient);
    to.cluster_id = Ipv4Addr::new(5, 5, 5, 5);
    let clusters = [[1, 1, 1, 1], [7, 7, 7, 7]].map(Ipv4Addr::from);
    let listed = |from: &SourceInfo| {
        let mut out = Vec::new();
        let edit = edit(&key(&plain()), from, &to);
        transform(plain().view(), edit, &to, &clusters, &mut out);
        AttrView::new(&out).cluster_list().collect::<Vec<_>>()
    };
    assert_eq!(listed(&from), clusters[1..]);
    from.kind = SourceKind::IbgpNonClient;
    assert_eq!(listed(&from), [to.cluster_id], "the receiver's");
}

#[test]
fn clients_with_sessions_of_their_own_are_not_reflected_to_each_other() {
    let (mut from, mut to) = (source(SourceKind::IbgpClient), to(PeerKind::IbgpClient));
    let ask = |from: &SourceInfo, to: &ExportSettings| {
        gate(Family::Ipv4Unicast, &key(&plain()), from, to)
    };
    from.is_meshed = true;
    assert_eq!(ask(&from, &to), Ok(()), "the receiver is not one of them");
    to.is_meshed = true;
    assert_eq!(ask(&from, &to), Err(DenyReason::ClientsMeshed));
    from.cluster.id = Ipv4Addr::new(7, 7, 7, 7);
    assert_eq!(ask(&from, &to), Ok(()), "of another cluster");
    for kind in [
        SourceKind::IbgpNonClient,
        SourceKind::Ebgp,
        SourceKind::Local,
    ] {
        assert_eq!(ask(&source(kind), &to), Ok(()), "{kind:?}");
    }
}

#[test]
fn the_edit_names_the_originator_that_leaves() {
    let (client, ebgp) = (to(PeerKind::IbgpClient), to(PeerKind::Ebgp));
    let mut attrs = plain();
    let fresh = key(&attrs);
    attrs.set_originator_id(Ipv4Addr::new(10, 0, 0, 9));
    let reflected = key(&attrs);
    let from = source(SourceKind::IbgpClient);
    let leaves = |key: &AttrKey, to| edit(key, &from, to).originator(key);
    assert_eq!(leaves(&fresh, &client), Some(from.router_id));
    assert_eq!(
        leaves(&reflected, &client),
        Some(Ipv4Addr::new(10, 0, 0, 9))
    );
    assert_eq!(leaves(&reflected, &ebgp), None);
    let own = source(SourceKind::Local);
    assert_eq!(edit(&fresh, &own, &client).originator(&fresh), None);
    // A known originator makes the answer the same for every source.
    assert_eq!(
        edit(&reflected, &from, &client),
        Edit::Reflect {
            originator: None,
            cluster: 1,
        }
    );
}

fn hop(text: &str) -> NextHop {
    NextHop::from(text.parse::<IpAddr>().unwrap())
}

#[test]
fn next_hop_by_source_receiver_and_rule() {
    let (ours, theirs) = (hop("10.0.0.1"), hop("192.0.2.7"));
    for from in SOURCES {
        for kind in PEERS {
            for rule in [
                NextHopRule::Auto,
                NextHopRule::SelfAlways,
                NextHopRule::Unchanged,
            ] {
                let to = ExportSettings {
                    next_hop: rule,
                    ..to(kind)
                };
                let reflected = from.is_internal() && kind.is_internal();
                let expected = match rule {
                    NextHopRule::Auto if kind == PeerKind::Ebgp => ours,
                    NextHopRule::SelfAlways if !reflected => ours,
                    NextHopRule::Auto | NextHopRule::SelfAlways | NextHopRule::Unchanged => theirs,
                };
                let told = next_hop(Family::Ipv4Unicast, &theirs, &source(from), &to);
                assert_eq!(told, Ok(expected), "{from:?} to {kind:?}, {rule:?}");
                if from.is_local() {
                    let none = own_route_next_hop(Family::Ipv4Unicast);
                    let told = next_hop(Family::Ipv4Unicast, &none, &source(from), &to);
                    assert_eq!(told, Ok(ours));
                }
            }
        }
    }
}

#[test]
fn a_route_leaves_with_its_edit_next_hop_and_originator() {
    let (from, mut to) = (source(SourceKind::IbgpClient), to(PeerKind::IbgpClient));
    let attrs = key(&plain());
    let learned = hop("192.0.2.7");
    let ask = |to: &ExportSettings| outgoing(Family::Ipv4Unicast, &attrs, &learned, &from, to);
    let expected = Outgoing {
        edit: Edit::Reflect {
            originator: Some(from.router_id),
            cluster: 1,
        },
        next_hop: learned,
        originator: Some(from.router_id),
    };
    assert_eq!(ask(&to), Ok(expected));
    to.families = Families::EMPTY;
    assert_eq!(ask(&to), Err(DenyReason::FamilyNotAgreed));
    to.families = Families::ALL;
    to.kind = PeerKind::Ebgp;
    to.local_v4 = None;
    assert_eq!(ask(&to), Err(DenyReason::NoOwnIpv4));
}

#[test]
fn without_an_address_of_ours_the_family_is_not_sent() {
    let own = source(SourceKind::Local);
    let mut to = to(PeerKind::IbgpClient);
    let ask = |family, to: &ExportSettings| next_hop(family, &own_route_next_hop(family), &own, to);
    assert_eq!(ask(Family::Ipv6Unicast, &to), Ok(hop("2001:db8::1")));
    to.local_v4 = None;
    assert_eq!(ask(Family::Ipv4Unicast, &to), Err(DenyReason::NoOwnIpv4));
    to.encode.extended_next_hop = Families::only(Family::Ipv4Unicast);
    assert_eq!(ask(Family::Ipv4Unicast, &to), Ok(hop("2001:db8::1")));
    to.local_v6 = None;
    assert_eq!(ask(Family::Ipv4Unicast, &to), Err(DenyReason::NoOwnIpv4));
    assert_eq!(ask(Family::Ipv6Unicast, &to), Err(DenyReason::NoOwnIpv6));
}

#[test]
fn a_next_hop_of_the_other_family_needs_consent_and_link_local_stays_on_its_link() {
    let from = source(SourceKind::IbgpClient);
    let mut to = to(PeerKind::IbgpClient);
    let v6 = NextHop::V6 {
        global: "2001:db8::7".parse().unwrap(),
        link_local: Some("fe80::7".parse::<Ipv6Addr>().unwrap()),
    };
    let ask = |family, to: &ExportSettings| next_hop(family, &v6, &from, to);
    assert_eq!(ask(Family::Ipv6Unicast, &to), Ok(hop("2001:db8::7")));
    assert_eq!(
        ask(Family::Ipv4Unicast, &to),
        Err(DenyReason::NextHopFamily)
    );
    to.encode.extended_next_hop = Families::only(Family::Ipv4Unicast);
    assert_eq!(ask(Family::Ipv4Unicast, &to), Ok(hop("2001:db8::7")));
    let told = next_hop(Family::Ipv6Unicast, &hop("10.0.0.7"), &from, &to);
    assert_eq!(told, Err(DenyReason::NextHopFamily));
}

#[test]
fn nothing_goes_back_to_where_it_came_from() {
    let receiver = ReceiverIdentity {
        address: IpAddr::from([10, 0, 0, 5]),
        router_id: Ipv4Addr::new(5, 5, 5, 5),
        own_addresses: vec!["2001:db8::5".parse().unwrap()],
        keeps_routes: false,
    };
    let ask = |from, originator: Option<[u8; 4]>, next_hop| {
        let originator = originator.map(Ipv4Addr::from);
        deliverable(
            PeerId(from),
            originator,
            &hop(next_hop),
            PeerId(5),
            &receiver,
        )
    };
    assert_eq!(ask(6, Some([6, 6, 6, 6]), "10.0.0.6"), Ok(()));
    assert_eq!(ask(5, None, "10.0.0.6"), Err(DenyReason::BackToSource));
    assert_eq!(
        ask(6, Some([5, 5, 5, 5]), "10.0.0.6"),
        Err(DenyReason::BackToOriginator)
    );
    for own in ["10.0.0.5", "2001:db8::5"] {
        assert_eq!(ask(6, None, own), Err(DenyReason::ReceiverIsNextHop));
    }
}

#[test]
fn our_own_routes_begin_with_origin_and_an_empty_path() {
    let bytes = default_local_attrs();
    let attrs = AttrView::new(&bytes);
    assert_eq!(attrs.origin(), Origin::Igp);
    assert!(attrs.get(code::AS_PATH).is_some() && attrs.as_path().is_empty());
    assert_eq!(attrs.iter().count(), 2);
}

prop_compose! {
    fn any_attrs()(
        path in prop::collection::vec(1u32..70_000, 0..6),
        med in prop::option::of(0u32..3),
        preference in prop::option::of(0u32..3),
        originator in prop::option::of(1u32..4),
        clusters in prop::collection::vec(1u32..4, 0..80),
        communities in prop::collection::vec(any::<u32>(), 0..70),
        extended in prop::collection::vec(any::<[u8; 8]>(), 0..3),
        unknown in prop::collection::vec((9u8..=200, prop::collection::vec(any::<u8>(), 0..300)), 0..3),
    ) -> AttrBuilder {
        let mut attrs = AttrBuilder::new();
        for (code, value) in unknown {
            // Codes that nothing here knows.
            attrs.set_raw(0xE0, code.max(40), &value);
        }
        attrs.set_origin(Origin::Igp).set_as_path(&path.into_iter().map(Asn).collect::<Vec<_>>());
        med.map(|v| attrs.set_med(v));
        preference.map(|v| attrs.set_local_pref(v));
        originator.map(|v| attrs.set_originator_id(v.into()));
        if !clusters.is_empty() {
            attrs.set_cluster_list(&clusters.into_iter().map(Ipv4Addr::from).collect::<Vec<_>>());
        }
        if !communities.is_empty() {
            attrs.set_communities(&communities.into_iter().map(Community).collect::<Vec<_>>());
        }
        if !extended.is_empty() {
            attrs.set_extended_communities(&extended);
        }
        attrs
    }
}

/// The same rules, one attribute at a time.
fn naively(attrs: &AttrBuilder, from: SourceKind, to: &ExportSettings) -> AttrBuilder {
    let mut out = attrs.clone();
    let view = attrs.view();
    if to.kind == PeerKind::Ebgp {
        out.prepend(to.local_as, 1);
        for internal in [code::LOCAL_PREF, code::ORIGINATOR_ID, code::CLUSTER_LIST] {
            out.remove(internal);
        }
        if !from.is_local() {
            out.remove(code::MED);
        }
        let all = view.get(code::EXTENDED_COMMUNITIES).unwrap_or_default();
        let kept: Vec<[u8; 8]> = all
            .chunks(8)
            .map(|one| one.try_into().unwrap())
            .filter(|one: &[u8; 8]| one[0] & 0x40 == 0)
            .collect();
        out.remove(code::EXTENDED_COMMUNITIES);
        if !kept.is_empty() {
            out.set_extended_communities(&kept);
        }
        return out;
    }
    out.set_local_pref(view.local_pref().unwrap_or(100));
    if from.is_internal() {
        out.set_originator_id(view.originator_id().unwrap_or(source(from).router_id));
        let clusters = std::iter::once(to.cluster_id).chain(view.cluster_list());
        out.set_cluster_list(&clusters.collect::<Vec<_>>());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_splice_equals_one_change_at_a_time(attrs in any_attrs(), from in 0usize..5, kind in 0usize..3) {
        let (from, to) = (SOURCES[from], to(PEERS[kind]));
        let out = sent(&attrs, from, &to);
        prop_assert_eq!(&out, &naively(&attrs, from, &to));
        let codes: Vec<u8> = out.view().iter().map(|(_, code, _)| code).collect();
        prop_assert!(codes.is_sorted_by(|a, b| a < b), "canonical order: {:?}", codes);
    }
}

#[test]
fn whom_we_leave_is_told_so_with_every_route() {
    let other = Community(0x1234_0001);
    for from in SOURCES {
        for kind in PEERS {
            let to = ExportSettings {
                drained: true,
                ..to(kind)
            };
            let mut attrs = plain();
            attrs.set_local_pref(300).set_communities(&[other]);
            let mut out = Vec::new();
            let edit = edit(&key(&attrs), &source(from), &to);
            transform(attrs.view(), edit, &to, &[to.cluster_id], &mut out);
            let out = AttrView::new(&out);
            let communities: Vec<_> = out.communities().collect();
            assert_eq!(communities, [other, Community::GRACEFUL_SHUTDOWN]);
            let least = kind.is_internal().then_some(0);
            assert_eq!(out.local_pref(), least, "{from:?} to {kind:?}");
            let codes: Vec<u8> = out.iter().map(|(_, code, _)| code).collect();
            assert!(codes.is_sorted(), "{codes:?}");
        }
    }
}

#[test]
fn both_numbers_stand_in_front_where_the_session_has_another() {
    let mut to = to(PeerKind::Ebgp);
    to.local_as = Asn(65010);
    to.path_rules.beside = Some(Asn(64512));
    let path = |attrs: &AttrBuilder, to: &ExportSettings| {
        let sent = sent(attrs, SourceKind::Ebgp, to);
        let asns: Vec<u32> = sent.view().as_path().asns().map(|asn| asn.0).collect();
        asns
    };
    assert_eq!(path(&plain(), &to), [65010, 64512, 64513]);
    to.path_rules.private = Some(crate::PrivateRule {
        replaces: false,
        kept: Asn(7),
    });
    assert_eq!(
        path(&plain(), &to),
        [65010, 64512],
        "ours are put in behind"
    );
    to.path_rules = crate::PathRules {
        overridden: Some(Asn(64513)),
        ..crate::PathRules::default()
    };
    assert_eq!(path(&plain(), &to), [65010, 65010]);
    // Inside our AS nothing of it applies.
    to.kind = PeerKind::IbgpClient;
    assert_eq!(path(&plain(), &to), [64513]);
}

#[test]
fn a_route_server_passes_on_what_it_got() {
    let mut to = to(PeerKind::Ebgp);
    to.route_server = true;
    let mut attrs = plain();
    attrs
        .set_med(7)
        .set_communities(&[Community::NO_EXPORT, Community::new(1, 2)]);
    // A non-transitive extended community (RFC 4360 section 2).
    attrs.set_raw(
        0xC0,
        code::EXTENDED_COMMUNITIES,
        &[0x40, 4, 0, 1, 0, 0, 0, 9],
    );
    let passed = sent(&attrs, SourceKind::Ebgp, &to);
    assert_eq!(passed.finish(), attrs.clone().finish());
    // But for what its role asks of it (RFC 9234 section 5).
    to.role = Some(wire::Role::RouteServer);
    let marked = sent(&attrs, SourceKind::Ebgp, &to);
    let mut expected = attrs.clone();
    expected.set_otc(Asn(64512));
    assert_eq!(marked.finish(), expected.finish());
    to.role = None;
    assert_eq!(
        gate(
            Family::Ipv4Unicast,
            &key(&attrs),
            &source(SourceKind::Ebgp),
            &to
        ),
        Ok(())
    );
    let theirs = NextHop::V4(Ipv4Addr::new(10, 0, 0, 2));
    let hop = |from| next_hop(Family::Ipv4Unicast, &theirs, &source(from), &to);
    assert_eq!(hop(SourceKind::Ebgp), Ok(theirs));
    // What is ours, or of our AS, goes over a border like any other.
    for from in [SourceKind::IbgpClient, SourceKind::IbgpNonClient] {
        assert_eq!(hop(from), Ok(NextHop::V4(Ipv4Addr::new(10, 0, 0, 1))));
        let path = sent(&plain(), from, &to);
        assert_eq!(path.view().as_path().first(), Some(Asn(64512)));
    }
}

/// RFC 2545 3: who shares the link is given both of our addresses, and nobody one of somebody else's.
#[test]
fn our_link_local_address_goes_with_our_global_one() {
    let mut to = to(PeerKind::Ebgp);
    let link_local = Some("fe80::1".parse().unwrap());
    to.link_local = link_local;
    let learned = NextHop::V6 {
        global: "2001:db8::2".parse().unwrap(),
        link_local: Some("fe80::2".parse().unwrap()),
    };
    let source = source(SourceKind::Ebgp);
    let ours = next_hop(Family::Ipv6Unicast, &learned, &source, &to).unwrap();
    let global = "2001:db8::1".parse().unwrap();
    assert_eq!(ours, NextHop::V6 { global, link_local });
    to.next_hop = NextHopRule::Unchanged;
    let theirs = next_hop(Family::Ipv6Unicast, &learned, &source, &to).unwrap();
    assert_eq!(theirs, NextHop::from(learned.addr()));
}
