//! RFC 4760: multiprotocol extensions, with IPv6 unicast.

use interop_tests::Result;

use super::cases::resets;
use super::octets::*;
use super::scene::{BOTH, Ground, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "3",
        Must,
        "Routes in MP_REACH_NLRI are taken and passed on",
        routes_are_taken
    ),
    rule!(
        "3",
        Must,
        "With MP_REACH_NLRI go ORIGIN and AS_PATH, and inside the AS LOCAL_PREF",
        sent_with_mandatory
    ),
    rule!(
        "3",
        Must,
        "Without ORIGIN or AS_PATH such routes are withdrawn (RFC 7606 3 d)",
        mandatory_is_needed
    ),
    rule!(
        "3",
        Should,
        "An UPDATE with MP_REACH_NLRI alone is sent without NEXT_HOP",
        sent_without_next_hop
    ),
    rule!(
        "3",
        Should,
        "A NEXT_HOP beside MP_REACH_NLRI alone is ignored, whatever it is",
        next_hop_is_ignored
    ),
    rule!(
        "3",
        Must,
        "The reserved octet is sent as 0",
        reserved_is_sent_as_zero
    ),
    rule!(
        "3",
        Should,
        "The reserved octet is ignored",
        reserved_is_ignored
    ),
    rule!(
        "3",
        Must,
        "The next hop is not changed inside the AS, and is our own address outside",
        next_hop
    ),
    rule!(
        "3",
        Should,
        "No UPDATE that is sent has a prefix in more than one field",
        sent_once
    ),
    rule!(
        "4",
        Must,
        "MP_UNREACH_NLRI withdraws, alone or among others, and needs no other attribute",
        unreach
    ),
    rule!(
        "5",
        Must,
        "Bits behind a prefix's length have no meaning",
        trailing_bits
    ),
    rule!(
        "7",
        Must,
        "An MP attribute that is incorrect: the routes of the family go, with the session",
        incorrect_attribute
    ),
    rule!(
        "7",
        Should,
        "That session ends by 3/9",
        incorrect_attribute_is_3_9
    ),
    not_done!(
        "7",
        Should,
        "Or the family is ignored from then on",
        "the other choice that the rule gives; sessions are reset"
    ),
    rule!(
        "8",
        Must,
        "A family is used only if both sides said so; routes of another one are ignored, and the session lasts",
        not_negotiated
    ),
    rule!(
        "8",
        Must,
        "The capability names each family, with a reserved octet of 0",
        sent_capabilities
    ),
    rule!(
        "8",
        Should,
        "Without the capability it is plain IPv4",
        plain_ipv4
    ),
    rule!(
        "8",
        Must,
        "Families that are not known are no fault",
        unknown_families
    ),
];

const NEXT_HOP6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
const OUR_NEXT_HOP6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The attributes of an IPv6 route: MP_REACH_NLRI first, no NEXT_HOP.
fn route6(peer: &Peer, net: ipnet::Ipv6Net) -> Vec<Octets> {
    let mut all = peer.good_without(NEXT_HOP);
    all.insert(0, mp_reach6(&NEXT_HOP6, &[net]));
    all
}

fn announce6(peer: &mut Peer, net: ipnet::Ipv6Net) -> Result<()> {
    let octets = update(&[], &route6(peer, net), &[]);
    peer.send(&octets)
}

fn observers(ground: &Ground<'_>) -> Result<[Peer; 2]> {
    Ok([ground.peer(Side::Internal)?, ground.peer_of(65010)?])
}

