//! RFC 6793: AS numbers of four octets, between speakers of both kinds.

use interop_tests::Result;

use super::cases::{PLACES, among_good};
use super::octets::*;
use super::scene::{BOTH, EXTERNAL_AS, Ground, OUR_AS, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "3",
        Must,
        "The capability is sent, with our AS number",
        capability_is_sent
    ),
    rule!(
        "4.1",
        Must,
        "The AS of a peer is that of its capability",
        as_of_the_capability
    ),
    rule!(
        "4.1",
        Must,
        "Between 4-octet speakers AS_PATH and AGGREGATOR have four octets",
        wide_between_new
    ),
    rule!(
        "4.1",
        Must,
        "AS4_PATH and AS4_AGGREGATOR are not sent to a 4-octet speaker",
        no_as4_to_new
    ),
    rule!(
        "4.1",
        Must,
        "AS4_PATH and AS4_AGGREGATOR of a 4-octet speaker are left out, whatever they are",
        as4_of_new
    ),
    not_done!(
        "4.2.1",
        Must,
        "An AS number over 65535 of our own is AS_TRANS in the OPEN",
        "our AS in this run has two octets; unit tests of `wire`"
    ),
    rule!(
        "4.2.2",
        Must,
        "To a 2-octet speaker AS_PATH has two octets, and AS_TRANS for what does not fit",
        narrow_path
    ),
    rule!(
        "4.2.2",
        Must,
        "AS4_PATH goes along if a number does not fit",
        as4_path_goes_along
    ),
    rule!(
        "4.2.2",
        Should,
        "AS4_PATH does not go along if all fit",
        no_as4_path_if_all_fit
    ),
    rule!(
        "4.2.2",
        Must,
        "AGGREGATOR gets AS_TRANS and AS4_AGGREGATOR goes along if its number does not fit, and only then",
        as4_aggregator_goes_along
    ),
    rule!(
        "4.2.3",
        Must,
        "AS4_PATH of a 2-octet speaker is joined with AS_PATH: its leading numbers come first",
        merged
    ),
    rule!(
        "4.2.3",
        Must,
        "An AS4_PATH longer than AS_PATH is ignored",
        longer_as4_path
    ),
    rule!(
        "4.2.3",
        Must,
        "AS4_AGGREGATOR counts where AGGREGATOR has AS_TRANS",
        aggregator_is_merged
    ),
    rule!(
        "4.2.3",
        Must,
        "Where AGGREGATOR has another number both AS4 attributes are ignored",
        other_aggregator
    ),
    rule!(
        "4.2.3",
        Must,
        "Neither goes on to a 4-octet speaker",
        as4_goes_no_further
    ),
    rule!(
        "6",
        Must,
        "A malformed AS4_PATH is left out, the route is taken",
        malformed_as4_path
    ),
    rule!(
        "6",
        Must,
        "A malformed AS4_AGGREGATOR is left out, the route is taken",
        malformed_as4_aggregator
    ),
    rule!(
        "6",
        Must,
        "Segments of a confederation in AS4_PATH are left out",
        confederation_segments
    ),
    rule!(
        "9",
        Should,
        "AS_TRANS, which is reserved, is nobody's own number: 2/2 (chosen: the RFC names no remedy)",
        as_trans_is_refused
    ),
];

/// A speaker of two octets, of another AS.
fn old(ground: &Ground<'_>) -> Result<Peer> {
    ground.peer_with(Side::External, |open| open)
}

/// One that hears.
fn old_observer(ground: &Ground<'_>) -> Result<Peer> {
    let mut peer = ground.connection(Side::External)?;
    peer.asn = 65011;
    let open = Open::plain(65011, peer.address);
    peer.establish(&open)?;
    Ok(peer)
}

fn narrow(segments: &[(u8, &[u32])]) -> Octets {
    path(segments, false)
}

const TRANS: u32 = AS_TRANS as u32;

fn capability_is_sent(ground: &Ground<'_>) -> Result<usize> {
    for side in [Side::Client, Side::Internal, Side::External] {
        let peer = ground.connection(side)?;
        let all = capabilities_of(&peer.open);
        let values: Vec<&Octets> = all
            .iter()
            .filter(|(code, _)| *code == 65)
            .map(|(_, v)| v)
            .collect();
        ensure(values == [&OUR_AS.to_be_bytes().to_vec()], || {
            format!("{values:?}")
        })?;
    }
    Ok(3)
}

