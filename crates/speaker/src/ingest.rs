//! The way in: octets of a connection to frames, frames to the session, UPDATEs through the
//! inbound checks and the import policy into the table. Nothing here allocates, logs or locks
//! per NLRI.

use std::time::Instant;

use policy::Import;
use rib::{Amends, PeerId, RejectReason, Rib};
use session::{DownReason, FrameUse, Input, LastError};
use wire::{Families, Fault, Frame, Reach, Update};

use crate::Speaker;
use crate::drain::amends;
use crate::effect::ConnId;
use crate::event::{Event, Events, KeptEnd};
use crate::malformed::{self, FaultyUpdate};
use crate::peer::Peer;

/// What is handled in one go, in routes: about 200 microseconds. An UPDATE that was begun is handled to its end.
const SLICE: usize = 512;
/// Octets that take as long as a route.
const OCTETS: usize = 64;

impl Speaker {
    /// Takes octets that arrived on a connection, in any chunking. Octets of an unknown (already
    /// closed) connection are ignored.
    pub fn on_bytes(&mut self, now: Instant, conn: ConnId, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = &rest[self.take_bytes(now, conn, rest)..];
        }
    }

    /// As [`Speaker::on_bytes`], for about as long as a slice of work may take. Gives how many octets it took, at least
    /// one: the others are to be given again, before any that arrive later, when others have had their turn.
    #[must_use]
    pub fn take_bytes(&mut self, now: Instant, conn: ConnId, octets: &[u8]) -> usize {
        let Some(known) = self.conns.get_mut(conn) else {
            return octets.len();
        };
        let held = std::mem::take(&mut known.partial);
        if held.is_empty() {
            let (used, more) = self.frames(now, conn, octets);
            if more {
                return used;
            }
            self.keep_partial(conn, octets[used..].to_vec());
            return octets.len();
        }
        let before = held.len();
        let mut held = held;
        held.extend_from_slice(octets);
        match self.frames(now, conn, &held) {
            // The frame that was cut is whole now, so more was used than was held.
            (used, true) => return used - before,
            // Still not whole: the buffer goes on as it is, so that a peer that sends octet by
            // octet is not copied each time.
            (0, false) => self.keep_partial(conn, held),
            (used, false) => self.keep_partial(conn, held[used..].to_vec()),
        }
        octets.len()
    }

    fn keep_partial(&mut self, conn: ConnId, rest: Vec<u8>) {
        if let Some(known) = self.conns.get_mut(conn) {
            known.partial = rest;
        }
    }

    /// Handles whole frames at the start of `octets`, a slice of them: the number of octets used, and whether more may
    /// be used of them.
    fn frames(&mut self, now: Instant, conn: ConnId, octets: &[u8]) -> (usize, bool) {
        let (mut used, mut done) = (0, 0);
        while let Some(max_len) = self.conns.get(conn).map(|known| known.max_len) {
            match wire::next_frame(&octets[used..], max_len) {
                Ok(Some(_)) if done >= SLICE => return (used, true),
                Ok(Some((frame, length))) => {
                    let message = &octets[used..used + length];
                    used += length;
                    done += self.on_frame(now, conn, frame, message) + length / OCTETS;
                }
                Ok(None) => return (used, false),
                Err(fault) => {
                    let message = malformed::unframed(&octets[used..]);
                    self.on_fault(now, conn, fault, message);
                    return (octets.len(), false);
                }
            }
        }
        (octets.len(), false)
    }

    /// Takes one frame, which is all of `message`. Gives how many routes it told of.
    fn on_frame(&mut self, now: Instant, conn: ConnId, frame: Frame<'_>, message: &[u8]) -> usize {
        let Some((id, side)) = self.conns.get(conn).map(|known| (known.peer, known.side)) else {
            return 0;
        };
        let Some(peer) = self.peers.get_mut(id) else {
            return 0;
        };
        let before = peer.session.counters().errors;
        match peer.session.handle(now, Input::Frame { side, frame }) {
            FrameUse::Handled => {
                if peer.session.counters().errors != before
                    && let Some(LastError {
                        reason: DownReason::Fault(fault),
                        ..
                    }) = peer.session.last_error()
                {
                    peer.malformations.note(now, fault.clone(), message);
                }
                let max_len = peer.session.max_len(side);
                if let Some(known) = self.conns.get_mut(conn) {
                    known.max_len = max_len;
                }
                self.settle(now, id);
                0
            }
            FrameUse::Update => match self.on_update(now, id, message) {
                Ok(routes) => {
                    self.check_limits(now, id);
                    self.arm(id);
                    routes
                }
                Err(fault) => {
                    if let Some(peer) = self.peers.get_mut(id) {
                        let line = || FaultyUpdate::unread(&fault, message);
                        tell_of_fault(&mut self.events, peer, now, line);
                    }
                    self.on_fault(now, conn, fault, message);
                    0
                }
            },
        }
    }

    /// A fault that ends the session: framing, or an UPDATE beyond repair.
    fn on_fault(&mut self, now: Instant, conn: ConnId, fault: Fault, message: &[u8]) {
        let Some((id, side)) = self.conns.get(conn).map(|known| (known.peer, known.side)) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.malformations.note(now, fault.clone(), message);
        }
        self.tell(now, id, Input::Fault { side, fault });
    }

    /// Takes an UPDATE, with its header. Gives how many routes it told of.
    fn on_update(&mut self, now: Instant, id: PeerId, message: &[u8]) -> Result<usize, Fault> {
        let Speaker {
            peers,
            rib,
            scratch,
            events,
            restart,
            comeback,
            config,
            ..
        } = self;
        let is_node = config.role == config::Role::Node;
        let Some(peer) = peers.get_mut(id) else {
            return Ok(0);
        };
        let Some(link) = peer.link.as_mut() else {
            return Ok(0);
        };
        let body = message.get(wire::HEADER_LEN..).unwrap_or_default();
        let update = wire::decode_update(body, &link.decode, scratch)?;
        if let Some(family) = update.end_of_rib {
            // A fact once per session: a peer that repeats it must not fill the log.
            if !link.end_of_rib.contains(family) {
                link.end_of_rib.insert(family);
                restart.touch();
                events.push(Event::EndOfRib {
                    peer: peer.config.name.clone(),
                    family,
                });
                comeback.hear(now);
                self.drop_kept(id, Families::only(family), KeptEnd::NotAnnounced);
            }
            return Ok(0);
        }
        link.last_update = now;
        let is_external = !link.negotiated.internal;
        if let Some(fault) = worst(update.faults) {
            peer.malformations.note(now, fault.clone(), message);
            let line = || FaultyUpdate::read(fault, &update, message);
            tell_of_fault(events, peer, now, line);
        }
        let amends = amends(peer, is_external);
        if is_node && let Some(link) = peer.link.as_mut().filter(|link| !link.reflects) {
            link.reflects = update.attrs.cluster_list().next().is_some();
        }
        if let Some(reason) = apply(rib, id, (&peer.import, amends), &update) {
            peer.counters.paths_refused += 1;
            if let Some(count) = peer.refusal_lines.hit(now) {
                events.push(Event::PathRefused {
                    peer: peer.config.name.clone(),
                    reason,
                    count,
                });
            }
        }
        let gone = update.unreach.iter().flatten().map(|gone| gone.nlri.len());
        let come = update.reach.iter().flatten().map(|reach| reach.nlri.len());
        Ok(gone.chain(come).sum())
    }
}

