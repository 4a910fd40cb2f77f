//! RFC 7606 section 7: each attribute, and each way for it to be malformed.

use interop_tests::Result;

use super::cases::{PLACES, among_good, discards, resets, withdraws};
use super::octets::*;
use super::scene::{BOTH, EXTERNAL_AS, Ground, Side, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "7.1",
        Must,
        "ORIGIN: another length than 1, or an unknown value: treat-as-withdraw",
        origin
    ),
    rule!(
        "7.2",
        Must,
        "AS_PATH: an unknown segment type, a segment over the end, one without numbers, an octet left: treat-as-withdraw",
        as_path
    ),
    rule!(
        "7.3",
        Must,
        "NEXT_HOP: another length than 4: treat-as-withdraw",
        next_hop
    ),
    rule!(
        "7.4",
        Must,
        "MED: another length than 4: treat-as-withdraw",
        med
    ),
    rule!(
        "7.5",
        Must,
        "LOCAL_PREF of an internal peer: another length than 4: treat-as-withdraw",
        local_pref
    ),
    rule!(
        "7.5",
        Must,
        "LOCAL_PREF of an external peer: discarded, whatever it is",
        local_pref_from_outside
    ),
    rule!(
        "7.6",
        Must,
        "ATOMIC_AGGREGATE: another length than 0: attribute discard",
        atomic_aggregate
    ),
    rule!(
        "7.7",
        Must,
        "AGGREGATOR: another length than 8, or 6 between 2-octet speakers: attribute discard",
        aggregator
    ),
    rule!(
        "7.8",
        Must,
        "COMMUNITIES: no whole number of four octets, or none: treat-as-withdraw",
        communities
    ),
    rule!(
        "7.9",
        Must,
        "ORIGINATOR_ID of an internal peer: another length than 4: treat-as-withdraw",
        originator_id
    ),
    rule!(
        "7.9",
        Must,
        "ORIGINATOR_ID of an external peer: discarded, whatever it is",
        originator_id_from_outside
    ),
    rule!(
        "7.10",
        Must,
        "CLUSTER_LIST of an internal peer: no whole number of four octets, or none: treat-as-withdraw",
        cluster_list
    ),
    rule!(
        "7.10",
        Must,
        "CLUSTER_LIST of an external peer: discarded, whatever it is",
        cluster_list_from_outside
    ),
    rule!(
        "7.11",
        Must,
        "MP_REACH_NLRI: a next hop whose length its family cannot have: reset, with the attribute as data",
        mp_next_hop_length
    ),
    rule!(
        "7.12",
        Must,
        "MP_UNREACH_NLRI: NLRI that cannot be read: reset",
        mp_unreach
    ),
    not_done!(
        "7.13",
        Must,
        "Traffic Engineering attribute: its own remedies",
        "not recognised: passed on or left out like any unknown attribute"
    ),
    rule!(
        "7.14",
        Must,
        "EXTENDED_COMMUNITIES: no whole number of eight octets, or none: treat-as-withdraw",
        extended_communities
    ),
    rule!(
        "7.15",
        Must,
        "IPv6 EXTENDED_COMMUNITIES: no whole number of twenty octets, or none: treat-as-withdraw",
        ipv6_extended_communities
    ),
    rule!(
        "7.16",
        Must,
        "ATTR_SET is not known and treated like any unknown attribute",
        attr_set
    ),
];

fn of_lengths(flags: u8, code: u8, lengths: &[usize]) -> Vec<Octets> {
    lengths
        .iter()
        .map(|length| attr(flags, code, &vec![1; *length]))
        .collect()
}

fn origin(ground: &Ground<'_>) -> Result<usize> {
    let mut bad = of_lengths(WELL_KNOWN, ORIGIN, &[0, 2, 300]);
    bad.extend([3, 127, 255].map(|value| attr(WELL_KNOWN, ORIGIN, &[value])));
    withdraws(ground, &BOTH, &bad)
}

fn as_path(ground: &Ground<'_>) -> Result<usize> {
    let good = sequence(&[EXTERNAL_AS]);
    let tail = |tail: &[u8]| attr(WELL_KNOWN, AS_PATH, &[&good, tail].concat());
    let bad = [
        tail(&[0, 1, 0, 0, 0, 1]),
        tail(&[5, 1, 0, 0, 0, 1]),
        tail(&[255, 1, 0, 0, 0, 1]),
        // Segments of a confederation, which we are in no one of (RFC 5065 section 5).
        tail(&[3, 1, 0, 0, 0, 1]),
        tail(&[4, 1, 0, 0, 0, 1]),
        tail(&[2, 2, 0, 0, 0, 1]),
        tail(&[2, 255]),
        tail(&[2, 0]),
        tail(&[1, 0]),
        tail(&[2]),
        tail(&[2, 1, 0, 0, 1]),
        // AS 0 (RFC 7607).
        tail(&[2, 1, 0, 0, 0, 0]),
        attr(WELL_KNOWN, AS_PATH, &[2, 1, 0xfd, 0xe9]),
    ];
    withdraws(ground, &BOTH, &bad)
}

fn next_hop(ground: &Ground<'_>) -> Result<usize> {
    let mut bad = of_lengths(WELL_KNOWN, NEXT_HOP, &[0, 3, 5, 16]);
    // No address of a host (RFC 4271 section 6.3).
    let no_hosts = [
        [0, 0, 0, 0],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [255, 255, 255, 255],
    ];
    bad.extend(no_hosts.map(|address| attr(WELL_KNOWN, NEXT_HOP, &address)));
    withdraws(ground, &BOTH, &bad)
}

fn med(ground: &Ground<'_>) -> Result<usize> {
    withdraws(ground, &BOTH, &of_lengths(OPTIONAL, MED, &[0, 3, 5, 8]))
}

