//! The way in: octets of a connection to frames, frames to the session, UPDATEs through the
//! inbound checks and the import policy into the table. Nothing here allocates, logs or locks
//! per NLRI.

use std::time::Instant;

use policy::Import;
use rib::{PeerId, RejectReason, Rib};
use session::{FrameUse, Input};
use wire::{Families, Fault, Frame, Reach, Update};

use crate::Speaker;
use crate::effect::ConnId;
use crate::event::{Event, KeptEnd};

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
        while self.conns.get(conn).is_some() {
            match wire::next_frame(&octets[used..], wire::MAX_LEN) {
                Ok(Some(_)) if done >= SLICE => return (used, true),
                Ok(Some((frame, length))) => {
                    used += length;
                    done += self.on_frame(now, conn, frame) + length / OCTETS;
                }
                Ok(None) => return (used, false),
                Err(fault) => {
                    self.on_fault(now, conn, fault);
                    return (octets.len(), false);
                }
            }
        }
        (octets.len(), false)
    }

    /// Gives how many routes it told of.
    fn on_frame(&mut self, now: Instant, conn: ConnId, frame: Frame<'_>) -> usize {
        let Some((id, side)) = self.conns.get(conn).map(|known| (known.peer, known.side)) else {
            return 0;
        };
        let body = frame.body;
        let Some(peer) = self.peers.get_mut(id) else {
            return 0;
        };
        match peer.session.handle(now, Input::Frame { side, frame }) {
            FrameUse::Handled => {
                self.settle(now, id);
                0
            }
            FrameUse::Update => match self.on_update(now, id, body) {
                Ok(routes) => {
                    self.arm(id);
                    routes
                }
                Err(fault) => {
                    self.on_fault(now, conn, fault);
                    0
                }
            },
        }
    }

    /// A fault that ends the session: framing, or an UPDATE beyond repair.
    fn on_fault(&mut self, now: Instant, conn: ConnId, fault: Fault) {
        let Some((id, side)) = self.conns.get(conn).map(|known| (known.peer, known.side)) else {
            return;
        };
        self.tell(now, id, Input::Fault { side, fault });
    }

    /// Gives how many routes it told of.
    fn on_update(&mut self, now: Instant, id: PeerId, body: &[u8]) -> Result<usize, Fault> {
        let Speaker {
            peers,
            rib,
            scratch,
            events,
            restart,
            comeback,
            ..
        } = self;
        let Some(peer) = peers.get_mut(id) else {
            return Ok(0);
        };
        let Some(link) = peer.link.as_mut() else {
            return Ok(0);
        };
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
        if let Some(fault) = update.faults.last() {
            peer.counters.update_faults += 1;
            if let Some(count) = peer.fault_lines.hit(now) {
                let fault = fault.to_string();
                events.push(Event::UpdateFault {
                    peer: peer.config.name.clone(),
                    fault,
                    count,
                });
            }
        }
        if let Some(reason) = apply(rib, id, &peer.import, &update) {
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

/// Puts one UPDATE into the table: withdrawals first, as RFC 4271 section 3.1 orders them. The
/// reason, if the path as a whole was refused; its NLRI then replace, and so withdraw, what the
/// peer announced before.
fn apply(rib: &mut Rib, id: PeerId, import: &Import, update: &Update<'_>) -> Option<RejectReason> {
    for gone in update.unreach.iter().flatten() {
        for nlri in gone.nlri.iter() {
            rib.withdraw(id, nlri);
        }
    }
    let mut refused = None;
    for reach in update.reach.iter().flatten() {
        refused = announce(rib, id, import, update, reach).or(refused);
    }
    refused
}

fn announce(
    rib: &mut Rib,
    id: PeerId,
    import: &Import,
    update: &Update<'_>,
    reach: &Reach<'_>,
) -> Option<RejectReason> {
    let checked = rib.check(id, update.attrs, &reach.next_hop);
    let attrs = rib.intern(update.attrs);
    rib.announce_all(id, attrs, reach.next_hop, reach.nlri.iter(), |prefix| {
        checked?;
        let verdict = import.evaluate(prefix, update.attrs);
        verdict.map_err(RejectReason::Policy)
    });
    rib.release(attrs);
    checked.err()
}
