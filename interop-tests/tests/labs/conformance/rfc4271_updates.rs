//! RFC 4271 section 6.3 as RFC 7606 left it, and 6.4 to 6.8. What RFC 7606 revised stands in its own tables.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use interop_tests::{Result, wait_for};

use super::cases::{error, in_every_state, observer, open_confirm, resets};
use super::octets::*;
use super::scene::{BOTH, DIALED, Ground, PATIENCE, Peer, SERVER, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "6.3",
        Must,
        "Lengths inside an UPDATE that exceed it: 3/1",
        lengths_exceed
    ),
    rule!(
        "6.3",
        Must,
        "A well-known attribute that is not recognised: 3/2 with the attribute as data",
        unknown_well_known
    ),
    rule!(
        "6.3",
        Must,
        "A NEXT_HOP that is the receiver's address: the route is ignored, what it replaces goes, the session lasts",
        own_next_hop
    ),
    not_done!(
        "6.3",
        Must,
        "A next hop of a directly connected external peer is the peer or on a shared subnet",
        "interfaces are the kernel's affair: a node shows a route that is not on-link as failed; a reflector forwards nothing"
    ),
    rule!(
        "6.3",
        Must,
        "A first AS that is not the external peer's: the route is ignored, what it replaces goes, the session lasts",
        wrong_first_as
    ),
    rule!(
        "6.3",
        Must,
        "An NLRI field, or a withdrawn one, that cannot be read: 3/10",
        bad_network_field
    ),
    rule!(
        "6.3",
        Should,
        "A prefix that cannot be a destination is ignored, the others of its UPDATE are taken",
        senseless_prefix
    ),
    rule!(
        "6.3",
        Must,
        "An UPDATE with attributes and without NLRI is valid",
        attributes_without_nlri
    ),
    rule!(
        "6.4",
        Must,
        "An error in a NOTIFICATION is not answered; the connection ends",
        notification_is_not_answered
    ),
    not_done!(
        "6.4",
        Should,
        "Such an error is brought to the attention of the peer's administration",
        "no means exist outside of BGP; it is shown to ours"
    ),
    rule!(
        "6.5",
        Must,
        "Silence for the hold time: 4/0, in OpenConfirm and Established",
        hold_timer
    ),
    rule!(
        "6.5",
        Must,
        "KEEPALIVE and UPDATE each start the hold timer anew",
        hold_timer_restarts
    ),
    rule!(
        "6.6",
        Must,
        "A message that its state does not know: code 5, with the subcode and type of RFC 6608",
        unexpected_messages
    ),
    rule!(
        "6.7",
        Must,
        "Where a fatal error has a code of its own Cease is not used",
        no_cease_for_errors
    ),
    rule!(
        "6.7",
        Must,
        "A session that ends for too many prefixes ends by Cease: 6/1, with the family and the limit (RFC 4486)",
        too_many_prefixes
    ),
    rule!(
        "6.8",
        Must,
        "Of two connections of a pair one is closed by Cease: with the higher identifier at the peer, ours",
        collision_with_higher
    ),
    rule!(
        "6.8",
        Must,
        "With the lower identifier at the peer, the peer's connection is closed",
        collision_with_lower
    ),
    rule!(
        "6.8",
        Must,
        "A connection that meets an Established one is closed by Cease, and the session lasts",
        collision_with_established
    ),
];

fn raw_update(withdrawn: u16, attributes: u16, rest: &[u8]) -> Octets {
    let mut body = withdrawn.to_be_bytes().to_vec();
    body.extend(attributes.to_be_bytes());
    body.extend(rest);
    message(UPDATE, &body)
}

fn lengths_exceed(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let good = peer.good().concat();
        let more = good.len() as u16 + 1;
        [
            raw_update(1, 0, &[]),
            raw_update(0, 1, &[]),
            raw_update(0xffff, 0xffff, &[0; 40]),
            raw_update(0, more, &good),
            raw_update(5, 0, &[24, 60, 0, 0]),
        ]
        .map(|octets| (octets, (3, 1), Vec::new()))
        .to_vec()
    })
}

fn unknown_well_known(ground: &Ground<'_>) -> Result<usize> {
    let net = ground.net();
    resets(ground, &BOTH, |peer| {
        let mut all = Vec::new();
        for unknown in [
            attr(WELL_KNOWN, 99, &[1, 2]),
            attr(WELL_KNOWN, 255, &[]),
            attr(0, 98, &[9]),
        ] {
            for place in super::cases::PLACES {
                let attributes = super::cases::among_good(peer, &unknown, place);
                all.push((update(&[], &attributes, &[net]), (3, 2), unknown.clone()));
            }
        }
        all
    })
}