/// One line for each peer and while: it may be long.
fn tell_of_fault(
    events: &mut Events,
    peer: &mut Peer,
    now: Instant,
    line: impl FnOnce() -> FaultyUpdate,
) {
    if let Some(count) = peer.fault_lines.hit(now) {
        events.push(Event::UpdateFault {
            peer: peer.config.name.clone(),
            update: line(),
            count,
        });
    }
}

/// The first of the faults with the harshest remedy, which is the one that was applied.
fn worst(faults: &[Fault]) -> Option<&Fault> {
    faults.iter().rev().max_by_key(|fault| fault.remedy)
}

/// Puts one UPDATE into the table: withdrawals first, as RFC 4271 section 3.1 orders them. The
/// reason, if the path as a whole was refused; its NLRI then replace, and so withdraw, what the
/// peer announced before. Or that some were one path too many.
fn apply(
    rib: &mut Rib,
    id: PeerId,
    rules: (&Import, Amends),
    update: &Update<'_>,
) -> Option<RejectReason> {
    for gone in update.unreach.iter().flatten() {
        for nlri in gone.nlri.iter() {
            rib.withdraw(id, nlri);
        }
    }
    let mut refused = None;
    for reach in update.reach.iter().flatten() {
        refused = announce(rib, id, rules, update, reach).or(refused);
    }
    refused
}

fn announce(
    rib: &mut Rib,
    id: PeerId,
    (import, amends): (&Import, Amends),
    update: &Update<'_>,
    reach: &Reach<'_>,
) -> Option<RejectReason> {
    let checked = rib.check(id, update.attrs, &reach.next_hop);
    let attrs = rib.intern_from(id, update.attrs);
    let attrs = rib.amend(attrs, amends);
    let beyond = rib.announce_all(id, attrs, reach.next_hop, reach.nlri.iter(), |prefix| {
        checked?;
        let verdict = import.evaluate(prefix, update.attrs);
        verdict.map_err(RejectReason::Policy)
    });
    rib.release(attrs);
    let beyond = (beyond > 0).then_some(RejectReason::TooManyPaths);
    checked.err().or(beyond)
}
