//! RFC 4456: route reflection.

use interop_tests::Result;

use super::octets::*;
use super::scene::{Ground, Peer, SERVER, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "6",
        Must,
        "A client's route goes to clients and to others of the AS, and to external peers",
        from_a_client
    ),
    rule!(
        "6",
        Must,
        "The route of one that is no client goes to clients and to external peers only",
        from_no_client
    ),
    rule!(
        "6",
        Must,
        "A route does not go back to who it came from",
        not_back
    ),
    rule!(
        "6",
        Should,
        "Clients that are fully meshed are not reflected to each other, if that is configured",
        meshed_clients
    ),
    not_done!(
        "7",
        Should,
        "Reflectors of one cluster share their cluster id",
        "configuration: `cluster-id`"
    ),
    rule!(
        "8",
        Must,
        "ORIGINATOR_ID of a reflected route is the BGP Identifier of who brought it into the AS",
        originator_is_made
    ),
    rule!(
        "8",
        Should,
        "An ORIGINATOR_ID that is there is kept",
        originator_is_kept
    ),
    rule!(
        "8",
        Should,
        "A route with our BGP Identifier as ORIGINATOR_ID is ignored, and what it replaces goes",
        own_originator
    ),
    rule!(
        "8",
        Should,
        "A route does not go to the peer whose BGP Identifier is its ORIGINATOR_ID, which would have to ignore it (chosen)",
        not_to_the_originator
    ),
    rule!(
        "8",
        Must,
        "Our cluster id is put before the CLUSTER_LIST of a reflected route, or makes a new one",
        cluster_list_is_made
    ),
    rule!(
        "8",
        Must,
        "A CLUSTER_LIST of any length is added to",
        long_cluster_list
    ),
    rule!(
        "8",
        Should,
        "A route with our cluster id in its CLUSTER_LIST is ignored, and what it replaces goes",
        cluster_loop
    ),
    rule!("8", Must, "Both attributes stay inside the AS", not_outside),
    rule!(
        "9",
        Should,
        "ORIGINATOR_ID counts as the BGP Identifier of a route",
        originator_decides
    ),
    rule!(
        "9",
        Should,
        "Then the shorter CLUSTER_LIST wins, before the peer's address",
        shorter_cluster_list
    ),
    rule!(
        "10",
        Should,
        "NEXT_HOP, AS_PATH, LOCAL_PREF and MED of a reflected route are not changed",
        reflected_as_it_is
    ),
];

fn meshed_clients(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut meshed) = (ground.peer(Side::Meshed)?, ground.peer(Side::Meshed)?);
    let mut inside = ground.peer(Side::Internal)?;
    let net = ground.net();
    peer.announce(net)?;
    inside.has(net)?;
    // What comes from elsewhere goes to them.
    let mut from = ground.peer(Side::Internal)?;
    sync(&mut from, &mut meshed)?;
    ensure(meshed.path(net).is_none(), || "reflected".into())?;
    Ok(2)
}

fn from_a_client(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Client)?;
    let net = ground.net();
    peer.announce(net)?;
    for side in [Side::Client, Side::Internal, Side::External] {
        ground.peer(side)?.has(net)?;
    }
    Ok(3)
}

fn from_no_client(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Internal)?;
    let mut inside = ground.peer(Side::Internal)?;
    let net = ground.net();
    peer.announce(net)?;
    for side in [Side::Client, Side::External] {
        ground.peer(side)?.has(net)?;
    }
    sync(&mut ground.peer(Side::Client)?, &mut inside)?;
    ensure(inside.path(net).is_none(), || "passed on".into())?;
    Ok(3)
}

fn not_back(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    one.announce(net)?;
    two.has(net)?;
    sync(&mut two, &mut one)?;
    ensure(one.path(net).is_none(), || "its own route".into())?;
    Ok(1)
}

fn originator_is_made(ground: &Ground<'_>) -> Result<usize> {
    for side in [Side::Client, Side::Internal] {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let net = ground.net();
        peer.announce(net)?;
        other.has_value(net, ORIGINATOR_ID, Some(&peer.address.octets()))?;
        let flags = other.attribute(net, ORIGINATOR_ID).map(|attr| attr.flags);
        ensure(flags == Some(OPTIONAL), || format!("{flags:02x?}"))?;
    }
    // What an external peer brings is not reflected.
    let (mut peer, mut other) = (ground.peer(Side::External)?, ground.peer(Side::Client)?);
    let net = ground.net();
    peer.announce(net)?;
    other.has_value(net, ORIGINATOR_ID, None)?;
    other.has_value(net, CLUSTER_LIST, None)?;
    Ok(3)
}

fn originator_is_kept(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Internal)?);
    let net = ground.net();
    let value = [10, 200, 0, 7];
    peer.announce_with(&peer.good_with(&attr(OPTIONAL, ORIGINATOR_ID, &value)), net)?;
    other.has_value(net, ORIGINATOR_ID, Some(&value))?;
    Ok(1)
}

/// A route with this attribute is not used, and takes away what it replaces.
fn is_ignored(ground: &Ground<'_>, bad: &[u8]) -> Result<usize> {
    for side in [Side::Client, Side::Internal] {
        let (mut peer, mut other) = (ground.peer(side)?, ground.peer(Side::Client)?);
        let (fresh, known) = (ground.net(), ground.net());
        peer.announce(known)?;
        other.has(known)?;
        peer.send(&update(&[], &peer.good_with(bad), &[fresh, known]))?;
        other.lost(known)?;
        sync(&mut peer, &mut other)?;
        ensure(other.path(fresh).is_none(), || "it was used".into())?;
    }
    Ok(2)
}

fn own_originator(ground: &Ground<'_>) -> Result<usize> {
    is_ignored(ground, &attr(OPTIONAL, ORIGINATOR_ID, &SERVER.octets()))
}