/// The route with this attribute is not used and takes away the one that it replaces.
fn is_ignored(ground: &Ground<'_>, sides: &[Side], bad: &[Octets]) -> Result<usize> {
    let mut cases = 0;
    for side in sides {
        let (mut peer, mut other) = (ground.peer(*side)?, observer(ground)?);
        for attribute in bad {
            let (fresh, known) = (ground.net(), ground.net());
            peer.announce(known)?;
            other.has(known)?;
            let attributes = peer.good_with(attribute);
            peer.send(&update(&[], &attributes, &[fresh, known]))?;
            other
                .lost(known)
                .map_err(|error| error.during(format!("{side:?} {attribute:02x?}")))?;
            sync(&mut peer, &mut other)?;
            ensure(other.path(fresh).is_none(), || {
                format!("{attribute:02x?} was passed on")
            })?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn own_next_hop(ground: &Ground<'_>) -> Result<usize> {
    is_ignored(
        ground,
        &BOTH,
        &[attr(WELL_KNOWN, NEXT_HOP, &SERVER.octets())],
    )
}

fn wrong_first_as(ground: &Ground<'_>) -> Result<usize> {
    let bad = [
        attr(WELL_KNOWN, AS_PATH, &sequence(&[65002, 65001])),
        attr(WELL_KNOWN, AS_PATH, &[]),
        attr(
            WELL_KNOWN,
            AS_PATH,
            &path(&[(AS_SEQUENCE, &[4_200_000_000])], true),
        ),
    ];
    is_ignored(ground, &[Side::External], &bad)
}

fn bad_network_field(ground: &Ground<'_>) -> Result<usize> {
    resets(ground, &BOTH, |peer| {
        let good = peer.good().concat();
        let fields: [&[u8]; 4] = [
            &[33, 60, 0, 0, 0, 0],
            &[24, 60, 0],
            &[8, 60, 24, 60, 1],
            &[255],
        ];
        let mut all = Vec::new();
        for field in fields {
            all.push((update_raw(&[], &good, field), (3, 10), Vec::new()));
            all.push((update_raw(field, &[], &[]), (3, 10), Vec::new()));
        }
        all
    })
}

fn senseless_prefix(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        for bad in [
            "224.1.0.0/16",
            "127.0.0.0/8",
            "240.0.0.0/8",
            "169.254.0.0/16",
        ] {
            let bad = bad.parse().map_err(|_| error("a prefix"))?;
            let net = ground.net();
            peer.send(&update(&[], &peer.good(), &[bad, net]))?;
            other.has(net)?;
            sync(&mut peer, &mut other)?;
            ensure(other.path(bad).is_none(), || format!("{bad} was passed on"))?;
            cases += 1;
        }
    }
    Ok(cases)
}

fn attributes_without_nlri(ground: &Ground<'_>) -> Result<usize> {
    for side in BOTH {
        let (mut peer, mut other) = (ground.peer(side)?, observer(ground)?);
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
        peer.send(&update(&[], &peer.good(), &[]))?;
        sync(&mut peer, &mut other)?;
        ensure(other.path(net).is_some(), || "a route went".into())?;
    }
    Ok(2)
}

fn notification_is_not_answered(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for body in [
        &[77, 1][..],
        &[6, 200],
        &[2, 1, 0, 3],
        &[3, 1, 0xff],
        &[0, 0],
    ] {
        cases += in_every_state(ground, |_, peer| {
            peer.send(&message(NOTIFICATION, body))?;
            peer.is_closed()
        })?;
    }
    Ok(cases)
}

fn hold_timer(ground: &Ground<'_>) -> Result<usize> {
    let begun = Instant::now();
    let mut confirm = ground.connection(Side::Brisk)?;
    confirm.send(&Open::usual(confirm.asn, confirm.address).encode())?;
    let mut up = ground.peer(Side::Brisk)?;
    confirm.is_told(4, 0, &[])?;
    up.is_told(4, 0, &[])?;
    let took = begun.elapsed();
    ensure(took >= Duration::from_secs(2), || format!("after {took:?}"))?;
    Ok(2)
}

fn hold_timer_restarts(ground: &Ground<'_>) -> Result<usize> {
    let mut alive = ground.peer(Side::Brisk)?;
    let mut busy = ground.peer(Side::Brisk)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    for med in 0..5 {
        alive.send(&keepalive())?;
        busy.announce_with(&busy.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, med])), net)?;
        other.has_value(net, MED, Some(&[0, 0, 0, med]))?;
        // Five of these pauses are more than the hold time.
        alive.hear(Duration::from_millis(900), |_| false)?;
    }
    sync(&mut alive, &mut other)?;
    sync(&mut busy, &mut other)?;
    Ok(2)
}

