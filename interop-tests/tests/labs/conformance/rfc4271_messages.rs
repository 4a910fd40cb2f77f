//! RFC 4271 section 4 (formats), 6.1 (header) and 6.2 (OPEN).

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use interop_tests::Result;

use super::cases::{error, in_every_state, open_confirm, refuses_at_open};
use super::octets::*;
use super::scene::{Ground, OUR_AS, SERVER, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "4",
        Must,
        "A message takes effect only when all of it is there, however it is cut into segments",
        octet_by_octet
    ),
    rule!(
        "4",
        Must,
        "Messages of 4096 octets are taken",
        the_longest_message
    ),
    rule!(
        "4.1",
        Must,
        "The marker of what is sent is all ones, and lengths are those of the messages without padding",
        sent_headers
    ),
    rule!(
        "4.1",
        Must,
        "What is sent is 4096 octets at most, however much there is to say",
        sent_lengths
    ),
    rule!(
        "4.2",
        Must,
        "The hold time in use is the smaller of both, as its end shows",
        smaller_hold_time
    ),
    rule!(
        "4.2",
        Must,
        "The hold time that is offered is 0 or at least 3 s",
        offered_hold_time
    ),
    rule!(
        "4.2",
        Must,
        "An OPEN that is accepted is answered by a KEEPALIVE",
        open_is_confirmed
    ),
    rule!(
        "4.2",
        Must,
        "The BGP Identifier is the same toward every peer",
        one_identifier
    ),
    rule!(
        "4.3",
        Must,
        "The flags of well-known attributes that are sent are Transitive, not Optional, not Partial, and the low bits are 0",
        sent_flags
    ),
    rule!(
        "4.3",
        Must,
        "The four low bits of an attribute's flags are ignored",
        low_flag_bits
    ),
    rule!(
        "4.3",
        Must,
        "A length of two octets is read where the flag says so, also when one would do",
        extended_length
    ),
    rule!(
        "4.3",
        Must,
        "Bits behind a prefix's length have no meaning",
        trailing_bits
    ),
    rule!(
        "4.3",
        Must,
        "A prefix in both fields of one UPDATE is processed, and is announced, not withdrawn",
        prefix_in_both_fields
    ),
    rule!(
        "4.3",
        Should,
        "No UPDATE that is sent has a prefix in both fields",
        sent_prefix_in_one_field
    ),
    rule!(
        "4.4",
        Must,
        "KEEPALIVEs come at most once a second, and often enough for the hold time",
        keepalive_rate
    ),
    rule!(
        "4.4",
        Must,
        "With a hold time of 0 no KEEPALIVE is sent but the one that confirms the OPEN, and silence is no fault",
        no_keepalives_without_hold_time
    ),
    rule!(
        "4.5",
        Must,
        "The connection is closed right after a NOTIFICATION",
        closes_after_notification
    ),
    rule!(
        "6",
        Must,
        "A session that ends takes its routes with it, and other peers are told",
        routes_go_with_the_session
    ),
    rule!(
        "6.1",
        Must,
        "A marker that is not all ones: 1/1 without data, in every state",
        bad_marker
    ),
    rule!(
        "6.1",
        Must,
        "A length below 19 or above 4096: 1/2 with the length as data, in every state",
        bad_length
    ),
    rule!(
        "6.1",
        Must,
        "A length that its type does not allow: 1/2 with the length as data",
        bad_length_for_type
    ),
    rule!(
        "6.1",
        Must,
        "An unknown type: 1/3 with the type as data, in every state",
        bad_type
    ),
    rule!(
        "6.2",
        Must,
        "Another version than 4: 2/1 with 00 04 as data",
        bad_version
    ),
    rule!(
        "6.2",
        Must,
        "An AS that the peer is not to have: 2/2",
        bad_peer_as
    ),
    rule!("6.2", Must, "A hold time of 1 or 2 s: 2/6", bad_hold_time),
    rule!(
        "6.2",
        Must,
        "A BGP Identifier that is none (0; RFC 6286 allows any other), or our own inside the AS: 2/3",
        bad_identifier
    ),
    rule!(
        "6.2",
        Must,
        "An optional parameter that is not known: 2/4",
        unknown_parameter
    ),
    rule!(
        "6.2",
        Must,
        "A known optional parameter whose inside does not fit together: 2/0",
        malformed_parameter
    ),
    not_done!(
        "7",
        Must,
        "Future versions keep the format of OPEN and NOTIFICATION",
        "it binds those who define versions"
    ),
];

