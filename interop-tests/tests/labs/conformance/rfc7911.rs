//! RFC 7911: several paths of a prefix.

use interop_tests::Result;

use super::octets::*;
use super::scene::{Ground, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "2",
        Must,
        "Paths of a prefix are told apart by their identifiers, and one replaces the other of its identifier only",
        paths_are_apart
    ),
    rule!(
        "2",
        Must,
        "Identifiers are our own, not those of whoever told us",
        own_identifiers
    ),
    rule!(
        "3",
        Must,
        "Each NLRI has its identifier before it, in announcements and in withdrawals, of both families",
        identifiers_are_sent
    ),
    rule!(
        "4",
        Must,
        "Without the capability of both sides there are no identifiers",
        none_without_capability
    ),
    rule!(
        "4",
        Must,
        "It counts for each family by itself",
        each_family_by_itself
    ),
    rule!(
        "4",
        Should,
        "A capability with another value than 1, 2, 3 is not understood",
        unknown_value
    ),
    rule!(
        "5",
        Should,
        "The best path is among those that are sent",
        best_is_sent
    ),
    rule!(
        "5",
        Must,
        "A path that goes is withdrawn by its identifier, the others stay",
        withdrawn_by_identifier
    ),
    not_done!(
        "3",
        Must,
        "Identifiers of a peer are taken, and a withdrawal takes the path of its identifier",
        "`add-path.receive` is not set in this run: labs `addpath`, unit tests of `rib`"
    ),
    not_done!(
        "5",
        Should,
        "A withdrawal of what was never announced is ignored",
        "`add-path.receive` is not set in this run: unit tests of `rib`; without identifiers it is a row of RFC 4271 section 9"
    ),
];

/// A client that takes identifiers in these families (AFI and what it says of it).
fn taker(ground: &Ground<'_>, families: &[(u8, u8)]) -> Result<Peer> {
    let mut value = Vec::new();
    for (afi, mode) in families {
        value.extend([0, *afi, 1, *mode]);
    }
    let mut peer = ground.connection(Side::Client)?;
    let open = Open::usual(peer.asn, peer.address);
    let open = match families {
        [] => open,
        _ => open.with(&[capability(69, &value)]),
    };
    let takes = |afi| {
        families
            .iter()
            .any(|(of, mode)| *of == afi && matches!(mode, 1 | 3))
    };
    peer.ids = [takes(1), takes(2)];
    peer.establish(&open)?;
    Ok(peer)
}

const TAKES: &[(u8, u8)] = &[(1, 1), (2, 1)];

fn ids_of(peer: &Peer, net: ipnet::Ipv4Net) -> Vec<(u32, Octets)> {
    let net = net.into();
    let all = peer.held.range((net, 0)..=(net, u32::MAX));
    all.map(|((_, id), attributes)| {
        let hop = attributes.iter().find(|attr| attr.code == NEXT_HOP);
        (*id, hop.map(|attr| attr.value.clone()).unwrap_or_default())
    })
    .collect()
}

fn two(ground: &Ground<'_>) -> Result<(Peer, Peer)> {
    Ok((ground.peer(Side::Client)?, ground.peer(Side::Client)?))
}

fn paths_are_apart(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = two(ground)?;
    let mut other = taker(ground, TAKES)?;
    let net = ground.net();
    one.announce(net)?;
    two.announce(net)?;
    other.until("two paths", |peer| ids_of(peer, net).len() == 2)?;
    let before = ids_of(&other, net);
    ensure(before[0].0 != before[1].0, || format!("{before:?}"))?;
    // One of them changes.
    one.announce_with(&one.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 9])), net)?;
    other.until("the changed path", |peer| {
        let all = peer.held.iter().filter(|((of, _), _)| *of == net.into());
        all.filter(|(_, attributes)| attributes.iter().any(|attr| attr.code == MED))
            .count()
            == 1
    })?;
    sync(&mut one, &mut other)?;
    ensure(ids_of(&other, net) == before, || {
        format!("{:?}", ids_of(&other, net))
    })?;
    Ok(2)
}

fn own_identifiers(ground: &Ground<'_>) -> Result<usize> {
    // Who told us used no identifiers at all; ours are distinct for each prefix.
    let (mut one, mut two) = two(ground)?;
    let mut other = taker(ground, TAKES)?;
    for _ in 0..3 {
        let net = ground.net();
        one.announce(net)?;
        two.announce(net)?;
        other.until("two paths", |peer| ids_of(peer, net).len() == 2)?;
    }
    Ok(3)
}

const NEXT_HOP6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4];

fn identifiers_are_sent(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    let mut other = taker(ground, TAKES)?;
    // Read with identifiers, a message without them makes no sense.
    let (net, net6) = (ground.net(), ground.net6());
    peer.announce(net)?;
    let mut attributes = peer.good_without(NEXT_HOP);
    attributes.insert(0, mp_reach6(&NEXT_HOP6, &[net6]));
    peer.send(&update(&[], &attributes, &[]))?;
    other.has(net)?;
    other.has(net6)?;
    peer.send(&withdraw(&[net]))?;
    peer.send(&update(&[], &[mp_unreach6(&[net6])], &[]))?;
    other.lost(net)?;
    other.lost(net6)?;
    Ok(4)
}

fn none_without_capability(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    // One that only sends takes none.
    for families in [&[][..], &[(1, 2), (2, 2)]] {
        let mut other = taker(ground, families)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
    }
    Ok(2)
}

fn each_family_by_itself(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    let mut other = taker(ground, &[(2, 1)])?;
    let net = ground.net();
    peer.announce(net)?;
    // IPv6 comes with identifiers now, and is not looked at; IPv4 comes without.
    other.has(net)?;
    Ok(1)
}

fn unknown_value(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    for mode in [0, 4, 255] {
        let mut other = taker(ground, &[(1, mode), (2, mode)])?;
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
    }
    Ok(3)
}

fn best_is_sent(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = two(ground)?;
    let mut other = taker(ground, TAKES)?;
    let net = ground.net();
    one.announce_with(
        &one.good_with(&attr(WELL_KNOWN, LOCAL_PREF, &[0, 0, 0, 50])),
        net,
    )?;
    two.announce_with(
        &two.good_with(&attr(WELL_KNOWN, LOCAL_PREF, &[0, 0, 0, 200])),
        net,
    )?;
    let best = two.address.octets().to_vec();
    other.until("the best path", |peer| {
        ids_of(peer, net).iter().any(|(_, hop)| *hop == best)
    })?;
    Ok(1)
}

fn withdrawn_by_identifier(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = two(ground)?;
    let mut other = taker(ground, TAKES)?;
    let net = ground.net();
    one.announce(net)?;
    two.announce(net)?;
    other.until("two paths", |peer| ids_of(peer, net).len() == 2)?;
    one.send(&withdraw(&[net]))?;
    let left = two.address.octets().to_vec();
    other.until("one path", |peer| {
        let all = ids_of(peer, net);
        all.len() == 1 && all[0].1 == left
    })?;
    drop(two);
    other.lost(net)?;
    Ok(2)
}
