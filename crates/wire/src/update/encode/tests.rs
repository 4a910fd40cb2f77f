use super::*;
use crate::attr::{Aggregator, AttrBuilder, Origin};
use crate::{Families, MAX_LEN, Prefix};

const CONTEXT: EncodeContext = EncodeContext {
    four_octet_as: true,
    add_path: Families::EMPTY,
    extended_next_hop: Families::EMPTY,
    max_len: MAX_LEN,
};

fn attrs(asns: &[u32]) -> AttrBuilder {
    let asns: Vec<Asn> = asns.iter().copied().map(Asn).collect();
    let mut attrs = AttrBuilder::new();
    attrs
        .set_origin(Origin::Igp)
        .set_as_path(&asns)
        .set_local_pref(100);
    attrs
}

fn nlri(prefixes: &[&str]) -> Vec<Nlri> {
    prefixes
        .iter()
        .map(|text| Nlri::from(text.parse::<Prefix>().unwrap()))
        .collect()
}

fn announce(
    attrs: &AttrBuilder,
    next_hop: &str,
    prefixes: &[&str],
    context: &EncodeContext,
) -> Vec<u8> {
    let next_hop: std::net::IpAddr = next_hop.parse().unwrap();
    let wire = WireAttrs::new(attrs.view(), next_hop.into(), context);
    let routes = nlri(prefixes);
    let mut out = BytesMut::new();
    let mut left = routes.iter().copied().peekable();
    let count = encode_announce(&mut out, &wire, routes[0].family(), &mut left, context).unwrap();
    assert_eq!(count, routes.len());
    assert_eq!(out[..16], [0xFF; 16]);
    assert_eq!(
        out[16..19],
        [&u16::try_from(out.len()).unwrap().to_be_bytes()[..], &[2]].concat()
    );
    out[19..].to_vec()
}

#[test]
fn ipv4_uses_the_classic_fields() {
    let body = announce(
        &attrs(&[64512]),
        "10.0.0.1",
        &["10.0.0.0/8", "0.0.0.0/0"],
        &CONTEXT,
    );
    let expected = [
        &[0, 0, 0, 27][..],                 // lengths
        &[0x40, 1, 1, 0],                   // ORIGIN
        &[0x40, 2, 6, 2, 1, 0, 0, 0xFC, 0], // AS_PATH
        &[0x40, 3, 4, 10, 0, 0, 1],         // NEXT_HOP
        &[0x40, 5, 4, 0, 0, 0, 100],        // LOCAL_PREF
        &[8, 10, 0],                        // NLRI
    ]
    .concat();
    assert_eq!(body, expected);
}

#[test]
fn ipv6_puts_mp_reach_first() {
    let body = announce(&attrs(&[]), "2001:db8::1", &["2001:db8::/32"], &CONTEXT);
    let next_hop = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let expected = [
        &[0, 0, 0, 44][..],
        &[0x90, 14, 0, 26, 0, 2, 1, 16],
        &next_hop,
        &[0, 32, 0x20, 0x01, 0x0d, 0xb8],
        &[0x40, 1, 1, 0],
        &[0x40, 2, 0],
        &[0x40, 5, 4, 0, 0, 0, 100],
    ]
    .concat();
    assert_eq!(body, expected);
}

#[test]
fn two_octet_receivers_get_the_as4_pair_in_order() {
    let mut attrs = attrs(&[1, 70000]);
    attrs
        .set_med(1)
        .set_aggregator(Aggregator {
            asn: Asn(70001),
            router_id: [1, 2, 3, 4].into(),
        })
        .set_communities(&[crate::Community::NO_EXPORT])
        .set_otc(Asn(70002));
    let context = EncodeContext {
        four_octet_as: false,
        ..CONTEXT
    };
    let wire = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &context);
    let view = AttrView::new(&wire.octets);
    let codes: Vec<u8> = view.iter().map(|(_, code, _)| code).collect();
    assert_eq!(codes, [1, 2, 3, 4, 5, 7, 8, 17, 18, 35]);
    assert_eq!(view.get(code::AS_PATH), Some(&[2, 2, 0, 1, 0x5B, 0xA0][..]));
    assert_eq!(
        view.get(code::AGGREGATOR),
        Some(&[0x5B, 0xA0, 1, 2, 3, 4][..])
    );
    assert_eq!(
        view.get(code::AS4_PATH),
        Some(&[2, 2, 0, 0, 0, 1, 0, 1, 0x11, 0x70][..])
    );
    assert_eq!(
        view.get(code::AS4_AGGREGATOR),
        Some(&[0, 1, 0x11, 0x71, 1, 2, 3, 4][..])
    );
}