fn as_of_the_capability(ground: &Ground<'_>) -> Result<usize> {
    // AS_TRANS in the field, and in the path the number of the capability.
    let mut peer = ground.peer_of(4_200_000_077)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has_value(net, AS_PATH, Some(&sequence(&[4_200_000_077])))?;
    Ok(1)
}

fn wide_between_new(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::External)?, ground.peer_of(65010)?);
    let net = ground.net();
    let value = [0xfa, 0x56, 0xea, 1, 10, 0, 0, 1];
    let mut attributes = peer.good_with(&attr(TRANSITIVE, AGGREGATOR, &value));
    attributes[1] = attr(
        WELL_KNOWN,
        AS_PATH,
        &sequence(&[EXTERNAL_AS, 4_200_000_001]),
    );
    peer.announce_with(&attributes, net)?;
    other.has_value(
        net,
        AS_PATH,
        Some(&sequence(&[OUR_AS, EXTERNAL_AS, 4_200_000_001])),
    )?;
    other.has_value(net, AGGREGATOR, Some(&value))?;
    Ok(2)
}

fn no_as4_to_new(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::External)?;
    for side in [Side::Client, Side::External] {
        let mut other = match side {
            Side::External => ground.peer_of(65010)?,
            side => ground.peer(side)?,
        };
        let net = ground.net();
        let long = attr(
            WELL_KNOWN,
            AS_PATH,
            &sequence(&[EXTERNAL_AS, 4_200_000_001]),
        );
        peer.announce_with(&peer.good_with(&long), net)?;
        other.has_value(net, AS4_PATH, None)?;
        other.has_value(net, AS4_AGGREGATOR, None)?;
    }
    Ok(2)
}

fn as4_of_new(ground: &Ground<'_>) -> Result<usize> {
    let all = [
        attr(TRANSITIVE, AS4_PATH, &sequence(&[4_200_000_001])),
        attr(TRANSITIVE, AS4_PATH, &[9, 9]),
        attr(TRANSITIVE, AS4_PATH, &[]),
        attr(
            TRANSITIVE,
            AS4_AGGREGATOR,
            &[0xfa, 0x56, 0xea, 1, 10, 0, 0, 1],
        ),
        attr(TRANSITIVE, AS4_AGGREGATOR, &[1]),
    ];
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let numbers: &[u32] = match side {
            Side::External => &[EXTERNAL_AS],
            _ => &[],
        };
        for bad in &all {
            for place in PLACES {
                let net = ground.net();
                let attributes = among_good(&peer, bad, place);
                peer.announce_with(&attributes, net)?;
                other.has_value(net, bad[1], None)?;
                other.has_value(net, AS_PATH, Some(&sequence(numbers)))?;
                cases += 1;
            }
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

fn narrow_path(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::External)?, old_observer(ground)?);
    let cases: [(Octets, Octets); 3] = [
        (
            sequence(&[EXTERNAL_AS, 65020]),
            narrow(&[(AS_SEQUENCE, &[OUR_AS, EXTERNAL_AS, 65020])]),
        ),
        (
            sequence(&[EXTERNAL_AS, 4_200_000_001, 65536]),
            narrow(&[(AS_SEQUENCE, &[OUR_AS, EXTERNAL_AS, TRANS, TRANS])]),
        ),
        (
            path(
                &[(AS_SEQUENCE, &[EXTERNAL_AS]), (AS_SET, &[70000, 65021])],
                true,
            ),
            narrow(&[
                (AS_SEQUENCE, &[OUR_AS, EXTERNAL_AS]),
                (AS_SET, &[TRANS, 65021]),
            ]),
        ),
    ];
    for (sent, wanted) in &cases {
        let net = ground.net();
        peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, AS_PATH, sent)), net)?;
        other.has_value(net, AS_PATH, Some(wanted))?;
    }
    Ok(cases.len())
}

fn as4_path_goes_along(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::External)?, old_observer(ground)?);
    let net = ground.net();
    let sent = sequence(&[EXTERNAL_AS, 4_200_000_001]);
    peer.announce_with(&peer.good_with(&attr(WELL_KNOWN, AS_PATH, &sent)), net)?;
    other.has_value(
        net,
        AS4_PATH,
        Some(&sequence(&[OUR_AS, EXTERNAL_AS, 4_200_000_001])),
    )?;
    let flags = other
        .attribute(net, AS4_PATH)
        .map(|attr| attr.flags & TRANSITIVE);
    ensure(flags == Some(TRANSITIVE), || format!("{flags:02x?}"))?;
    Ok(1)
}

