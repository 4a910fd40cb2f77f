//! Properties of decoder and encoder together.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::attr::{Aggregator, AttrBuilder, Origin, code, flag};
use crate::{
    Asn, Community, HEADER_LEN, Ipv4Net, Ipv6Net, LargeCommunity, MAX_LEN, Nlri, Prefix, Remedy,
};

/// Few values, so that duplicates, AS_TRANS and numbers of both widths are often met.
fn asn() -> impl Strategy<Value = Asn> {
    prop_oneof![
        1u32..4,
        Just(23456),
        Just(65535),
        65536u32..65539,
        any::<u32>().prop_map(|n| n.max(1))
    ]
    .prop_map(Asn)
}

/// A path value: sequences and sets, as a peer may send them.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let segment = (1u8..=2, vec(asn(), 1..6));
    vec(segment, 0..4).prop_map(|segments| {
        let mut value = Vec::new();
        for (kind, asns) in segments {
            value.extend([kind, u8::try_from(asns.len()).unwrap()]);
            asns.iter()
                .for_each(|asn| value.extend(asn.0.to_be_bytes()));
        }
        value
    })
}

prop_compose! {
    fn optional_part()(
        med in any::<Option<u32>>(),
        atomic in any::<bool>(),
        aggregator in proptest::option::of((asn(), any::<u32>())),
        communities in vec(prop_oneof![Just(Community::NO_EXPORT), any::<u32>().prop_map(Community)], 0..40),
        large in vec((0u32..3, 0u32..3, 0u32..3), 0..20),
        extended in vec(any::<[u8; 8]>(), 0..3),
        otc in proptest::option::of(asn()),
        unknown in proptest::option::of((36u8..=255, vec(any::<u8>(), 0..300))),
    ) -> AttrBuilder {
        let mut attrs = AttrBuilder::new();
        med.map(|med| attrs.set_med(med).view().med());
        if atomic {
            attrs.set_atomic_aggregate();
        }
        if let Some((asn, id)) = aggregator {
            attrs.set_aggregator(Aggregator { asn, router_id: Ipv4Addr::from_bits(id) });
        }
        attrs.set_communities(&communities);
        let large: Vec<LargeCommunity> =
            large.iter().map(|(global, local1, local2)| LargeCommunity { global: *global, local1: *local1, local2: *local2 }).collect();
        attrs.set_large_communities(&large);
        attrs.set_extended_communities(&extended);
        if let Some(asn) = otc {
            attrs.set_otc(asn);
        }
        if let Some((code, value)) = unknown {
            attrs.set_raw(flag::OPTIONAL | flag::TRANSITIVE | flag::PARTIAL, code, &value);
        }
        attrs
    }
}

prop_compose! {
    /// A canonical set as an internal peer may send it.
    pub(super) fn attributes()(
        attrs in optional_part(),
        origin in 0u8..3,
        path in path(),
        local_pref in any::<u32>(),
        originator in any::<Option<u32>>(),
        clusters in vec(any::<u32>(), 0..4),
    ) -> Vec<u8> {
        let mut attrs = attrs;
        attrs.set_origin(Origin::from_code(origin).unwrap()).set_as_path_raw(&path).set_local_pref(local_pref);
        if let Some(id) = originator {
            attrs.set_originator_id(Ipv4Addr::from_bits(id));
        }
        let clusters: Vec<Ipv4Addr> = clusters.into_iter().map(Ipv4Addr::from_bits).collect();
        attrs.set_cluster_list(&clusters);
        attrs.finish()
    }
}

fn v4() -> impl Strategy<Value = Prefix> {
    (any::<u32>(), 0u8..=32).prop_map(|(bits, len)| {
        Prefix::V4(
            Ipv4Net::new(Ipv4Addr::from_bits(bits), len)
                .unwrap()
                .trunc(),
        )
    })
}