#[test]
fn numbers_that_fit_need_no_as4_pair() {
    let mut attrs = attrs(&[1, 65535]);
    attrs.set_aggregator(Aggregator {
        asn: Asn(1),
        router_id: [1, 2, 3, 4].into(),
    });
    let context = EncodeContext {
        four_octet_as: false,
        ..CONTEXT
    };
    let wire = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &context);
    let codes: Vec<u8> = AttrView::new(&wire.octets)
        .iter()
        .map(|(_, code, _)| code)
        .collect();
    assert_eq!(codes, [1, 2, 3, 5, 7]);
}

#[test]
fn next_hop_comes_last_if_nothing_is_behind_it() {
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(Origin::Igp);
    let wire = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &CONTEXT);
    assert_eq!(wire.octets, [0x40, 1, 1, 0, 0x40, 3, 4, 10, 0, 0, 1]);
    assert_eq!((wire.len(), wire.is_empty()), (11, false));
}

#[test]
fn a_full_message_leaves_the_rest_for_the_next() {
    let wire = WireAttrs::new(
        attrs(&[]).view(),
        NextHop::V4([10, 0, 0, 1].into()),
        &CONTEXT,
    );
    let routes = (0..2000u32).map(|i| {
        let net = crate::Ipv4Net::new((0x0A00_0000 + (i << 8)).into(), 24).unwrap();
        Nlri::from(Prefix::V4(net))
    });
    let mut routes = routes.peekable();
    let mut out = BytesMut::new();
    let first =
        encode_announce(&mut out, &wire, Family::Ipv4Unicast, &mut routes, &CONTEXT).unwrap();
    // 4096 octets, 23 of header and lengths, 21 of attributes, 4 for each route.
    assert_eq!((first, out.len()), (1013, 4096));
    let second =
        encode_announce(&mut out, &wire, Family::Ipv4Unicast, &mut routes, &CONTEXT).unwrap();
    assert_eq!((second, out.len()), (987, 4096 + 44 + 987 * 4));
    assert_eq!(
        nlri_of_message(&out[4096..], Family::Ipv4Unicast, false).len(),
        987
    );
    assert_eq!(
        encode_announce(&mut out, &wire, Family::Ipv4Unicast, &mut routes, &CONTEXT),
        Ok(0)
    );
    assert_eq!(out.len(), 4096 + 44 + 987 * 4);
}

#[test]
fn attributes_without_room_for_a_route_are_refused() {
    let mut attrs = attrs(&[]);
    // 23 of header and lengths, 21 of the others, 4 of this one's head; then 5 for the route.
    attrs.set_raw(0xE0, 200, &vec![7; 4096 - 23 - 21 - 4 - 5]);
    assert_eq!(
        announce(&attrs, "10.0.0.1", &["10.0.0.1/32"], &CONTEXT).len(),
        4096 - 19
    );
    attrs.set_raw(0xE0, 200, &vec![7; 4096 - 23 - 21 - 4 - 4]);
    let wire = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &CONTEXT);
    let mut left = nlri(&["10.0.0.1/32"]).into_iter().peekable();
    let mut out = BytesMut::new();
    let refused = encode_announce(&mut out, &wire, Family::Ipv4Unicast, &mut left, &CONTEXT);
    assert_eq!(
        (refused, out.len(), left.count()),
        (Err(EncodeError::TooLarge), 0, 1)
    );
    let extended = EncodeContext {
        max_len: MAX_EXTENDED_LEN,
        ..CONTEXT
    };
    assert_eq!(
        announce(&attrs, "10.0.0.1", &["10.0.0.1/32"], &extended).len(),
        4096 - 19 + 1
    );
}

