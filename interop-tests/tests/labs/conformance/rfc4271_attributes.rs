//! RFC 4271 section 5: path attributes, as they are taken and as they are passed on.

use interop_tests::Result;

use super::cases::{among_good, error};
use super::octets::*;
use super::scene::{BOTH, Ground, OUR_AS, Peer, SERVER, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "5",
        Must,
        "All well-known attributes are recognised",
        well_known_are_recognised
    ),
    rule!(
        "5",
        Must,
        "Mandatory attributes are in every UPDATE with NLRI that is sent",
        sent_mandatory
    ),
    rule!(
        "5",
        Must,
        "Well-known attributes are passed on",
        well_known_are_passed_on
    ),
    rule!(
        "5",
        Should,
        "A path with an unknown transitive attribute is taken",
        unknown_transitive_is_taken
    ),
    rule!(
        "5",
        Must,
        "An unknown transitive attribute is passed on with the Partial bit",
        unknown_transitive_is_passed_on
    ),
    rule!(
        "5",
        Must,
        "A Partial bit that is set stays set",
        partial_stays
    ),
    rule!(
        "5",
        Must,
        "An unknown attribute that is not transitive is left out without a word",
        unknown_non_transitive_goes
    ),
    rule!(
        "5",
        Should,
        "Attributes are sent in ascending order of their type codes",
        sent_order
    ),
    rule!("5", Must, "Attributes are taken in any order", any_order),
    rule!("5.1.1", Should, "ORIGIN is not changed", origin_is_kept),
    rule!(
        "5.1.2",
        Must,
        "AS_PATH is not changed toward internal peers",
        as_path_inside
    ),
    rule!(
        "5.1.2",
        Must,
        "Toward external peers our AS comes first: in the first sequence, or in a new one before a set or an empty path",
        as_path_outside
    ),
    rule!(
        "5.1.2",
        Should,
        "A sequence of 255 is not added to: our AS gets a segment of its own",
        full_segment
    ),
    rule!(
        "5.1.3",
        Should,
        "NEXT_HOP is not changed toward internal peers",
        next_hop_inside
    ),
    rule!(
        "5.1.3",
        Should,
        "Toward external peers NEXT_HOP is our end of the session",
        next_hop_outside
    ),
    rule!(
        "5.1.3",
        Must,
        "Third-party next hops toward external peers can be disabled: we give none unless told to",
        no_third_party
    ),
    rule!(
        "5.1.3",
        Must,
        "A peer is not told of a route whose NEXT_HOP is the peer's own address",
        not_to_its_next_hop
    ),
    rule!(
        "5.1.4",
        Must,
        "MED of a neighbouring AS is not passed on to another one",
        med_stays
    ),
    rule!("5.1.4", Should, "The lower MED is preferred", lower_med),
    not_done!(
        "5.1.4",
        Must,
        "MED can be removed by configuration before routes are chosen",
        "policies are prefix sets and change no attribute"
    ),
    rule!(
        "5.1.5",
        Must,
        "LOCAL_PREF is in every UPDATE to an internal peer",
        local_pref_inside
    ),
    rule!(
        "5.1.5",
        Must,
        "LOCAL_PREF is in no UPDATE to an external peer",
        no_local_pref_outside
    ),
    rule!(
        "5.1.5",
        Must,
        "LOCAL_PREF of an external peer is ignored",
        local_pref_from_outside
    ),
    rule!(
        "5.1.5",
        Must,
        "The higher LOCAL_PREF is preferred",
        higher_local_pref
    ),
    rule!(
        "5.1.6",
        Should,
        "ATOMIC_AGGREGATE is passed on",
        atomic_aggregate_is_kept
    ),
    not_done!(
        "5.1.6",
        Should,
        "An aggregate without all its ASes has ATOMIC_AGGREGATE",
        "nothing is aggregated"
    ),
    rule!(
        "5.1.6",
        Must,
        "A route with ATOMIC_AGGREGATE is not made more specific",
        not_more_specific
    ),
    not_done!(
        "5.1.7",
        Should,
        "AGGREGATOR has our AS and BGP Identifier when we aggregate",
        "nothing is aggregated"
    ),
    rule!(
        "5.1.7",
        Must,
        "AGGREGATOR of others is passed on",
        aggregator_is_kept
    ),
];

fn pair(ground: &Ground<'_>, from: Side, to: Side) -> Result<(Peer, Peer)> {
    Ok((ground.peer(from)?, ground.peer(to)?))
}

/// Two external peers of different ASes.
fn outside(ground: &Ground<'_>, from: Side) -> Result<(Peer, Peer)> {
    Ok((ground.peer(from)?, ground.peer_of(65010)?))
}