fn unexpected_messages(ground: &Ground<'_>) -> Result<usize> {
    let mut cases = 0;
    for octets in [keepalive(), withdraw(&[]), route_refresh(1, 1)] {
        let mut peer = ground.connection(Side::Client)?;
        let kind = octets[18];
        peer.send(&octets)?;
        peer.is_told(5, 1, &[kind])?;
        cases += 1;
    }
    let open = |peer: &Peer| Open::usual(peer.asn, peer.address).encode();
    for kind in [OPEN, UPDATE, ROUTE_REFRESH] {
        let mut peer = open_confirm(ground)?;
        let octets = match kind {
            OPEN => open(&peer),
            UPDATE => withdraw(&[]),
            _ => route_refresh(1, 1),
        };
        peer.send(&octets)?;
        peer.is_told(5, 2, &[kind])?;
        cases += 1;
    }
    let mut peer = ground.peer(Side::Client)?;
    let octets = open(&peer);
    peer.send(&octets)?;
    peer.is_told(5, 3, &[OPEN])?;
    Ok(cases + 1)
}

fn no_cease_for_errors(ground: &Ground<'_>) -> Result<usize> {
    let errors = [
        header(18, UPDATE, &[]),
        header(19, 77, &[]),
        raw_update(9, 0, &[]),
    ];
    for octets in &errors {
        let mut peer = ground.peer(Side::Client)?;
        peer.send(octets)?;
        peer.hear(PATIENCE, |peer| peer.said().is_some())?;
        let code = peer.said().map(|said| said.code);
        ensure(code.is_some_and(|code| code != 6), || format!("{code:?}"))?;
    }
    Ok(errors.len())
}

/// Both connections of a pair, on each of which the daemon has said its OPEN: its own, and the peer's.
fn both(ground: &Ground<'_>, address: Ipv4Addr) -> Result<(Peer, Peer)> {
    let listener = ground.listen(address)?;
    listener.set_nonblocking(true)?;
    let stream = wait_for(PATIENCE, "a connection of the daemon's", || {
        Ok(listener.accept()?)
    })?
    .0;
    stream.set_nonblocking(false)?;
    let ours = Peer::over(stream, address, Side::Client)?;
    let theirs = ground.connection_from(address, Side::Client)?;
    Ok((ours, theirs))
}

fn collision_with_higher(ground: &Ground<'_>) -> Result<usize> {
    let (mut dialed, mut own) = both(ground, DIALED[0])?;
    let open = Open::usual(own.asn, Ipv4Addr::new(10, 9, 255, 200)).encode();
    dialed.send(&open)?;
    dialed.until("the daemon's KEEPALIVE", |peer| !peer.keepalives.is_empty())?;
    own.send(&open)?;
    dialed.is_told(6, 7, &[])?;
    own.send(&keepalive())?;
    let mut other = ground.peer(Side::Client)?;
    sync(&mut own, &mut other)?;
    Ok(1)
}

fn collision_with_lower(ground: &Ground<'_>) -> Result<usize> {
    let (mut dialed, mut own) = both(ground, DIALED[1])?;
    let open = Open::usual(own.asn, Ipv4Addr::new(10, 9, 0, 200)).encode();
    dialed.send(&open)?;
    dialed.until("the daemon's KEEPALIVE", |peer| !peer.keepalives.is_empty())?;
    own.send(&open)?;
    own.is_told(6, 7, &[])?;
    dialed.send(&keepalive())?;
    let mut other = ground.peer(Side::Client)?;
    sync(&mut dialed, &mut other)?;
    Ok(1)
}

fn collision_with_established(ground: &Ground<'_>) -> Result<usize> {
    let mut first = ground.peer(Side::Client)?;
    let mut second = ground.second_connection(first.address)?;
    second.is_told(6, 7, &[])?;
    let mut other = ground.peer(Side::Client)?;
    sync(&mut first, &mut other)?;
    Ok(1)
}

fn too_many_prefixes(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.peer(Side::Limited)?;
    let mut other = observer(ground)?;
    let nets = [ground.net(), ground.net(), ground.net()];
    for net in &nets[..2] {
        peer.announce(*net)?;
        other.has(*net)?;
    }
    // One that replaces another is none too many.
    peer.announce_with(
        &peer.good_with(&attr(OPTIONAL, MED, &[0, 0, 0, 1])),
        nets[0],
    )?;
    other.has_value(nets[0], MED, Some(&[0, 0, 0, 1]))?;
    peer.announce(nets[2])?;
    peer.is_told(6, 1, &[0, 1, 1, 0, 0, 0, 2])?;
    for net in nets {
        other.lost(net)?;
    }
    Ok(1)
}