/// RFC 8654: as long as it has to be, and no longer where that would only save headers.
#[test]
fn extended_messages_are_long_where_the_attributes_are() {
    let extended = EncodeContext {
        max_len: MAX_EXTENDED_LEN,
        ..CONTEXT
    };
    let encode = |attrs: &AttrBuilder, count: u32| {
        let hop = NextHop::V4([10, 0, 0, 1].into());
        let wire = WireAttrs::new(attrs.view(), hop, &extended);
        let routes = (0..count).map(|n| {
            let net = crate::Ipv4Net::new((0x0A00_0000 + (n << 8)).into(), 24).unwrap();
            Nlri::from(Prefix::V4(net))
        });
        let family = Family::Ipv4Unicast;
        let room = wire.room(family, routes.len(), &extended);
        let mut out = BytesMut::new();
        let done = encode_announce(&mut out, &wire, family, &mut routes.peekable(), &extended);
        assert!(out.len() <= room && room <= MAX_EXTENDED_LEN);
        (done.unwrap(), out.len())
    };
    let mut attrs = attrs(&[]);
    assert_eq!(encode(&attrs, 20_000), (1013, 4096));
    attrs.set_raw(0xE0, 200, &vec![7; 30_000]);
    assert_eq!(encode(&attrs, 1), (1, 23 + 21 + 4 + 30_000 + 4));
    let most = (65_535 - 23 - 21 - 4 - 30_000) / 4;
    assert_eq!(encode(&attrs, 20_000).0, most);
    let short = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &CONTEXT);
    assert_eq!(short.room(Family::Ipv4Unicast, 5, &CONTEXT), 4096);
}

#[test]
fn withdrawals_are_short_for_everybody() {
    let routes = (0..20_000u32).map(|n| {
        let net = crate::Ipv4Net::new((0x0A00_0000 + (n << 8)).into(), 24).unwrap();
        Nlri::from(Prefix::V4(net))
    });
    let extended = EncodeContext {
        max_len: MAX_EXTENDED_LEN,
        ..CONTEXT
    };
    let mut out = BytesMut::new();
    let count = encode_withdraw(
        &mut out,
        Family::Ipv4Unicast,
        &mut routes.peekable(),
        &extended,
    );
    assert_eq!((count, out.len()), (1018, 23 + 1018 * 4));
}

#[test]
fn a_set_that_was_cut_is_never_sent() {
    let mut attrs = attrs(&[1]);
    // 65,536 octets of path, which are half as many to a peer of two-octet numbers.
    attrs.prepend(Asn(2), 17_000);
    let context = EncodeContext {
        four_octet_as: false,
        max_len: MAX_EXTENDED_LEN,
        ..CONTEXT
    };
    let wire = WireAttrs::new(attrs.view(), NextHop::V4([10, 0, 0, 1].into()), &context);
    let mut left = nlri(&["0.0.0.0/0"]).into_iter().peekable();
    let refused = encode_announce(
        &mut BytesMut::new(),
        &wire,
        Family::Ipv4Unicast,
        &mut left,
        &context,
    );
    assert_eq!(refused, Err(EncodeError::TooLarge));
}

#[test]
fn next_hops_of_the_other_family() {
    let v4 = WireAttrs::new(
        attrs(&[]).view(),
        NextHop::V4([10, 0, 0, 1].into()),
        &CONTEXT,
    );
    let v6 = WireAttrs::new(
        attrs(&[]).view(),
        std::net::Ipv6Addr::LOCALHOST.into(),
        &CONTEXT,
    );
    assert_eq!(v4.next_hop(), NextHop::V4([10, 0, 0, 1].into()));
    let encode = |wire, prefix, context| {
        let routes = nlri(&[prefix]);
        let family = routes[0].family();
        encode_announce(
            &mut BytesMut::new(),
            wire,
            family,
            &mut routes.into_iter().peekable(),
            context,
        )
    };
    assert_eq!(
        encode(&v4, "2001:db8::/32", &CONTEXT),
        Err(EncodeError::NextHop)
    );
    assert_eq!(
        encode(&v6, "10.0.0.0/8", &CONTEXT),
        Err(EncodeError::NextHop)
    );
    let extended = EncodeContext {
        extended_next_hop: Families::only(Family::Ipv4Unicast),
        ..CONTEXT
    };
    assert_eq!(encode(&v6, "10.0.0.0/8", &extended), Ok(1));
}