fn local_pref(ground: &Ground<'_>) -> Result<usize> {
    let bad = of_lengths(WELL_KNOWN, LOCAL_PREF, &[0, 1, 3, 5, 8]);
    withdraws(ground, &[Side::Client, Side::Internal], &bad)
}

/// Whatever an external peer says in this attribute, its routes are taken and the attribute goes no further than here.
fn left_out(ground: &Ground<'_>, all: &[Octets], inside: Option<&[u8]>) -> Result<usize> {
    let mut peer = ground.peer(Side::External)?;
    let (mut other, mut outside) = (ground.peer(Side::Internal)?, ground.peer_of(65010)?);
    let mut cases = 0;
    for bad in all {
        for place in PLACES {
            let net = ground.net();
            let attributes = among_good(&peer, bad, place);
            peer.announce_with(&attributes, net)?;
            other.has_value(net, bad[1], inside)?;
            outside.has_value(net, bad[1], None)?;
            cases += 1;
        }
    }
    sync(&mut peer, &mut other)?;
    Ok(cases)
}

fn local_pref_from_outside(ground: &Ground<'_>) -> Result<usize> {
    let all = of_lengths(WELL_KNOWN, LOCAL_PREF, &[0, 3, 4, 5]);
    left_out(ground, &all, Some(&[0, 0, 0, 100]))
}

fn atomic_aggregate(ground: &Ground<'_>) -> Result<usize> {
    discards(
        ground,
        &BOTH,
        &of_lengths(WELL_KNOWN, ATOMIC_AGGREGATE, &[1, 4, 260]),
    )
}

fn aggregator(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = discards(
        ground,
        &BOTH,
        &of_lengths(TRANSITIVE, AGGREGATOR, &[0, 4, 6, 7, 9, 12]),
    )?;
    // Between speakers of two octets 6 is right and 8 is not.
    let mut peer = ground.peer_with(Side::External, |open| open)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    let value = [0xfd, 0xe9, 10, 0, 0, 1];
    peer.announce_with(&peer.good_with(&attr(TRANSITIVE, AGGREGATOR, &value)), net)?;
    other.has_value(net, AGGREGATOR, Some(&[0, 0, 0xfd, 0xe9, 10, 0, 0, 1]))?;
    for length in [0, 4, 5, 7, 8] {
        let net = ground.net();
        let bad = attr(TRANSITIVE, AGGREGATOR, &vec![1; length]);
        peer.announce_with(&peer.good_with(&bad), net)?;
        other.has_value(net, AGGREGATOR, None)?;
        cases += 1;
    }
    sync(&mut peer, &mut other)?;
    Ok(cases + 1)
}

fn communities(ground: &Ground<'_>) -> Result<usize> {
    withdraws(
        ground,
        &BOTH,
        &of_lengths(TRANSITIVE, COMMUNITIES, &[0, 1, 3, 5, 7, 401]),
    )
}

fn originator_id(ground: &Ground<'_>) -> Result<usize> {
    let bad = of_lengths(OPTIONAL, ORIGINATOR_ID, &[0, 3, 5, 8]);
    withdraws(ground, &[Side::Client, Side::Internal], &bad)
}

fn originator_id_from_outside(ground: &Ground<'_>) -> Result<usize> {
    left_out(
        ground,
        &of_lengths(OPTIONAL, ORIGINATOR_ID, &[0, 3, 4, 5]),
        None,
    )
}

fn cluster_list(ground: &Ground<'_>) -> Result<usize> {
    let bad = of_lengths(OPTIONAL, CLUSTER_LIST, &[0, 1, 3, 6, 401]);
    withdraws(ground, &[Side::Client, Side::Internal], &bad)
}

fn cluster_list_from_outside(ground: &Ground<'_>) -> Result<usize> {
    left_out(
        ground,
        &of_lengths(OPTIONAL, CLUSTER_LIST, &[0, 3, 4, 8]),
        None,
    )
}

fn mp_next_hop_length(ground: &Ground<'_>) -> Result<usize> {
    let net = ground.net6();
    resets(ground, &BOTH, |peer| {
        [0, 1, 4, 15, 17, 31, 33]
            .map(|length| {
                let bad = mp_reach6(&vec![0x2a; length], &[net]);
                let attributes = [vec![bad.clone()], peer.good()].concat();
                (update(&[], &attributes, &[]), (3, 9), bad)
            })
            .to_vec()
    })
}

fn mp_unreach(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |_| {
        let fields: [&[u8]; 3] = [&[129; 18], &[64, 0x2a], &[128, 1, 2, 3]];
        fields
            .map(|field| {
                let bad = attr(OPTIONAL, MP_UNREACH, &[&[0, 2, 1], field].concat());
                (update(&[], std::slice::from_ref(&bad), &[]), (3, 9), bad)
            })
            .to_vec()
    })
}

fn extended_communities(ground: &Ground<'_>) -> Result<usize> {
    withdraws(
        ground,
        &BOTH,
        &of_lengths(TRANSITIVE, EXTENDED_COMMUNITIES, &[0, 4, 7, 9, 401]),
    )
}

fn ipv6_extended_communities(ground: &Ground<'_>) -> Result<usize> {
    let bad = of_lengths(TRANSITIVE, IPV6_EXTENDED_COMMUNITIES, &[0, 8, 19, 21, 401]);
    withdraws(ground, &BOTH, &bad)
}

fn attr_set(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    for value in [vec![], vec![0, 0], vec![0, 0, 0xfd, 0xe9, 0x40, 1, 1, 0]] {
        let net = ground.net();
        peer.announce_with(&peer.good_with(&attr(TRANSITIVE, 128, &value)), net)?;
        other.has_value(net, 128, Some(&value))?;
    }
    Ok(3)
}