fn well_known_are_recognised(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::Client, Side::Client)?;
    let net = ground.net();
    let mut attributes = peer.good();
    attributes.push(attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[]));
    peer.announce_with(&attributes, net)?;
    for code in [ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, ATOMIC_AGGREGATE] {
        other.has(net)?;
        ensure(other.attribute(net, code).is_some(), || {
            format!("no {code}")
        })?;
    }
    Ok(5)
}

fn sent_mandatory(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for from in BOTH {
        for to in [Side::Client, Side::Internal, Side::External] {
            let mut peer = ground.peer(from)?;
            let mut other = match to {
                Side::External => ground.peer_of(65010)?,
                to => ground.peer(to)?,
            };
            let net = ground.net();
            peer.announce(net)?;
            other.has(net)?;
            for code in [ORIGIN, AS_PATH, NEXT_HOP] {
                ensure(other.attribute(net, code).is_some(), || {
                    format!("{from:?} to {to:?}: no {code}")
                })?;
                cases += 1;
            }
        }
    }
    Ok(cases)
}

fn well_known_are_passed_on(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::Client, Side::Internal)?;
    let net = ground.net();
    let values: [(u8, Octets); 5] = [
        (ORIGIN, vec![1]),
        (AS_PATH, sequence(&[65020, 65021])),
        (NEXT_HOP, vec![10, 9, 3, 200]),
        (LOCAL_PREF, vec![0, 0, 1, 44]),
        (ATOMIC_AGGREGATE, Vec::new()),
    ];
    let attributes: Vec<Octets> = values
        .iter()
        .map(|(code, value)| attr(WELL_KNOWN, *code, value))
        .collect();
    peer.announce_with(&attributes, net)?;
    for (code, value) in &values {
        other.has_value(net, *code, Some(value))?;
    }
    Ok(values.len())
}

fn unknown_transitive_is_taken(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        for code in [99, 200, 255] {
            for place in super::cases::PLACES {
                let net = ground.net();
                let attributes = among_good(&peer, &attr(TRANSITIVE, code, &[1, 2, 3]), place);
                peer.announce_with(&attributes, net)?;
                other.has(net)?;
                cases += 1;
            }
        }
    }
    Ok(cases)
}

fn unknown_transitive_is_passed_on(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for from in BOTH {
        for to in [Side::Client, Side::External] {
            let mut peer = ground.peer(from)?;
            let mut other = match to {
                Side::External => ground.peer_of(65010)?,
                to => ground.peer(to)?,
            };
            for value in [vec![], vec![7; 3], vec![8; 300]] {
                let net = ground.net();
                peer.announce_with(&peer.good_with(&attr(TRANSITIVE, 99, &value)), net)?;
                other.has_value(net, 99, Some(&value))?;
                let flags = other.attribute(net, 99).map(|attr| attr.flags & !0x10);
                ensure(flags == Some(TRANSITIVE | PARTIAL), || {
                    format!("{flags:02x?}")
                })?;
                cases += 1;
            }
        }
    }
    Ok(cases)
}

fn partial_stays(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::External, Side::Client)?;
    let all = [
        (99, vec![1]),
        (COMMUNITIES, vec![0xfd, 0xe9, 0, 1]),
        (AGGREGATOR, vec![0, 0, 0xfd, 0xe9, 10, 0, 0, 1]),
        (LARGE_COMMUNITIES, vec![1; 12]),
        (EXTENDED_COMMUNITIES, vec![0, 2, 0, 1, 0, 0, 0, 1]),
    ];
    for (code, value) in &all {
        let net = ground.net();
        peer.announce_with(
            &peer.good_with(&attr(TRANSITIVE | PARTIAL, *code, value)),
            net,
        )?;
        other.has(net)?;
        let flags = other.attribute(net, *code).map(|attr| attr.flags);
        ensure(flags.is_some_and(|flags| flags & PARTIAL != 0), || {
            format!("{code}: {flags:02x?}")
        })?;
    }
    Ok(all.len())
}

