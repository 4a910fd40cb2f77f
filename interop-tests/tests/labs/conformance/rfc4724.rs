//! RFC 4724: graceful restart, mostly in the part of whoever waits for a peer that restarts.

use std::time::Duration;

use interop_tests::{Result, wait_for};
use ipnet::Ipv4Net;

use super::octets::*;
use super::scene::{Ground, PATIENCE, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    rule!(
        "2",
        Must,
        "End-of-RIB of each family follows the first table, also an empty one",
        end_of_rib
    ),
    rule!(
        "3",
        Must,
        "The capability is sent once, with reserved bits of 0",
        capability_is_sent
    ),
    rule!(
        "3",
        Must,
        "Of several in one OPEN the last one counts",
        last_capability_counts
    ),
    rule!(
        "3",
        Must,
        "Reserved bits and flags are ignored",
        reserved_bits
    ),
    rule!(
        "3",
        Must,
        "A peer whose R bit is set is not waited for: it is sent routes before its own End-of-RIB",
        restarting_peer_is_served
    ),
    not_done!(
        "4.1",
        Must,
        "Restarting: forwarding state is kept, R and F say so, and End-of-RIB waits for the peers'",
        "the program itself has to restart: labs `graceful`"
    ),
    not_done!(
        "4.1",
        Must,
        "Restarting: selection waits for End-of-RIB of the peers",
        "chosen otherwise: routes are passed on at once, see rfc-notes"
    ),
    rule!(
        "4.2",
        Must,
        "Routes of a peer whose connection went are kept and used, as before",
        routes_are_kept
    ),
    rule!(
        "4.2",
        Must,
        "They are told from others in nothing: the best stays the best",
        stale_is_as_good
    ),
    rule!(
        "4.2",
        Must,
        "Routes of a family that the capability does not list go at once",
        other_families_go
    ),
    rule!(
        "4.2",
        Must,
        "What is announced anew stays, and is told to nobody again",
        announced_anew
    ),
    rule!(
        "4.2",
        Must,
        "What is not announced anew goes at End-of-RIB",
        gone_at_end_of_rib
    ),
    rule!(
        "4.2",
        Must,
        "A peer that comes back without its F bit loses what was kept at once",
        back_without_forwarding
    ),
    rule!(
        "4.2",
        Must,
        "A peer that comes back without the capability, or the family, loses what was kept at once",
        back_without_capability
    ),
    rule!(
        "4.2",
        Must,
        "A peer that restarts again before its End-of-RIB: what was kept from before goes",
        restarts_again
    ),
    rule!(
        "4.2",
        Must,
        "A peer that is not back within its restart time loses what was kept",
        not_back_in_time
    ),
    rule!(
        "4.2",
        Should,
        "A new connection of the peer, with its session still up, is taken for the end of the old one",
        new_connection_replaces
    ),
    rule!(
        "4",
        Must,
        "A session that ends by a NOTIFICATION ends as ever: its routes go",
        notification_keeps_nothing
    ),
];

/// The capability: R and N bit, restart time, and for each family whether F is set.
fn graceful(flags: u8, seconds: u8, families: &[(u8, bool)]) -> Octets {
    let mut value = vec![flags, seconds];
    for (afi, forwarding) in families {
        value.extend([0, *afi, 1, u8::from(*forwarding) << 7]);
    }
    capability(64, &value)
}

const BOTH_FAMILIES: &[(u8, bool)] = &[(1, true), (2, true)];

fn open_with(peer: &Peer, all: &[Octets]) -> Open {
    Open::usual(peer.asn, peer.address).with(all)
}

fn graceful_peer(ground: &Ground<'_>, seconds: u8) -> Result<Peer> {
    let mut peer = ground.connection(Side::Client)?;
    let open = open_with(&peer, &[graceful(0, seconds, BOTH_FAMILIES)]);
    peer.establish(&open)?;
    Ok(peer)
}

/// It is gone without a word, and comes back with these capabilities.
fn comes_back(ground: &Ground<'_>, peer: Peer, all: &[Octets]) -> Result<Peer> {
    let address = peer.address;
    drop(peer);
    // The daemon may hold it off for a second.
    wait_for(PATIENCE, "the peer to be let in again", || {
        let mut peer = ground.connection_from(address, Side::Client)?;
        let open = open_with(&peer, all);
        peer.establish(&open)?;
        Ok(peer)
    })
}

