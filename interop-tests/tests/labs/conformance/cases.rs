//! What many rows do: the remedies of RFC 7606, for each way to be malformed, each place and each kind of peer.

use interop_tests::{LabError, Result};

use super::octets::*;
use super::scene::{Ground, Peer, Side, sync};

/// Where an attribute stands among good ones.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    First,
    Middle,
    Last,
}

pub(super) const PLACES: [Place; 3] = [Place::First, Place::Middle, Place::Last];

/// Good attributes of a peer, with `bad` in the place of the one with its type code if there is one, at this place.
pub(super) fn among_good(peer: &Peer, bad: &[u8], place: Place) -> Vec<Octets> {
    let mut all = peer.good_without(bad[1]);
    let at = match place {
        Place::First => 0,
        Place::Middle => all.len() / 2,
        Place::Last => all.len(),
    };
    all.insert(at, bad.to_vec());
    all
}

/// Who is told of the routes of any other peer, and at once: daemons may hold back what goes to another AS.
pub(super) fn observer(ground: &Ground<'_>) -> Result<Peer> {
    ground.peer(Side::Client)
}

/// Each of these attributes takes the route away that the UPDATE replaces, wherever it stands, and the session lasts.
pub(super) fn withdraws(ground: &Ground<'_>, sides: &[Side], bad: &[Octets]) -> Result<usize> {
    let mut cases = 0;
    for side in sides {
        let (mut peer, mut other) = (ground.peer(*side)?, observer(ground)?);
        for attribute in bad {
            for place in PLACES {
                let net = ground.net();
                peer.announce(net)?;
                other.has(net)?;
                let attributes = among_good(&peer, attribute, place);
                peer.announce_with(&attributes, net)?;
                other.lost(net).map_err(|error| {
                    error.during(format!("{side:?}, {place:?}, {attribute:02x?}"))
                })?;
                cases += 1;
            }
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

/// Each of these attributes is left out, wherever it stands; the route is taken.
pub(super) fn discards(ground: &Ground<'_>, sides: &[Side], bad: &[Octets]) -> Result<usize> {
    let mut cases = 0;
    for side in sides {
        let (mut peer, mut other) = (ground.peer(*side)?, observer(ground)?);
        for attribute in bad {
            for place in PLACES {
                let net = ground.net();
                let attributes = among_good(&peer, attribute, place);
                peer.announce_with(&attributes, net)?;
                other.has_value(net, attribute[1], None).map_err(|error| {
                    error.during(format!("{side:?}, {place:?}, {attribute:02x?}"))
                })?;
                cases += 1;
            }
        }
        sync(&mut peer, &mut other)?;
    }
    Ok(cases)
}

/// Each of these UPDATEs ends the session with this NOTIFICATION.
pub(super) fn resets(
    ground: &Ground<'_>,
    sides: &[Side],
    bad: impl Fn(&Peer) -> Vec<(Octets, (u8, u8), Octets)>,
) -> Result<usize> {
    let mut cases = 0;
    for side in sides {
        let mut number = 0;
        loop {
            let mut peer = ground.peer(*side)?;
            let all = bad(&peer);
            let Some((octets, (code, subcode), data)) = all.get(number) else {
                break;
            };
            peer.send(octets)?;
            peer.is_told(*code, *subcode, data)
                .map_err(|error| error.during(format!("{side:?}, {octets:02x?}")))?;
            number += 1;
            cases += 1;
        }
    }
    Ok(cases)
}

/// Each of these messages, said instead of the OPEN, is answered by this NOTIFICATION.
pub(super) fn refuses_at_open(
    ground: &Ground<'_>,
    bad: &[(Octets, (u8, u8), Octets)],
) -> Result<usize> {
    for (octets, (code, subcode), data) in bad {
        let mut peer = ground.connection(Side::Client)?;
        peer.send(octets)?;
        peer.is_told(*code, *subcode, data)
            .map_err(|error| error.during(format!("{octets:02x?}")))?;
    }
    Ok(bad.len())
}

/// The kinds of state that a connection can be in, each with a new connection in it.
pub(super) fn in_every_state(
    ground: &Ground<'_>,
    mut check: impl FnMut(&str, &mut Peer) -> Result<()>,
) -> Result<usize> {
    let mut sent = ground.connection(Side::Client)?;
    check("OpenSent", &mut sent).map_err(|error| error.during("OpenSent"))?;
    let mut confirm = open_confirm(ground)?;
    check("OpenConfirm", &mut confirm).map_err(|error| error.during("OpenConfirm"))?;
    let mut up = ground.peer(Side::Client)?;
    check("Established", &mut up).map_err(|error| error.during("Established"))?;
    Ok(3)
}

/// A connection in OpenConfirm.
pub(super) fn open_confirm(ground: &Ground<'_>) -> Result<Peer> {
    let mut peer = ground.connection(Side::Client)?;
    peer.send(&Open::usual(peer.asn, peer.address).encode())?;
    peer.until("the daemon's KEEPALIVE", |peer| !peer.keepalives.is_empty())?;
    Ok(peer)
}

pub(super) fn error(text: impl Into<String>) -> LabError {
    LabError::new(text)
}
