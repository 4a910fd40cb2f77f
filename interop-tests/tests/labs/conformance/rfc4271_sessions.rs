//! RFC 4271 section 8: the state machine, as it is seen from outside.

use std::time::Duration;

use interop_tests::{Result, wait_for};

use super::cases::open_confirm;
use super::octets::*;
use super::scene::{DIALED, Ground, PATIENCE, Peer, Side, ensure, sync};
use super::{Row, not_done, rule};

pub(super) const ROWS: &[Row] = &[
    not_done!(
        "8.1",
        Should,
        "Optional session attributes stand as each event wants them",
        "inner names of the machine; section 8 asks only for what is seen from outside"
    ),
    rule!(
        "8.1.4",
        Should,
        "Connections go to port 179",
        connects_to_179
    ),
    rule!(
        "8.2.1",
        Must,
        "Each peer has a machine of its own: the end of one session is nothing to another",
        machines_are_apart
    ),
    rule!(
        "8.2.1",
        Must,
        "It connects to its peers and takes their connections, both on port 179",
        both_directions
    ),
    rule!(
        "8.2.1",
        Must,
        "Each incoming connection is served, however many wait for their OPEN",
        every_connection_is_served
    ),
    rule!(
        "8.2.2",
        Must,
        "OpenSent: a good OPEN is answered by a KEEPALIVE, and routes are not sent yet",
        no_routes_before_established
    ),
    rule!(
        "8.2.2",
        Must,
        "OpenSent, OpenConfirm: a NOTIFICATION ends the connection without an answer",
        notification_ends_opening
    ),
    rule!(
        "8.2.2",
        Must,
        "OpenSent: a connection that goes leaves the peer free to connect again at once",
        connects_again_at_once
    ),
    rule!(
        "8.2.2",
        Must,
        "OpenConfirm: a KEEPALIVE makes it Established, and routes flow",
        keepalive_establishes
    ),
    rule!(
        "8.2.2",
        Must,
        "Established: what a NOTIFICATION or the end of TCP leaves behind goes",
        routes_go
    ),
    not_done!(
        "8.2.2",
        Must,
        "OpenSent: the hold timer ends a connection without an OPEN after about 4 minutes",
        "240 s of waiting; unit tests of the machine show it in virtual time"
    ),
];

fn accept(ground: &Ground<'_>, at: usize) -> Result<Peer> {
    let listener = ground.listen(DIALED[at])?;
    listener.set_nonblocking(true)?;
    let stream = wait_for(PATIENCE, "a connection of the daemon's", || {
        Ok(listener.accept()?)
    })?
    .0;
    stream.set_nonblocking(false)?;
    Peer::over(stream, DIALED[at], Side::Client)
}

fn connects_to_179(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = accept(ground, 2)?;
    peer.establish(&Open::usual(peer.asn, peer.address))?;
    Ok(1)
}

fn machines_are_apart(ground: &Ground<'_>) -> Result<usize> {
    let (mut one, mut two, mut three) = (
        ground.peer(Side::Client)?,
        ground.peer(Side::Client)?,
        ground.peer(Side::Client)?,
    );
    one.send(&header(19, 77, &[]))?;
    one.is_told(1, 3, &[77])?;
    sync(&mut two, &mut three)?;
    Ok(1)
}

fn both_directions(ground: &Ground<'_>) -> Result<usize> {
    let mut dialed = accept(ground, 3)?;
    dialed.establish(&Open::usual(dialed.asn, dialed.address))?;
    let mut own = ground.peer(Side::Client)?;
    sync(&mut dialed, &mut own)?;
    sync(&mut own, &mut dialed)?;
    Ok(2)
}

fn every_connection_is_served(ground: &Ground<'_>) -> Result<usize> {
    let mut waiting = (0..20)
        .map(|_| ground.connection(Side::Client))
        .collect::<Result<Vec<Peer>>>()?;
    for peer in waiting.iter_mut().rev() {
        let open = Open::usual(peer.asn, peer.address);
        peer.establish(&open)?;
    }
    Ok(waiting.len())
}

fn no_routes_before_established(ground: &Ground<'_>) -> Result<usize> {
    let mut from = ground.peer(Side::Client)?;
    let mut other = ground.peer(Side::Client)?;
    let net = ground.net();
    from.announce(net)?;
    other.has(net)?;
    let mut peer = open_confirm(ground)?;
    peer.hear(Duration::from_millis(300), |peer| !peer.heard.is_empty())?;
    ensure(peer.heard.is_empty(), || format!("{:?}", peer.heard))?;
    peer.send(&keepalive())?;
    peer.has(net)?;
    Ok(1)
}

fn notification_ends_opening(ground: &Ground<'_>) -> Result<usize> {
    for body in [[6, 0], [2, 1]] {
        let mut peer = ground.connection(Side::Client)?;
        peer.send(&message(NOTIFICATION, &body))?;
        peer.is_closed()?;
        let mut peer = open_confirm(ground)?;
        peer.send(&message(NOTIFICATION, &body))?;
        peer.is_closed()?;
    }
    Ok(4)
}

fn connects_again_at_once(ground: &Ground<'_>) -> Result<usize> {
    let address = ground.address(Side::Client);
    for _ in 0..3 {
        let begun = std::time::Instant::now();
        drop(ground.connection_from(address, Side::Client)?);
        ensure(begun.elapsed() < Duration::from_secs(5), || {
            format!("{:?}", begun.elapsed())
        })?;
    }
    let mut peer = ground.connection_from(address, Side::Client)?;
    peer.establish(&Open::usual(peer.asn, address))?;
    Ok(3)
}

fn keepalive_establishes(ground: &Ground<'_>) -> Result<usize> {
    let mut peer = open_confirm(ground)?;
    let mut other = ground.peer(Side::Client)?;
    peer.send(&keepalive())?;
    sync(&mut peer, &mut other)?;
    sync(&mut other, &mut peer)?;
    Ok(1)
}

fn routes_go(ground: &Ground<'_>) -> Result<usize> {
    let mut other = ground.peer(Side::Client)?;
    for code in [[6, 4], [3, 1], [4, 0]] {
        let mut peer = ground.peer(Side::Client)?;
        let net = ground.net();
        peer.announce(net)?;
        other.has(net)?;
        peer.send(&message(NOTIFICATION, &code))?;
        peer.is_closed()?;
        other.lost(net)?;
    }
    Ok(3)
}