fn end_of_rib_4() -> Octets {
    update(&[], &[], &[])
}

fn end_of_rib_6() -> Octets {
    update(&[], &[mp_unreach6(&[])], &[])
}

fn ends(peer: &Peer) -> (usize, usize) {
    let empty = |heard: &&Heard| heard.announced.is_empty() && heard.withdrawn.is_empty();
    let all = peer.heard.iter().filter(empty);
    let (four, six): (Vec<&Heard>, Vec<&Heard>) =
        all.partition(|heard| heard.attributes.is_empty());
    (four.len(), six.len())
}

fn end_of_rib(ground: &Ground<'_>) -> Result<usize> {
    for side in [Side::Client, Side::External] {
        let mut peer = ground.peer(side)?;
        peer.until("End-of-RIB", |peer| ends(peer) == (1, 1))?;
    }
    Ok(4)
}

fn capability_is_sent(ground: &Ground<'_>) -> Result<usize> {
    let peer = ground.connection(Side::Client)?;
    let all = capabilities_of(&peer.open);
    let values: Vec<&Octets> = all
        .iter()
        .filter(|(code, _)| *code == 64)
        .map(|(_, v)| v)
        .collect();
    ensure(values.len() == 1, || format!("{values:?}"))?;
    // R is 0x80 and N is 0x40 (RFC 8538); the rest of the octet is reserved and the time.
    let families = values[0][2..].chunks(4).map(|family| family[3] & 0x7f);
    ensure(
        families.sum::<u8>() == 0 && values[0][0] & 0x30 == 0,
        || format!("{values:?}"),
    )?;
    Ok(1)
}