fn no_as4_path_if_all_fit(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::External)?, old_observer(ground)?);
    let net = ground.net();
    peer.announce(net)?;
    other.has_value(net, AS4_PATH, None)?;
    Ok(1)
}

fn as4_aggregator_goes_along(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::External)?, old_observer(ground)?);
    let net = ground.net();
    let value = [0xfa, 0x56, 0xea, 1, 10, 0, 0, 1];
    peer.announce_with(&peer.good_with(&attr(TRANSITIVE, AGGREGATOR, &value)), net)?;
    let [high, low] = AS_TRANS.to_be_bytes();
    other.has_value(net, AGGREGATOR, Some(&[high, low, 10, 0, 0, 1]))?;
    other.has_value(net, AS4_AGGREGATOR, Some(&value))?;
    let net = ground.net();
    let fits = [0, 0, 0xfd, 0xe9, 10, 0, 0, 1];
    peer.announce_with(&peer.good_with(&attr(TRANSITIVE, AGGREGATOR, &fits)), net)?;
    other.has_value(net, AGGREGATOR, Some(&fits[2..]))?;
    other.has_value(net, AS4_AGGREGATOR, None)?;
    Ok(2)
}

/// Waits for this path, however its sequences are cut into segments.
fn has_path(peer: &mut Peer, net: ipnet::Ipv4Net, wanted: &[u8]) -> Result<()> {
    let wanted = joined(wanted);
    let what = format!("the path {wanted:?} of {net}");
    peer.until(&what, |peer| {
        let found = peer.value(net, AS_PATH);
        found.is_some_and(|found| joined(found) == wanted)
    })
}

/// Segments of a path, with neighbouring sequences made one.
fn joined(mut octets: &[u8]) -> Vec<(u8, Octets)> {
    let mut all: Vec<(u8, Octets)> = Vec::new();
    while let [kind, count, rest @ ..] = octets {
        let (numbers, after) = rest.split_at((usize::from(*count) * 4).min(rest.len()));
        match all.last_mut() {
            Some((AS_SEQUENCE, before)) if *kind == AS_SEQUENCE => before.extend(numbers),
            _ => all.push((*kind, numbers.to_vec())),
        }
        octets = after;
    }
    all
}

/// What a 2-octet speaker says in both attributes, and the path that it makes.
fn joins(ground: &Ground<'_>, cases: &[(Octets, Octets, Octets)]) -> Result<usize> {
    let (mut peer, mut other) = (old(ground)?, ground.peer(Side::Client)?);
    for (narrow, as4, wanted) in cases {
        let net = ground.net();
        let mut attributes = peer.good_with(&attr(WELL_KNOWN, AS_PATH, narrow));
        attributes.push(attr(TRANSITIVE, AS4_PATH, as4));
        peer.announce_with(&attributes, net)?;
        has_path(&mut other, net, wanted)?;
        other.has_value(net, AS4_PATH, None)?;
    }
    sync(&mut peer, &mut other)?;
    Ok(cases.len())
}

fn merged(ground: &Ground<'_>) -> Result<usize> {
    let cases = [
        (
            narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS])]),
            sequence(&[4_200_000_001]),
            sequence(&[EXTERNAL_AS, 4_200_000_001]),
        ),
        (
            narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS, TRANS])]),
            sequence(&[EXTERNAL_AS, 70000, 70001]),
            sequence(&[EXTERNAL_AS, 70000, 70001]),
        ),
        (
            narrow(&[
                (AS_SEQUENCE, &[EXTERNAL_AS, TRANS]),
                (AS_SET, &[65020, TRANS]),
            ]),
            path(&[(AS_SEQUENCE, &[70000]), (AS_SET, &[65020, 70001])], true),
            path(
                &[
                    (AS_SEQUENCE, &[EXTERNAL_AS, 70000]),
                    (AS_SET, &[65020, 70001]),
                ],
                true,
            ),
        ),
    ];
    joins(ground, &cases)
}

fn longer_as4_path(ground: &Ground<'_>) -> Result<usize> {
    let case = (
        narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS])]),
        sequence(&[70000, 70001, 70002]),
        sequence(&[EXTERNAL_AS, TRANS]),
    );
    joins(ground, &[case])
}