fn octet_by_octet(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.connection(Side::Client)?;
    let mut other = ground.peer_of(65010)?;
    let net = ground.net();
    let mut all = Open::usual(peer.asn, peer.address).encode();
    all.extend(keepalive());
    all.extend(update(&[], &peer.good(), &[net]));
    for octet in &all {
        peer.send(&[*octet])?;
    }
    other.has(net)?;
    // The last octet of an UPDATE is what it waits for.
    let gone = withdraw(&[net]);
    peer.send(&gone[..gone.len() - 1])?;
    let mut second = ground.peer(Side::Client)?;
    sync(&mut second, &mut other)?;
    ensure(other.path(net).is_some(), || "withdrawn too early".into())?;
    peer.send(&gone[gone.len() - 1..])?;
    other.lost(net)?;
    Ok(2)
}

fn the_longest_message(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    // An attribute that nobody knows fills it up.
    let room = 4096 - update(&[], &peer.good_with(&attr(TRANSITIVE, 99, &[])), &[net]).len() - 1;
    let attributes = peer.good_with(&attr(OPTIONAL, 99, &vec![0; room]));
    let octets = update(&[], &attributes, &[net]);
    ensure(octets.len() == 4096, || format!("{} octets", octets.len()))?;
    peer.send(&octets)?;
    other.has(net)?;
    sync(&mut peer, &mut other)?;
    Ok(1)
}

fn sent_headers(ground: &Ground<'_>) -> Result<usize> {
    // Each message that a peer reads is held to its marker and length as it is read.
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    other.send(&header(19, 77, &[]))?;
    other.is_told(1, 3, &[77])?;
    Ok(4)
}

fn sent_lengths(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    // 1000 prefixes of one path: more than one message holds.
    let base = u32::from(ground.net().addr());
    let nets: Vec<_> = (0..250)
        .map(|n| ipnet::Ipv4Net::new(Ipv4Addr::from(base + n), 32).expect("invariant: a length"))
        .collect();
    let mut attributes = peer.good();
    attributes.push(attr(
        TRANSITIVE,
        COMMUNITIES,
        &(0..800u32).flat_map(u32::to_be_bytes).collect::<Octets>(),
    ));
    for half in nets.chunks(125) {
        peer.send(&update(&[], &attributes, half))?;
    }
    for net in &nets {
        other.has(*net)?;
    }
    let longest = other
        .heard
        .iter()
        .map(|heard| heard.announced.len() * 5 + 3200 + 23)
        .max();
    ensure(longest.is_some_and(|octets| octets <= 4096), || {
        format!("{longest:?}")
    })?;
    Ok(1)
}

fn smaller_hold_time(ground: &Ground<'_>) -> Result<usize> {
    // The peer's 3 s of its 90 s, and its own 3 s of the peer's 90 s.
    let mut short = ground.peer_with(Side::Client, |open| Open { hold: 3, ..open })?;
    let mut brisk = ground.peer_with(Side::Brisk, |open| Open { hold: 90, ..open })?;
    short.is_told(4, 0, &[])?;
    brisk.is_told(4, 0, &[])?;
    Ok(2)
}