fn unknown_non_transitive_goes(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        for place in super::cases::PLACES {
            let net = ground.net();
            let attributes = among_good(&peer, &attr(OPTIONAL, 99, &[1, 2, 3]), place);
            peer.announce_with(&attributes, net)?;
            other.has_value(net, 99, None)?;
            cases += 1;
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

fn sent_order(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for (from, to) in [
        (Side::Client, Side::Client),
        (Side::External, Side::Client),
        (Side::Client, Side::External),
    ] {
        let (mut peer, mut other) = pair(ground, from, to)?;
        let net = ground.net();
        let mut attributes = peer.good();
        attributes.insert(0, attr(TRANSITIVE, 99, &[1]));
        attributes.insert(0, attr(TRANSITIVE, COMMUNITIES, &[0xfd, 0xe9, 0, 1]));
        attributes.insert(0, attr(TRANSITIVE, LARGE_COMMUNITIES, &[1; 12]));
        peer.announce_with(&attributes, net)?;
        other.has(net)?;
        let codes: Vec<u8> = other
            .path(net)
            .into_iter()
            .flatten()
            .map(|attr| attr.code)
            .collect();
        ensure(codes.is_sorted() && codes.contains(&99), || {
            format!("{codes:?}")
        })?;
        cases += 1;
    }
    Ok(cases)
}

fn any_order(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::Client, Side::Client)?;
    let count = peer.good().len();
    for turn in 0..count {
        for is_reversed in [false, true] {
            let net = ground.net();
            let mut attributes = peer.good();
            attributes.rotate_left(turn);
            if is_reversed {
                attributes.reverse();
            }
            peer.announce_with(&attributes, net)?;
            other.has(net)?;
        }
    }
    Ok(2 * count)
}

fn origin_is_kept(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for (from, to) in [
        (Side::Client, Side::Client),
        (Side::External, Side::Client),
        (Side::Client, Side::External),
    ] {
        let (mut peer, mut other) = pair(ground, from, to)?;
        for origin in [0, 1, 2] {
            let net = ground.net();
            peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, ORIGIN, &[origin])), net)?;
            other.has_value(net, ORIGIN, Some(&[origin]))?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn as_path_inside(ground: &Ground<'_>) -> Result<usize> {
    let paths = [
        Vec::new(),
        sequence(&[65001]),
        sequence(&[65001, 65002, 4_200_000_000]),
        path(&[(AS_SEQUENCE, &[65001]), (AS_SET, &[65003, 65004])], true),
        path(&[(AS_SEQUENCE, &[65001]), (AS_SEQUENCE, &[65002])], true),
    ];
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        for path in &paths {
            if side == Side::External && path.is_empty() {
                continue;
            }
            let net = ground.net();
            peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, AS_PATH, path)), net)?;
            other.has_value(net, AS_PATH, Some(path))?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn as_path_outside(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = outside(ground, Side::Client)?;
    let cases = [
        (Vec::new(), sequence(&[OUR_AS])),
        (sequence(&[65001, 65002]), sequence(&[OUR_AS, 65001, 65002])),
        (
            path(&[(AS_SET, &[65003, 65004])], true),
            path(&[(AS_SEQUENCE, &[OUR_AS]), (AS_SET, &[65003, 65004])], true),
        ),
    ];
    for (sent, wanted) in &cases {
        let net = ground.net();
        peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, AS_PATH, sent)), net)?;
        other.has_value(net, AS_PATH, Some(wanted))?;
    }
    Ok(cases.len())
}

fn full_segment(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = outside(ground, Side::Client)?;
    let full: Vec<u32> = (0..255).map(|n| 100_000 + n).collect();
    let net = ground.net();
    let sent = path(&[(AS_SEQUENCE, &full)], true);
    let wanted = path(&[(AS_SEQUENCE, &[OUR_AS]), (AS_SEQUENCE, &full)], true);
    peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, AS_PATH, &sent)), net)?;
    other.has_value(net, AS_PATH, Some(&wanted))?;
    Ok(1)
}

fn next_hop_inside(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        for next_hop in [peer.address.octets(), [10, 9, 3, 201]] {
            let net = ground.net();
            peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, NEXT_HOP, &next_hop)), net)?;
            other.has_value(net, NEXT_HOP, Some(&next_hop))?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn next_hop_outside(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = outside(ground, side)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has_value(net, NEXT_HOP, Some(&SERVER.octets()))?;
    }
    Ok(2)
}

fn no_third_party(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = outside(ground, Side::External)?;
    // On the subnet of all of them, so that it could be given.
    for next_hop in [[10, 9, 128, 250], [10, 9, 3, 202]] {
        let net = ground.net();
        peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, NEXT_HOP, &next_hop)), net)?;
        other.has_value(net, NEXT_HOP, Some(&SERVER.octets()))?;
    }
    Ok(2)
}

fn not_to_its_next_hop(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::Client, Side::Client)?;
    let net = ground.net();
    let theirs = attr(WELL_KNOWN, NEXT_HOP, &other.address.octets());
    peer.announce_with(&peer.good_with(&theirs), net)?;
    sync(&mut peer, &mut other)?;
    ensure(other.path(net).is_none(), || {
        "told of a route to itself".into()
    })?;
    // One that it was told of goes when it becomes the next hop.
    peer.announce(net)?;
    other.has(net)?;
    peer.announce_with(&peer.good_with(&theirs), net)?;
    other.lost(net)?;
    Ok(2)
}