fn v6() -> impl Strategy<Value = Prefix> {
    (any::<u128>(), 0u8..=128).prop_map(|(bits, len)| {
        Prefix::V6(
            Ipv6Net::new(Ipv6Addr::from_bits(bits), len)
                .unwrap()
                .trunc(),
        )
    })
}

fn routes(prefix: impl Strategy<Value = Prefix>, max: usize) -> impl Strategy<Value = Vec<Nlri>> {
    vec(
        (prefix, any::<u32>()).prop_map(|(prefix, path_id)| Nlri { prefix, path_id }),
        1..max,
    )
}

fn next_hop_v6() -> impl Strategy<Value = NextHop> {
    any::<Option<u16>>().prop_map(|low| NextHop::V6 {
        global: "2001:db8::1".parse().unwrap(),
        link_local: low.map(|low| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, low)),
    })
}

/// Family, next hop and routes that go together.
pub(super) fn announcement(max: usize) -> impl Strategy<Value = (Family, NextHop, Vec<Nlri>)> {
    let v4_hop = Just(NextHop::V4(Ipv4Addr::new(10, 0, 0, 1)));
    prop_oneof![
        (Just(Family::Ipv4Unicast), v4_hop, routes(v4(), max)),
        (Just(Family::Ipv4Unicast), next_hop_v6(), routes(v4(), max)),
        (Just(Family::Ipv6Unicast), next_hop_v6(), routes(v6(), max)),
    ]
}

pub(super) fn contexts(four_octet_as: bool, add_path: bool) -> (EncodeContext, DecodeContext) {
    let add_path = if add_path {
        Families::ALL
    } else {
        Families::EMPTY
    };
    let extended_next_hop = Families::only(Family::Ipv4Unicast);
    let encode = EncodeContext {
        four_octet_as,
        add_path,
        extended_next_hop,
        max_len: MAX_LEN,
    };
    let decode = DecodeContext {
        internal: true,
        four_octet_as,
        families: Families::ALL,
        add_path,
        extended_next_hop,
        as_sets: true,
    };
    (encode, decode)
}

fn sent(routes: &[Nlri], add_path: bool) -> Vec<Nlri> {
    routes
        .iter()
        .map(|nlri| Nlri {
            path_id: if add_path { nlri.path_id } else { 0 },
            ..*nlri
        })
        .collect()
}

/// Encodes all routes into messages, each checked for its size.
fn announce_all(
    attrs: &WireAttrs,
    family: Family,
    routes: &[Nlri],
    encode: &EncodeContext,
) -> Vec<BytesMut> {
    let mut routes = routes.iter().copied().peekable();
    let mut messages = Vec::new();
    while routes.peek().is_some() {
        let mut out = BytesMut::new();
        let count = encode_announce(&mut out, attrs, family, &mut routes, encode).unwrap();
        assert!(count > 0 && out.len() <= encode.max_len);
        messages.push(out);
    }
    messages
}