/// Whether the routes of a peer are kept when its connection goes.
fn is_kept(ground: &Ground<'_>, mut peer: Peer, net: Ipv4Net) -> Result<bool> {
    let (mut from, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    peer.announce(net)?;
    other.has(net)?;
    drop(peer);
    // The end is dealt with before what comes long after it.
    let gone = other.hear(Duration::from_millis(500), |other| {
        other.path(net).is_none()
    })?;
    sync(&mut from, &mut other)?;
    Ok(!gone && other.path(net).is_some())
}

fn last_capability_counts(ground: &Ground<'_>) -> Result<usize> {
    let (none, both) = (graceful(0, 60, &[]), graceful(0, 60, BOTH_FAMILIES));
    for (all, wanted) in [([none.clone(), both.clone()], true), ([both, none], false)] {
        let mut peer = ground.connection(Side::Client)?;
        let open = open_with(&peer, &all);
        peer.establish(&open)?;
        let kept = is_kept(ground, peer, ground.net())?;
        ensure(kept == wanted, || format!("kept: {kept}"))?;
    }
    Ok(2)
}

fn reserved_bits(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.connection(Side::Client)?;
    let odd = capability(64, &[0x30, 60, 0, 1, 1, 0xff, 0, 2, 1, 0xff]);
    let open = open_with(&peer, &[odd]);
    peer.establish(&open)?;
    ensure(is_kept(ground, peer, ground.net())?, || "not kept".into())?;
    Ok(1)
}

fn restarting_peer_is_served(ground: &Ground<'_>) -> Result<usize> {
    let mut from = ground.peer(Side::Client)?;
    let net = ground.net();
    from.announce(net)?;
    let mut peer = ground.connection(Side::Client)?;
    let open = open_with(&peer, &[graceful(0x80, 60, BOTH_FAMILIES)]);
    peer.establish(&open)?;
    peer.has(net)?;
    Ok(1)
}

fn routes_are_kept(ground: &Ground<'_>) -> Result<usize> {
    let peer = graceful_peer(ground, 60)?;
    ensure(is_kept(ground, peer, ground.net())?, || "not kept".into())?;
    // And without the capability they are not.
    let peer = ground.peer(Side::Client)?;
    ensure(!is_kept(ground, peer, ground.net())?, || "kept".into())?;
    Ok(2)
}

fn stale_is_as_good(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let (mut second, mut other) = (ground.peer(Side::Client)?, ground.peer(Side::Client)?);
    let net = ground.net();
    let own = peer.address.octets();
    peer.announce(net)?;
    other.has(net)?;
    drop(peer);
    let longer = second.good_with(&attr(WELL_KNOWN, AS_PATH, &sequence(&[65030])));
    second.announce_with(&longer, net)?;
    sync(&mut second, &mut other)?;
    ensure(other.value(net, NEXT_HOP) == Some(&own), || {
        "the worse one is told".into()
    })?;
    Ok(1)
}

fn other_families_go(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = ground.connection(Side::Client)?;
    let open = open_with(&peer, &[graceful(0, 60, &[(2, true)])]);
    peer.establish(&open)?;
    ensure(!is_kept(ground, peer, ground.net())?, || "kept".into())?;
    Ok(1)
}

fn told(peer: &Peer, net: Ipv4Net) -> usize {
    let key = (net.into(), 0);
    peer.heard
        .iter()
        .filter(|heard| heard.announced.contains(&key))
        .count()
}

fn announced_anew(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    // One that has just come may be told a route by two ways.
    sync(&mut peer, &mut other)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    let mut peer = comes_back(ground, peer, &[graceful(0x80, 60, BOTH_FAMILIES)])?;
    peer.announce(net)?;
    peer.send(&end_of_rib_4())?;
    peer.send(&end_of_rib_6())?;
    sync(&mut peer, &mut other)?;
    ensure(other.path(net).is_some(), || "it went".into())?;
    ensure(told(&other, net) == 1, || {
        format!("told {} times", told(&other, net))
    })?;
    Ok(1)
}

fn gone_at_end_of_rib(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    let (stays, goes) = (ground.net(), ground.net());
    peer.send(&update(&[], &peer.good(), &[stays, goes]))?;
    other.has(goes)?;
    let mut peer = comes_back(ground, peer, &[graceful(0x80, 60, BOTH_FAMILIES)])?;
    peer.announce(stays)?;
    sync(&mut peer, &mut other)?;
    ensure(other.path(goes).is_some(), || "it went too early".into())?;
    peer.send(&end_of_rib_4())?;
    other.lost(goes)?;
    ensure(other.path(stays).is_some(), || {
        "the other one went, too".into()
    })?;
    Ok(2)
}

/// Comes back like this, and what was kept goes before any End-of-RIB.
fn goes_at_once(ground: &Ground<'_>, all: &[Octets]) -> Result<()> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    let _peer = comes_back(ground, peer, all)?;
    other.lost(net)
}

fn back_without_forwarding(ground: &Ground<'_>) -> Result<usize> {
    goes_at_once(ground, &[graceful(0x80, 60, &[(1, false), (2, false)])])?;
    Ok(1)
}

fn back_without_capability(ground: &Ground<'_>) -> Result<usize> {
    goes_at_once(ground, &[])?;
    goes_at_once(ground, &[graceful(0x80, 60, &[(2, true)])])?;
    goes_at_once(ground, &[graceful(0x80, 60, &[])])?;
    Ok(3)
}

fn restarts_again(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    let (first, second) = (ground.net(), ground.net());
    peer.announce(first)?;
    other.has(first)?;
    let again = [graceful(0x80, 60, BOTH_FAMILIES)];
    let mut peer = comes_back(ground, peer, &again)?;
    peer.announce(second)?;
    other.has(second)?;
    ensure(other.path(first).is_some(), || "it went too early".into())?;
    drop(peer);
    other.lost(first)?;
    ensure(other.path(second).is_some(), || "what is new went".into())?;
    Ok(1)
}

fn not_back_in_time(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 1)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    drop(peer);
    other.lost(net)?;
    Ok(1)
}

fn new_connection_replaces(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    // One that has just come may be told a route by two ways.
    sync(&mut peer, &mut other)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    // A session of less than ten seconds is not given up for another one.
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(10_200) {
        peer.hear(Duration::from_millis(500), |_| false)?;
    }
    let mut again = ground.connection_from(peer.address, Side::Client)?;
    peer.is_closed()?;
    let open = open_with(&again, &[graceful(0x80, 60, BOTH_FAMILIES)]);
    again.establish(&open)?;
    again.announce(net)?;
    again.send(&end_of_rib_4())?;
    sync(&mut again, &mut other)?;
    ensure(other.path(net).is_some() && told(&other, net) == 1, || {
        "told again".into()
    })?;
    Ok(1)
}

fn notification_keeps_nothing(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = graceful_peer(ground, 60)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    peer.announce(net)?;
    other.has(net)?;
    peer.send(&message(NOTIFICATION, &[6, 4]))?;
    other.lost(net)?;
    Ok(1)
}
