//! The way in: octets of a connection to frames, frames to the session, UPDATEs through the
//! inbound checks and the import policy into the table. Nothing here allocates, logs or locks
//! per NLRI.

use std::time::Instant;

use policy::Import;
use rib::{PeerId, RejectReason, Rib};
use session::{FrameUse, Input};
use wire::{Fault, Frame, Reach, Update};

use crate::Speaker;
use crate::effect::ConnId;
use crate::event::Event;

impl Speaker {
    /// Takes octets that arrived on a connection, in any chunking. Octets of an unknown (already
    /// closed) connection are ignored.
    pub fn on_bytes(&mut self, now: Instant, conn: ConnId, octets: &[u8]) {
        let Some(known) = self.conns.get_mut(conn) else {
            return;
        };
        if known.partial.is_empty() {
            let used = self.frames(now, conn, octets);
            self.keep_partial(conn, &octets[used..]);
        } else {
            let mut held = std::mem::take(&mut known.partial);
            held.extend_from_slice(octets);
            match self.frames(now, conn, &held) {
                // Still not whole: the buffer goes on as it is, so that a peer that sends octet by
                // octet is not copied each time.
                0 => self.put_back(conn, held),
                used => self.keep_partial(conn, &held[used..]),
            }
        }
    }

    fn put_back(&mut self, conn: ConnId, held: Vec<u8>) {
        if let Some(known) = self.conns.get_mut(conn) {
            known.partial = held;
        }
    }

    fn keep_partial(&mut self, conn: ConnId, rest: &[u8]) {
        if let Some(known) = self.conns.get_mut(conn) {
            known.partial = rest.to_vec();
        }
    }

    /// Handles every whole frame at the start of `octets`; the number of octets used.
    fn frames(&mut self, now: Instant, conn: ConnId, octets: &[u8]) -> usize {
        let mut used = 0;
        while self.conns.get(conn).is_some() {
            match wire::next_frame(&octets[used..], wire::MAX_LEN) {
                Ok(Some((frame, length))) => {
                    used += length;
                    self.on_frame(now, conn, frame);
                }
                Ok(None) => return used,
                Err(fault) => {
                    self.on_fault(now, conn, fault);
                    return octets.len();
                }
            }
        }
        octets.len()
    }

    fn on_frame(&mut self, now: Instant, conn: ConnId, frame: Frame<'_>) {
        let Some((id, side)) = self.conns.get(conn).map(|known| (known.peer, known.side)) else {
            return;
        };
        let body = frame.body;
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        match peer.session.handle(now, Input::Frame { side, frame }) {
            FrameUse::Handled => self.settle(now, id),
            FrameUse::Update => match self.on_update(now, id, body) {
                Ok(()) => self.arm(id),
                Err(fault) => self.on_fault(now, conn, fault),
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

    fn on_update(&mut self, now: Instant, id: PeerId, body: &[u8]) -> Result<(), Fault> {
        let Speaker {
            peers,
            rib,
            scratch,
            events,
            restart,
            ..
        } = self;
        let Some(peer) = peers.get_mut(id) else {
            return Ok(());
        };
        let Some(link) = peer.link.as_mut() else {
            return Ok(());
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
            }
            return Ok(());
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
        Ok(())
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