fn not_to_the_originator(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    let theirs = attr(OPTIONAL, ORIGINATOR_ID, &other.address.octets());
    peer.announce_with(&peer.good_with(&theirs), net)?;
    sync(&mut peer, &mut other)?;
    ensure(other.path(net).is_none(), || "it was told".into())?;
    // One that it has goes when it becomes its own.
    peer.announce(net)?;
    other.has(net)?;
    peer.announce_with(&peer.good_with(&theirs), net)?;
    other.lost(net)?;
    Ok(2)
}

fn cluster_list_is_made(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for to in [Side::Client, Side::Internal] {
        let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(to)?);
        let net = ground.net();
        peer.announce(net)?;
        other.has_value(net, CLUSTER_LIST, Some(&SERVER.octets()))?;
        let net = ground.net();
        let list = [1, 1, 1, 1, 2, 2, 2, 2];
        peer.announce_with(&peer.good_with(&attr(OPTIONAL, CLUSTER_LIST, &list)), net)?;
        let wanted = [&SERVER.octets()[..], &list].concat();
        other.has_value(net, CLUSTER_LIST, Some(&wanted))?;
        cases += 2;
    }
    Ok(cases)
}

fn long_cluster_list(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    // Around the ends of a length of one octet.
    for count in [62, 63, 64, 100, 101, 200] {
        let net = ground.net();
        let list: Octets = (0..count)
            .flat_map(|n: u32| (0x0101_0000 + n).to_be_bytes())
            .collect();
        peer.announce_with(&peer.good_with(&attr(OPTIONAL, CLUSTER_LIST, &list)), net)?;
        let wanted = [&SERVER.octets()[..], &list].concat();
        other.has_value(net, CLUSTER_LIST, Some(&wanted))?;
    }
    Ok(6)
}

fn cluster_loop(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    let own = SERVER.octets();
    for list in [
        own.to_vec(),
        [&[1, 1, 1, 1][..], &own].concat(),
        [&own[..], &[1, 1, 1, 1]].concat(),
    ] {
        cases += is_ignored(ground, &attr(OPTIONAL, CLUSTER_LIST, &list))?;
    }
    Ok(cases)
}

fn not_outside(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut outside) = (ground.peer(Side::Client)?, ground.peer(Side::External)?);
    let mut attributes = peer.good();
    for plain in [true, false] {
        let net = ground.net();
        if !plain {
            attributes.push(attr(OPTIONAL, ORIGINATOR_ID, &[10, 200, 0, 8]));
            attributes.push(attr(OPTIONAL, CLUSTER_LIST, &[1, 1, 1, 1]));
        }
        peer.announce_with(&attributes, net)?;
        outside.has_value(net, ORIGINATOR_ID, None)?;
        outside.has_value(net, CLUSTER_LIST, None)?;
    }
    Ok(2)
}

/// Of two clients' routes the one that `one` announces like this is told, whichever comes first.
fn first_wins(
    ground: &Ground<'_>,
    (one, better): (&mut Peer, &[Octets]),
    (two, worse): (&mut Peer, &[Octets]),
) -> Result<usize> {
    let mut other = ground.peer(Side::Client)?;
    for is_first in [true, false] {
        let net = ground.net();
        if is_first {
            one.announce_with(better, net)?;
        }
        two.announce_with(worse, net)?;
        if !is_first {
            other.has(net)?;
            one.announce_with(better, net)?;
        }
        other.has_value(net, NEXT_HOP, Some(&one.address.octets()))?;
        sync(two, &mut other)?;
        other.has_value(net, NEXT_HOP, Some(&one.address.octets()))?;
    }
    Ok(2)
}

fn originator_decides(ground: &Ground<'_>) -> Result<usize> {
    // By address and identifier the other one would win.
    let (mut two, mut one) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let better = one.good_with(&attr(OPTIONAL, ORIGINATOR_ID, &[1, 0, 0, 1]));
    let worse = two.good_with(&attr(OPTIONAL, ORIGINATOR_ID, &[200, 0, 0, 1]));
    first_wins(ground, (&mut one, &better), (&mut two, &worse))
}

fn shorter_cluster_list(ground: &Ground<'_>) -> Result<usize> {
    let (mut two, mut one) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let originator = attr(OPTIONAL, ORIGINATOR_ID, &[1, 0, 0, 2]);
    let with_list = |peer: &Peer, list: &[u8]| {
        let mut all = peer.good_with(&originator);
        all.push(attr(OPTIONAL, CLUSTER_LIST, list));
        all
    };
    let better = with_list(&one, &[1, 1, 1, 1]);
    let worse = with_list(&two, &[1, 1, 1, 1, 2, 2, 2, 2]);
    first_wins(ground, (&mut one, &better), (&mut two, &worse))
}

fn reflected_as_it_is(ground: &Ground<'_>) -> Result<usize> {
    let (mut peer, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    let values: [(u8, u8, Octets); 4] = [
        (WELL_KNOWN, AS_PATH, sequence(&[65020, 65021])),
        (WELL_KNOWN, NEXT_HOP, vec![10, 9, 3, 210]),
        (OPTIONAL, MED, vec![0, 0, 0, 77]),
        (WELL_KNOWN, LOCAL_PREF, vec![0, 0, 0, 222]),
    ];
    let mut attributes = vec![attr(WELL_KNOWN, ORIGIN, &[0])];
    attributes.extend(
        values
            .iter()
            .map(|(flags, code, value)| attr(*flags, *code, value)),
    );
    peer.announce_with(&attributes, net)?;
    for (_, code, value) in &values {
        other.has_value(net, *code, Some(value))?;
    }
    Ok(4)
}