fn med_stays(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = outside(ground, side)?;
        let mut inside = ground.peer(Side::Internal)?;
        let net = ground.net();
        let mut attributes = peer.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 7]));
        if side == Side::Client {
            // A client that learned it of a neighbouring AS.
            attributes[1] = attr(WELL_KNOWN, AS_PATH, &sequence(&[65001]));
        }
        peer.announce_with(&attributes, net)?;
        other.has_value(net, MED, None)?;
        inside.has_value(net, MED, Some(&[0, 0, 0, 7]))?;
    }
    Ok(2)
}

fn lower_med(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = pair(ground, Side::External, Side::External)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    one.announce_with(&one.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 7])), net)?;
    other.has_value(net, MED, Some(&[0, 0, 0, 7]))?;
    two.announce_with(&two.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 6])), net)?;
    other.has_value(net, MED, Some(&[0, 0, 0, 6]))?;
    one.announce_with(&one.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 5])), net)?;
    other.has_value(net, MED, Some(&[0, 0, 0, 5]))?;
    Ok(2)
}

fn local_pref_inside(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for (from, to) in [
        (Side::External, Side::Client),
        (Side::External, Side::Internal),
        (Side::Client, Side::Client),
    ] {
        let (mut peer, mut other) = pair(ground, from, to)?;
        for attributes in [peer.good(), peer.good_without(LOCAL_PREF)] {
            let net = ground.net();
            peer.announce_with(&attributes, net)?;
            other.has(net)?;
            let value = other.value(net, LOCAL_PREF).map(<[u8]>::len);
            ensure(value == Some(4), || {
                format!("{from:?} to {to:?}: {value:?}")
            })?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn no_local_pref_outside(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = outside(ground, side)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has_value(net, LOCAL_PREF, None)?;
    }
    Ok(2)
}

fn local_pref_from_outside(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::External, Side::Client)?;
    let mut outside = ground.peer_of(65010)?;
    let mut cases = 0;
    // Also one that is malformed.
    for value in [vec![0, 0, 3, 232], vec![0, 0, 3], Vec::new()] {
        for place in super::cases::PLACES {
            let net = ground.net();
            let attributes = among_good(&peer, &attr(WELL_KNOWN, LOCAL_PREF, &value), place);
            peer.announce_with(&attributes, net)?;
            other.has_value(net, LOCAL_PREF, Some(&[0, 0, 0, 100]))?;
            outside.has_value(net, LOCAL_PREF, None)?;
            cases += 1;
        }
    }
    sync(&mut peer, &mut other)?;
    Ok(cases)
}

fn higher_local_pref(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = pair(ground, Side::Client, Side::Client)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    let preferred = |peer: &Peer, value: u8, length: usize| {
        let mut all = peer.good_with(&attr(WELL_KNOWN, LOCAL_PREF, &[0, 0, 0, value]));
        all[1] = attr(WELL_KNOWN, AS_PATH, &sequence(&vec![65030; length]));
        all
    };
    one.announce_with(&preferred(&one, 90, 1), net)?;
    other.has(net)?;
    // Though its path is longer.
    two.announce_with(&preferred(&two, 110, 5), net)?;
    other.has_value(net, LOCAL_PREF, Some(&[0, 0, 0, 110]))?;
    one.announce_with(&preferred(&one, 120, 9), net)?;
    other.has_value(net, LOCAL_PREF, Some(&[0, 0, 0, 120]))?;
    Ok(2)
}

fn atomic_aggregate_is_kept(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        let mut outside = ground.peer_of(65010)?;
        let net = ground.net();
        peer.announce_with(
            &peer.good_with(&attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[])),
            net,
        )?;
        other.has_value(net, ATOMIC_AGGREGATE, Some(&[]))?;
        outside.has_value(net, ATOMIC_AGGREGATE, Some(&[]))?;
        cases += 2;
    }
    Ok(cases)
}

fn not_more_specific(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = pair(ground, Side::Client, Side::Client)?;
    let net = ground.net();
    peer.announce_with(
        &peer.good_with(&attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[])),
        net,
    )?;
    other.has(net)?;
    sync(&mut peer, &mut other)?;
    let inside = |key: &Key| match key.0 {
        ipnet::IpNet::V4(other) => net.contains(&other) && other != net,
        ipnet::IpNet::V6(_) => false,
    };
    match other.held.keys().find(|key| inside(key)) {
        None => Ok(1),
        Some(key) => Err(error(format!("{key:?} of {net}"))),
    }
}

fn aggregator_is_kept(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = pair(ground, side, Side::Client)?;
        let net = ground.net();
        let value = [0, 0, 0xfd, 0xe9, 10, 0, 0, 1];
        peer.announce_with(&peer.good_with(&attr(TRANSITIVE, AGGREGATOR, &value)), net)?;
        other.has_value(net, AGGREGATOR, Some(&value))?;
        cases += 1;
    }
    Ok(cases)
}