fn offered_hold_time(ground: &Ground<'_>) -> Result<usize> {
    let sides = [Side::Client, Side::External, Side::Brisk];
    for side in sides {
        let peer = ground.connection(side)?;
        let hold = u16::from_be_bytes([peer.open[3], peer.open[4]]);
        ensure(hold == 0 || hold >= 3, || format!("{side:?}: {hold} s"))?;
    }
    Ok(sides.len())
}

fn open_is_confirmed(ground: &Ground<'_>) -> Result<usize> {
    let peer = open_confirm(ground)?;
    ensure(peer.heard.is_empty(), || {
        "an UPDATE before Established".into()
    })?;
    Ok(1)
}

fn one_identifier(ground: &Ground<'_>) -> Result<usize> {
    let sides = [Side::Client, Side::Internal, Side::External, Side::Brisk];
    for side in sides {
        let peer = ground.connection(side)?;
        let (version, asn, id) = (peer.open[0], &peer.open[1..3], &peer.open[5..9]);
        ensure(id == SERVER.octets(), || format!("{side:?}: {id:?}"))?;
        ensure(version == 4 && asn == (OUR_AS as u16).to_be_bytes(), || {
            format!("{:02x?}", peer.open)
        })?;
    }
    Ok(sides.len())
}

fn sent_flags(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for (from, to) in [
        (Side::Client, Side::Client),
        (Side::External, Side::Internal),
        (Side::Client, Side::External),
    ] {
        let (mut peer, mut other) = (ground.peer(from)?, ground.peer(to)?);
        let net = ground.net();
        let mut attributes = peer.good();
        attributes.push(attr(WELL_KNOWN, ATOMIC_AGGREGATE, &[]));
        peer.announce_with(&attributes, net)?;
        other.has(net)?;
        for attribute in other.path(net).into_iter().flatten() {
            let well_known = matches!(
                attribute.code,
                ORIGIN | AS_PATH | NEXT_HOP | LOCAL_PREF | ATOMIC_AGGREGATE
            );
            let allowed = attribute.flags & 0x0f == 0
                && (!well_known || attribute.flags & !0x10 == WELL_KNOWN);
            ensure(allowed, || format!("{attribute:02x?}"))?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn low_flag_bits(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let count = peer.good().len();
    for at in 0..count {
        let net = ground.net();
        let mut attributes = peer.good();
        attributes[at][0] |= 0x0f;
        peer.announce_with(&attributes, net)?;
        other.has(net)?;
    }
    sync(&mut peer, &mut other)?;
    Ok(count)
}

fn extended_length(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let count = peer.good().len();
    for at in 0..count {
        let net = ground.net();
        let mut attributes = peer.good();
        let [flags, code, _, value @ ..] = attributes[at].as_slice() else {
            return Err(error("an attribute without a head"));
        };
        attributes[at] = attr(flags | 0x10, *code, value);
        peer.announce_with(&attributes, net)?;
        other.has(net)?;
    }
    Ok(count)
}

fn trailing_bits(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ipnet::Ipv4Net::new(ground.net().addr(), 20).expect("invariant: a length");
    let mut octets = prefix4(&net.trunc());
    let clean = octets.clone();
    octets[3] |= 0x0f;
    peer.send(&update_raw(&[], &peer.good().concat(), &octets))?;
    other.has(net.trunc())?;
    // The same route, also when it is withdrawn with other bits.
    peer.send(&update_raw(&clean, &[], &[]))?;
    other.lost(net.trunc())?;
    peer.send(&update_raw(&[], &peer.good().concat(), &clean))?;
    other.has(net.trunc())?;
    peer.send(&update_raw(&octets, &[], &[]))?;
    other.lost(net.trunc())?;
    Ok(2)
}

fn prefix_in_both_fields(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let (fresh, known) = (ground.net(), ground.net());
    peer.announce(known)?;
    other.has(known)?;
    let attributes = peer.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 9]));
    peer.send(&update(&[known, fresh], &attributes, &[fresh, known]))?;
    for net in [fresh, known] {
        other.has_value(net, MED, Some(&[0, 0, 0, 9]))?;
    }
    sync(&mut peer, &mut other)?;
    ensure(
        other.path(known).is_some() && other.path(fresh).is_some(),
        || "withdrawn".into(),
    )?;
    Ok(2)
}