fn framed(message: &[u8]) -> &[u8] {
    let (frame, used) = crate::next_frame(message, MAX_LEN).unwrap().unwrap();
    assert_eq!(used, message.len());
    frame.body
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        attrs in attributes(),
        (family, next_hop, routes) in announcement(2000),
        four_octet_as: bool,
        add_path: bool,
    ) {
        let (encode, decode) = contexts(four_octet_as, add_path);
        let wire = WireAttrs::new(AttrView::new(&attrs), next_hop, &encode);
        let mut scratch = DecodeScratch::new();
        let mut read = Vec::new();
        for message in announce_all(&wire, family, &routes, &encode) {
            prop_assert_eq!(family_of_message(&message), Some(family));
            let again: Vec<Nlri> = nlri_of_message(&message, family, add_path).iter().collect();
            let update = decode_update(framed(&message), &decode, &mut scratch).unwrap();
            prop_assert!(update.faults.is_empty() && update.end_of_rib.is_none());
            prop_assert!(update.unreach.iter().flatten().next().is_none());
            let [reach] = update.reach.iter().flatten().collect::<Vec<_>>()[..] else { panic!("one run of routes") };
            prop_assert_eq!((reach.family, reach.next_hop), (family, next_hop));
            prop_assert_eq!(reach.nlri.iter().collect::<Vec<_>>(), again);
            let shown = update.attrs.as_path();
            let path = AttrView::new(&attrs).as_path();
            prop_assert_eq!(shown.to_string(), path.to_string());
            if four_octet_as {
                prop_assert_eq!(update.attrs.bytes(), &attrs[..]);
            }
            read.extend(reach.nlri);
        }
        prop_assert_eq!(read, sent(&routes, add_path));
    }

    /// The AS4 merge gives back a path in its shortest form exactly, whatever numbers are in it.
    #[test]
    fn a_set_survives_a_peer_of_two_octet_numbers(
        attrs in attributes(),
        asns in vec(asn(), 0..300),
    ) {
        let mut builder = AttrBuilder::from_view(AttrView::new(&attrs));
        builder.set_as_path(&asns);
        let attrs = builder.finish();
        let (encode, decode) = contexts(false, false);
        let wire = WireAttrs::new(AttrView::new(&attrs), Ipv4Addr::new(10, 0, 0, 1).into(), &encode);
        let routes = [Nlri::from("10.0.0.0/8".parse::<Prefix>().unwrap())];
        let message = &announce_all(&wire, Family::Ipv4Unicast, &routes, &encode)[0];
        let mut scratch = DecodeScratch::new();
        let update = decode_update(framed(message), &decode, &mut scratch).unwrap();
        prop_assert_eq!(update.attrs.bytes(), &attrs[..]);
    }

    #[test]
    fn canonical_bytes_are_canonical(attrs in attributes(), four_octet_as: bool) {
        // Sent to the decoder once more, the decoder's own bytes stay as they are.
        let (_, decode) = contexts(true, false);
        let (encode, narrow) = contexts(four_octet_as, false);
        let routes = [Nlri::from("10.0.0.0/8".parse::<Prefix>().unwrap())];
        let hop = Ipv4Addr::new(10, 0, 0, 1).into();
        let mut scratch = DecodeScratch::new();
        let first = WireAttrs::new(AttrView::new(&attrs), hop, &encode);
        let message = &announce_all(&first, Family::Ipv4Unicast, &routes, &encode)[0];
        let once = decode_update(framed(message), &narrow, &mut scratch).unwrap().attrs.bytes().to_vec();
        let (wide, _) = contexts(true, false);
        let second = WireAttrs::new(AttrView::new(&once), hop, &wide);
        let message = &announce_all(&second, Family::Ipv4Unicast, &routes, &wide)[0];
        let twice = decode_update(framed(message), &decode, &mut scratch).unwrap().attrs.bytes().to_vec();
        prop_assert_eq!(&twice, &once);
        let codes: Vec<u8> = AttrView::new(&once).iter().map(|(_, code, _)| code).collect();
        prop_assert!(codes.is_sorted_by(|a, b| a < b));
        prop_assert!(!codes.iter().any(|at| matches!(*at, code::NEXT_HOP | code::AS4_PATH | code::AS4_AGGREGATOR)));
    }

    #[test]
    fn withdrawals_are_decoded(
        (family, _, routes) in announcement(2000),
        add_path: bool,
    ) {
        let (encode, decode) = contexts(true, add_path);
        let mut scratch = DecodeScratch::new();
        let mut left = routes.iter().copied().peekable();
        let mut read = Vec::new();
        while left.peek().is_some() {
            let mut out = BytesMut::new();
            let count = encode_withdraw(&mut out, family, &mut left, &encode);
            prop_assert!(count > 0 && out.len() <= MAX_LEN);
            prop_assert_eq!(family_of_message(&out), Some(family));
            prop_assert_eq!(nlri_of_message(&out, family, add_path).len(), count);
            let update = decode_update(framed(&out), &decode, &mut scratch).unwrap();
            prop_assert!(update.faults.is_empty() && update.attrs.bytes().is_empty());
            for unreach in update.unreach.iter().flatten() {
                read.extend(unreach.nlri);
            }
        }
        prop_assert_eq!(read, sent(&routes, add_path));
    }

    /// A message with any octets changed gives an update or a fault, and whatever it gives is consistent.
    #[test]
    fn a_changed_message_is_read_or_refused(
        attrs in attributes(),
        (family, next_hop, routes) in announcement(20),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
        four_octet_as: bool,
        internal: bool,
    ) {
        let (encode, decode) = contexts(four_octet_as, false);
        let wire = WireAttrs::new(AttrView::new(&attrs), next_hop, &encode);
        let mut body = announce_all(&wire, family, &routes, &encode)[0].split_off(HEADER_LEN);
        for (at, value) in changes {
            let at = at.index(body.len());
            body[at] = value;
        }
        body.truncate(cut.map_or(body.len(), |at| at.index(body.len())));
        let mut scratch = DecodeScratch::new();
        check(&body, &DecodeContext { internal, ..decode }, &mut scratch)?;
    }

    /// Octets that were never a message.
    #[test]
    fn any_octets_are_read_or_refused(
        withdrawn in vec(any::<u8>(), 0..8),
        attributes in vec(prop_oneof![3 => 0u8..20, 1 => any::<u8>()], 0..60),
        nlri in vec(0u8..40, 0..12),
        internal: bool,
        four_octet_as: bool,
        add_path: bool,
    ) {
        let (_, decode) = contexts(four_octet_as, add_path);
        let mut body = Vec::new();
        for field in [&withdrawn, &attributes] {
            body.extend(u16::try_from(field.len()).unwrap().to_be_bytes());
            body.extend(field);
        }
        body.extend(nlri);
        check(&body, &DecodeContext { internal, ..decode }, &mut DecodeScratch::new())?;
        check(&attributes, &decode, &mut DecodeScratch::new())?;
    }
}