#[test]
fn withdrawals() {
    let withdraw = |prefixes: &[&str]| {
        let routes = nlri(prefixes);
        let mut out = BytesMut::new();
        let family = routes[0].family();
        let count = encode_withdraw(
            &mut out,
            family,
            &mut routes.iter().copied().peekable(),
            &CONTEXT,
        );
        assert_eq!(count, routes.len());
        out[19..].to_vec()
    };
    assert_eq!(
        withdraw(&["10.0.0.0/8", "10.1.0.0/16"]),
        [0, 5, 8, 10, 16, 10, 1, 0, 0]
    );
    assert_eq!(
        withdraw(&["2001:db8::/32"]),
        [
            0, 0, 0, 12, 0x90, 15, 0, 8, 0, 2, 1, 32, 0x20, 1, 0x0d, 0xb8
        ]
    );
    let mut out = BytesMut::new();
    let count = encode_withdraw(
        &mut out,
        Family::Ipv4Unicast,
        &mut std::iter::empty().peekable(),
        &CONTEXT,
    );
    assert_eq!((count, out.len()), (0, 0));
}

#[test]
fn end_of_rib_messages() {
    assert_eq!(
        end_of_rib(Family::Ipv4Unicast)[16..],
        [0, 23, 2, 0, 0, 0, 0]
    );
    assert_eq!(
        end_of_rib(Family::Ipv6Unicast)[16..],
        [0, 29, 2, 0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]
    );
    for family in Family::ALL {
        assert_eq!(family_of_message(&end_of_rib(family)), Some(family));
        assert!(nlri_of_message(&end_of_rib(family), family, false).is_empty());
    }
}

#[test]
fn other_messages_have_no_routes() {
    assert_eq!(family_of_message(&crate::keepalive()), None);
    assert_eq!(family_of_message(&[]), None);
    assert_eq!(
        family_of_message(&end_of_rib(Family::Ipv6Unicast)[..25]),
        None
    );
    assert!(nlri_of_message(&crate::keepalive(), Family::Ipv4Unicast, false).is_empty());
    let mut out = BytesMut::new();
    encode_withdraw(
        &mut out,
        Family::Ipv4Unicast,
        &mut nlri(&["10.0.0.0/8"]).into_iter().peekable(),
        &CONTEXT,
    );
    assert!(nlri_of_message(&out, Family::Ipv6Unicast, false).is_empty());
    assert_eq!(nlri_of_message(&out, Family::Ipv4Unicast, false).len(), 1);
}

#[test]
fn extended_messages_hold_sixteen_times_as_much() {
    let mut attrs = attrs(&[1]);
    // So much that a short message would be half full of it.
    attrs.set_raw(0xE0, 200, &[7; 2100]);
    let wire = WireAttrs::new(attrs.view(), std::net::Ipv6Addr::LOCALHOST.into(), &CONTEXT);
    let context = EncodeContext {
        max_len: MAX_EXTENDED_LEN,
        ..CONTEXT
    };
    let mut routes = (0..10_000u128)
        .map(|i| {
            let net = crate::Ipv6Net::new((i << 64).into(), 64).unwrap();
            Nlri::from(Prefix::V6(net))
        })
        .peekable();
    let mut out = BytesMut::new();
    let count =
        encode_announce(&mut out, &wire, Family::Ipv6Unicast, &mut routes, &context).unwrap();
    // 65,535 octets, 23 of header and lengths, 25 of MP_REACH_NLRI, 20 and 2,104 of attributes, 9 for each route.
    assert_eq!((count, out.len()), (7040, 23 + 25 + 2124 + 7040 * 9));
    let (frame, used) = crate::next_frame(&out, MAX_EXTENDED_LEN).unwrap().unwrap();
    assert_eq!(used, out.len());
    let decode = crate::DecodeContext {
        internal: true,
        four_octet_as: true,
        families: Families::ALL,
        add_path: Families::EMPTY,
        extended_next_hop: Families::EMPTY,
        as_sets: true,
    };
    let mut scratch = crate::DecodeScratch::new();
    // The loopback address is no next hop, so the routes come out withdrawn.
    let update = crate::decode_update(frame.body, &decode, &mut scratch).unwrap();
    let withdrawn: usize = update.unreach.iter().flatten().map(|u| u.nlri.len()).sum();
    assert_eq!((withdrawn, update.faults.len()), (7040, 1));
}