fn routes_are_taken(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in [Side::Client, Side::External] {
        let mut peer = ground.peer(side)?;
        for mut other in observers(ground)? {
            let net = ground.net6();
            announce6(&mut peer, net)?;
            other.has(net)?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn sent_with_mandatory(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let mut peer = ground.peer(side)?;
        let [mut inside, mut outside] = observers(ground)?;
        let net = ground.net6();
        announce6(&mut peer, net)?;
        inside.has(net)?;
        outside.has(net)?;
        for code in [ORIGIN, AS_PATH] {
            let both =
                inside.attribute(net, code).is_some() && outside.attribute(net, code).is_some();
            ensure(both, || format!("{side:?}: no {code}"))?;
        }
        let has = (
            inside.attribute(net, LOCAL_PREF).is_some(),
            outside.attribute(net, LOCAL_PREF).is_some(),
        );
        ensure(has == (true, false), || format!("LOCAL_PREF: {has:?}"))?;
    }
    Ok(6)
}

fn mandatory_is_needed(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        for code in [ORIGIN, AS_PATH] {
            let net = ground.net6();
            announce6(&mut peer, net)?;
            other.has(net)?;
            let mut attributes = route6(&peer, net);
            attributes.retain(|one| one[1] != code);
            peer.send(&update(&[], &attributes, &[]))?;
            other.lost(net)?;
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(4)
}

fn sent_without_next_hop(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    for mut other in observers(ground)? {
        let net = ground.net6();
        announce6(&mut peer, net)?;
        other.has_value(net, NEXT_HOP, None)?;
    }
    Ok(2)
}

fn next_hop_is_ignored(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        for value in [&[10, 0, 0, 1][..], &[0, 0, 0, 0], &[1, 2, 3], &[]] {
            let net = ground.net6();
            let mut attributes = route6(&peer, net);
            attributes.push(attr(WELL_KNOWN, NEXT_HOP, value));
            peer.send(&update(&[], &attributes, &[]))?;
            other.has(net)?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn reach_of(peer: &Peer, net: ipnet::Ipv6Net) -> Option<Octets> {
    peer.value(net, MP_REACH).map(<[u8]>::to_vec)
}

fn reserved_is_sent_as_zero(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net6();
    announce6(&mut peer, net)?;
    other.has(net)?;
    let reach = reach_of(&other, net).unwrap_or_default();
    let reserved = reach.get(4 + usize::from(reach[3])).copied();
    ensure(reserved == Some(0), || format!("{reach:02x?}"))?;
    Ok(1)
}

fn reserved_is_ignored(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    for reserved in [1, 255] {
        let net = ground.net6();
        let mut attributes = route6(&peer, net);
        // Head of the attribute, family, length and next hop stand before it.
        attributes[0][3 + 4 + 16] = reserved;
        peer.send(&update(&[], &attributes, &[]))?;
        other.has(net)?;
    }
    Ok(2)
}

fn next_hop(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    let [mut inside, mut outside] = observers(ground)?;
    let net = ground.net6();
    announce6(&mut peer, net)?;
    for (other, wanted) in [(&mut inside, NEXT_HOP6), (&mut outside, OUR_NEXT_HOP6)] {
        other.has(net)?;
        let reach = reach_of(other, net).unwrap_or_default();
        ensure(reach.get(4..20) == Some(&wanted[..]), || {
            format!("{reach:02x?}")
        })?;
    }
    Ok(2)
}

fn sent_once(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net6();
    for _ in 0..10 {
        announce6(&mut peer, net)?;
        peer.send(&update(&[], &[mp_unreach6(&[net])], &[]))?;
    }
    announce6(&mut peer, net)?;
    sync(&mut peer, &mut other)?;
    other.has(net)?;
    for heard in &other.heard {
        let both = heard
            .announced
            .iter()
            .any(|key| heard.withdrawn.contains(key));
        ensure(!both, || format!("{heard:?}"))?;
    }
    Ok(10)
}

fn unreach(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let nets = [ground.net6(), ground.net6()];
        for net in nets {
            announce6(&mut peer, net)?;
            other.has(net)?;
        }
        peer.send(&update(&[], &[mp_unreach6(&nets[..1])], &[]))?;
        other.lost(nets[0])?;
        let mut attributes = peer.good_without(NEXT_HOP);
        attributes.push(mp_unreach6(&nets[1..]));
        peer.send(&update(&[], &attributes, &[]))?;
        other.lost(nets[1])?;
        sync(&mut peer, &mut other)?;
    }
    Ok(4)
}

fn trailing_bits(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ipnet::Ipv6Net::new(ground.net6().addr(), 44)
        .expect("invariant: a length")
        .trunc();
    let mut attributes = route6(&peer, net);
    if let Some(last) = attributes[0].last_mut() {
        *last |= 0x0f;
    }
    peer.send(&update(&[], &attributes, &[]))?;
    other.has(net)?;
    peer.send(&update(&[], &[mp_unreach6(&[net])], &[]))?;
    other.lost(net)?;
    Ok(1)
}

fn incorrect_attribute(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let net = ground.net6();
        announce6(&mut peer, net)?;
        other.has(net)?;
        let bad = attr(OPTIONAL, MP_REACH, &[0, 2, 1, 200, 1, 2, 3]);
        peer.send(&update(&[], &[vec![bad], peer.good()].concat(), &[]))?;
        other.lost(net)?;
    }
    Ok(2)
}

fn incorrect_attribute_is_3_9(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let bad = [
            // The next hop runs over the end; the NLRI cannot be read.
            attr(OPTIONAL, MP_REACH, &[0, 2, 1, 200, 1, 2, 3]),
            attr(OPTIONAL, MP_UNREACH, &[0, 2, 1, 200, 1]),
        ];
        bad.map(|bad| {
            let attributes = [vec![bad.clone()], peer.good()].concat();
            (update(&[], &attributes, &[]), (3, 9), bad)
        })
        .to_vec()
    })
}

fn not_negotiated(ground: &Ground<'_>) -> Result<usize> {
    let with = |capability: Octets| {
        move |open: Open| {
            let asn = u32::from(open.asn);
            open.with(&[capability, four_octet(asn)])
        }
    };
    let mut cases = 0;
    for side in BOTH {
        // IPv4 alone: IPv6 is ignored, and not sent.
        let mut four = ground.peer_with(side, with(multiprotocol(1)))?;
        let mut six = ground.peer_with(side, with(multiprotocol(2)))?;
        let (mut both, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
        let (net, net6) = (ground.net(), ground.net6());
        announce6(&mut four, net6)?;
        sync(&mut four, &mut other)?;
        ensure(other.path(net6).is_none(), || {
            "IPv6 of an IPv4 session".into()
        })?;
        announce6(&mut both, net6)?;
        six.has(net6)?;
        both.announce(net)?;
        four.has(net)?;
        ensure(four.path(net6).is_none(), || {
            "IPv6 on an IPv4 session".into()
        })?;
        ensure(six.path(net).is_none(), || "IPv4 on an IPv6 session".into())?;
        // IPv6 alone: IPv4 in the fields of old is ignored.
        let (ignored, next) = (ground.net(), ground.net6());
        six.announce(ignored)?;
        announce6(&mut six, next)?;
        other.has(next)?;
        ensure(other.path(ignored).is_none(), || {
            "IPv4 of an IPv6 session".into()
        })?;
        // A family that nobody here speaks.
        let labelled = attr(
            OPTIONAL,
            MP_REACH,
            &[0, 1, 4, 4, 10, 0, 0, 1, 0, 48, 0, 0, 1, 60, 1, 1],
        );
        four.send(&update(&[], &[vec![labelled], four.good()].concat(), &[]))?;
        sync(&mut four, &mut other)?;
        cases += 4;
    }
    Ok(cases)
}

fn sent_capabilities(ground: &Ground<'_>) -> Result<usize> {
    let peer = ground.connection(Side::Client)?;
    let all = capabilities_of(&peer.open);
    let mut families: Vec<Octets> = all
        .into_iter()
        .filter(|(code, _)| *code == 1)
        .map(|(_, value)| value)
        .collect();
    families.sort();
    ensure(families == [vec![0, 1, 0, 1], vec![0, 2, 0, 1]], || {
        format!("{families:?}")
    })?;
    Ok(2)
}

fn plain_ipv4(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let mut plain = ground.peer_with(side, |open| open)?;
        let mut other = ground.peer(Side::Client)?;
        sync(&mut plain, &mut other)?;
        let net6 = ground.net6();
        announce6(&mut other, net6)?;
        sync(&mut other, &mut plain)?;
        ensure(plain.path(net6).is_none(), || "IPv6".into())?;
    }
    Ok(2)
}

fn unknown_families(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer_with(Side::Client, |open| {
        let asn = u32::from(open.asn);
        let strange = [
            capability(1, &[0x40, 4, 0, 71]),
            capability(1, &[0, 1, 0, 133]),
        ];
        open.with(&strange)
            .with(&[multiprotocol(1), four_octet(asn)])
    })?;
    let mut other = ground.peer(Side::Client)?;
    sync(&mut peer, &mut other)?;
    Ok(1)
}