fn sent_prefix_in_one_field(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    for med in 0..20 {
        peer.announce_with(&peer.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, med])), net)?;
        if med % 3 == 0 {
            peer.send(&withdraw(&[net]))?;
        }
    }
    other.has_value(net, MED, Some(&[0, 0, 0, 19]))?;
    for heard in &other.heard {
        let both = heard
            .announced
            .iter()
            .any(|key| heard.withdrawn.contains(key));
        ensure(!both, || format!("{heard:?}"))?;
    }
    Ok(20)
}

fn keepalive_rate(ground: &Ground<'_>) -> Result<usize> {
    // What comes late on a busy machine makes the next one seem early: it is only wrong if it is always so.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (longest, shortest) = keepalive_gaps(ground)?;
        if longest < Duration::from_millis(1500) && shortest >= Duration::from_millis(950) {
            return Ok(1);
        }
        seen.push((longest, shortest));
    }
    Err(error(format!("longest silence, shortest gap: {seen:?}")))
}

/// The longest silence and the least time between two KEEPALIVEs, with a hold time of 3 s.
fn keepalive_gaps(ground: &Ground<'_>) -> Result<(Duration, Duration)> {
    let mut peer = ground.peer(Side::Brisk)?;
    for _ in 0..5 {
        peer.send(&keepalive())?;
        peer.hear(Duration::from_secs(1), |_| false)?;
    }
    let gaps = |times: &[Instant]| -> Vec<Duration> {
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    // An UPDATE counts as a KEEPALIVE (section 8.2.2), and other rows make UPDATEs.
    let longest = gaps(&peer.words).into_iter().max();
    // The first one confirms the OPEN.
    let shortest = gaps(&peer.keepalives[1..]).into_iter().min();
    Ok((
        longest.unwrap_or(Duration::MAX),
        shortest.unwrap_or(Duration::MAX),
    ))
}

fn no_keepalives_without_hold_time(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer_with(Side::Brisk, |open| Open { hold: 0, ..open })?;
    let count = peer.keepalives.len();
    let came = peer.hear(Duration::from_secs(4), |peer| peer.keepalives.len() > count)?;
    ensure(!came, || "a KEEPALIVE".into())?;
    let mut other = ground.peer(Side::Client)?;
    sync(&mut peer, &mut other)?;
    Ok(1)
}

fn closes_after_notification(ground: &Ground<'_>) -> Result<usize> {
    in_every_state(ground, |_, peer| {
        peer.send(&header(19, 0, &[]))?;
        peer.is_told(1, 3, &[0])
    })
}

fn routes_go_with_the_session(ground: &Ground<'_>) -> Result<usize> {
    let mut other = ground.peer(Side::Client)?;
    let ends: [&[u8]; 3] = [&[], &message(NOTIFICATION, &[6, 2]), &header(19, 0, &[])];
    for end in ends {
        let mut peer = ground.peer(Side::Client)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
        peer.send(end)?;
        drop(peer);
        other.lost(net)?;
    }
    Ok(3)
}

fn bad_marker(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for at in [0, 7, 15] {
        cases += in_every_state(ground, |_, peer| {
            let mut octets = keepalive();
            octets[at] = 0xfe;
            peer.send(&octets)?;
            peer.is_told(1, 1, &[])
        })?;
    }
    Ok(cases)
}

fn bad_length(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for length in [0, 1, 18, 4097, 0xffff_u16] {
        cases += in_every_state(ground, |_, peer| {
            peer.send(&header(length, UPDATE, &[0; 30]))?;
            peer.is_told(1, 2, &length.to_be_bytes())
        })?;
    }
    Ok(cases)
}

fn bad_length_for_type(ground: &Ground<'_>) -> Result<usize> {
    let wrong = [
        (OPEN, 28),
        (UPDATE, 22),
        (KEEPALIVE, 20),
        (NOTIFICATION, 20),
    ];
    let mut cases = 0;
    for (kind, length) in wrong {
        cases += in_every_state(ground, |_, peer| {
            peer.send(&header(length, kind, &vec![0; usize::from(length) - 19]))?;
            peer.is_told(1, 2, &length.to_be_bytes())
        })?;
    }
    Ok(cases)
}

fn bad_type(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for kind in [0, 6, 128, 255] {
        cases += in_every_state(ground, |_, peer| {
            peer.send(&header(19, kind, &[]))?;
            peer.is_told(1, 3, &[kind])
        })?;
    }
    Ok(cases)
}

fn opens(ground: &Ground<'_>, code: (u8, u8), data: &[u8], all: &[Open]) -> Result<usize> {
    let all: Vec<_> = all
        .iter()
        .map(|open| (open.encode(), code, data.to_vec()))
        .collect();
    refuses_at_open(ground, &all)
}

const ID: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

fn bad_version(ground: &Ground<'_>) -> Result<usize> {
    let of = |version| Open {
        version,
        ..Open::usual(OUR_AS, ID)
    };
    opens(
        ground,
        (2, 1),
        &[0, 4],
        &[of(0), of(1), of(3), of(5), of(255)],
    )
}

fn bad_peer_as(ground: &Ground<'_>) -> Result<usize> {
    let all = [
        Open::usual(65001, ID),
        Open::plain(65001, ID),
        Open::plain(0, ID),
        // Only the capability tells the AS of who has it.
        Open {
            asn: OUR_AS as u16,
            ..Open::usual(4_200_000_001, ID)
        },
    ];
    let mut cases = opens(ground, (2, 2), &[], &all)?;
    // Our own AS from who is to be in another one.
    let mut peer = ground.connection(Side::External)?;
    peer.send(&Open::usual(OUR_AS, ID).encode())?;
    peer.is_told(2, 2, &[])?;
    cases += 1;
    Ok(cases)
}

fn bad_hold_time(ground: &Ground<'_>) -> Result<usize> {
    let of = |hold| Open {
        hold,
        ..Open::usual(OUR_AS, ID)
    };
    opens(ground, (2, 6), &[], &[of(1), of(2)])
}

fn bad_identifier(ground: &Ground<'_>) -> Result<usize> {
    let of = |id| Open::usual(OUR_AS, id);
    opens(
        ground,
        (2, 3),
        &[],
        &[of(Ipv4Addr::UNSPECIFIED), of(SERVER)],
    )
}

fn unknown_parameter(ground: &Ground<'_>) -> Result<usize> {
    let of = |parameters: &[u8]| Open {
        parameters: parameters.to_vec(),
        ..Open::plain(OUR_AS, ID)
    };
    // 1 was authentication, long ago.
    opens(
        ground,
        (2, 4),
        &[],
        &[of(&[1, 1, 0]), of(&[3, 0]), of(&[254, 2, 0, 0])],
    )
}

fn malformed_parameter(ground: &Ground<'_>) -> Result<usize> {
    let of = |parameters: &[u8]| Open {
        parameters: parameters.to_vec(),
        ..Open::plain(OUR_AS, ID)
    };
    let cut = [
        of(&[2, 9, 1, 4]),
        of(&[2, 3, 1, 4, 0]),
        of(&[2]),
        of(&[2, 1, 1]),
    ];
    let mut cases = opens(ground, (2, 0), &[], &cut)?;
    // The length of all parameters runs over the end, or stops short of it.
    for length in [1_u8, 200] {
        let mut octets = Open::usual(OUR_AS, ID).encode();
        octets[28] = length;
        cases += refuses_at_open(ground, &[(octets, (2, 0), Vec::new())])?;
    }
    Ok(cases)
}