fn aggregated(
    ground: &Ground<'_>,
    number: u16,
    wanted: &[u8],
    path_wanted: &[u8],
) -> Result<usize> {
    let (mut peer, mut other) = (old(ground)?, ground.peer(Side::Client)?);
    let net = ground.net();
    let [high, low] = number.to_be_bytes();
    let as_path = narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS])]);
    let mut attributes = peer.good_with(&attr(WELL_KNOWN, AS_PATH, &as_path));
    attributes.push(attr(TRANSITIVE, AGGREGATOR, &[high, low, 10, 0, 0, 1]));
    attributes.push(attr(TRANSITIVE, AS4_PATH, &sequence(&[70000])));
    attributes.push(attr(
        TRANSITIVE,
        AS4_AGGREGATOR,
        &[0, 1, 0x11, 0x70, 10, 0, 0, 2],
    ));
    peer.announce_with(&attributes, net)?;
    other.has_value(net, AGGREGATOR, Some(wanted))?;
    has_path(&mut other, net, path_wanted)?;
    Ok(1)
}

fn aggregator_is_merged(ground: &Ground<'_>) -> Result<usize> {
    let path = sequence(&[EXTERNAL_AS, 70000]);
    aggregated(ground, AS_TRANS, &[0, 1, 0x11, 0x70, 10, 0, 0, 2], &path)
}

fn other_aggregator(ground: &Ground<'_>) -> Result<usize> {
    let path = sequence(&[EXTERNAL_AS, TRANS]);
    aggregated(ground, 65020, &[0, 0, 0xfd, 0xfc, 10, 0, 0, 1], &path)
}

fn as4_goes_no_further(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = old(ground)?;
    for mut other in [ground.peer(Side::Client)?, ground.peer_of(65010)?] {
        let net = ground.net();
        let as_path = narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS])]);
        let mut attributes = peer.good_with(&attr(WELL_KNOWN, AS_PATH, &as_path));
        attributes.push(attr(TRANSITIVE, AS4_PATH, &sequence(&[70000])));
        peer.announce_with(&attributes, net)?;
        other.has_value(net, AS4_PATH, None)?;
    }
    Ok(2)
}

/// A 2-octet speaker says this; its route is taken as if it had not.
fn left_out(ground: &Ground<'_>, all: &[Octets]) -> Result<usize> {
    let (mut peer, mut other) = (old(ground)?, ground.peer(Side::Client)?);
    let mut cases = 0;
    for bad in all {
        for place in PLACES {
            let net = ground.net();
            let attributes = among_good(&peer, bad, place);
            peer.announce_with(&attributes, net)?;
            other.has_value(net, AS_PATH, Some(&sequence(&[EXTERNAL_AS])))?;
            other.has_value(net, bad[1], None)?;
            cases += 1;
        }
    }
    sync(&mut peer, &mut other)?;
    Ok(cases)
}

fn malformed_as4_path(ground: &Ground<'_>) -> Result<usize> {
    let bad: [&[u8]; 7] = [
        &[],
        &[2],
        &[2, 0],
        &[2, 2, 0, 1, 0x11, 0x70],
        &[2, 1, 0, 1, 0x11],
        &[7, 1, 0, 1, 0x11, 0x70],
        // AS 0 (RFC 7607).
        &[2, 1, 0, 0, 0, 0],
    ];
    left_out(ground, &bad.map(|value| attr(TRANSITIVE, AS4_PATH, value)))
}

fn malformed_as4_aggregator(ground: &Ground<'_>) -> Result<usize> {
    let bad = [0, 4, 6, 7, 9, 12].map(|length| attr(TRANSITIVE, AS4_AGGREGATOR, &vec![1; length]));
    left_out(ground, &bad)
}

fn confederation_segments(ground: &Ground<'_>) -> Result<usize> {
    let case = (
        narrow(&[(AS_SEQUENCE, &[EXTERNAL_AS, TRANS])]),
        path(
            &[(3, &[65021]), (AS_SEQUENCE, &[70000]), (4, &[65022])],
            true,
        ),
        sequence(&[EXTERNAL_AS, 70000]),
    );
    joins(ground, &[case])
}

fn as_trans_is_refused(ground: &Ground<'_>) -> Result<usize> {
    for open in [
        Open::plain(TRANS, std::net::Ipv4Addr::new(10, 77, 0, 2)),
        Open::usual(TRANS, std::net::Ipv4Addr::new(10, 77, 0, 2)),
    ] {
        let mut peer = ground.connection(Side::External)?;
        peer.send(&open.encode())?;
        peer.is_told(2, 2, &[])?;
    }
    Ok(2)
}