/// Decodes, and checks what must hold of every answer.
pub(super) fn check(
    body: &[u8],
    context: &DecodeContext,
    scratch: &mut DecodeScratch,
) -> Result<(), TestCaseError> {
    let update = match decode_update(body, context, scratch) {
        Err(fault) => {
            prop_assert_eq!(fault.remedy, Remedy::ResetSession);
            prop_assert_eq!(fault.notification().code, 3);
            return Ok(());
        }
        Ok(update) => update,
    };
    let reach = update.reach.iter().flatten().count();
    let spoiled = update
        .faults
        .iter()
        .any(|fault| fault.remedy == Remedy::TreatAsWithdraw);
    prop_assert!(!(spoiled && reach > 0));
    prop_assert!(
        update
            .faults
            .iter()
            .all(|fault| fault.remedy <= Remedy::TreatAsWithdraw)
    );
    prop_assert_eq!(reach == 0, update.attrs.bytes().is_empty());
    for nlri in update
        .reach
        .iter()
        .flatten()
        .map(|r| r.nlri)
        .chain(update.unreach.iter().flatten().map(|u| u.nlri))
    {
        prop_assert!(!nlri.is_empty());
        prop_assert_eq!(nlri.iter().count(), nlri.len());
    }
    if reach > 0 {
        // Canonical: the whole of it can be read, sorted, and encoding it again fits what was decoded.
        let codes: Vec<u8> = update.attrs.iter().map(|(_, code, _)| code).collect();
        prop_assert!(codes.is_sorted_by(|a, b| a < b));
        prop_assert!(codes.contains(&code::ORIGIN) && codes.contains(&code::AS_PATH));
        let rebuilt = AttrBuilder::from_view(update.attrs)
            .retain(|_, _| true)
            .clone()
            .finish();
        prop_assert_eq!(&rebuilt[..], update.attrs.bytes());
    }
    Ok(())
}
