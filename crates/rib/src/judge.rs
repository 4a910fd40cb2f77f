//! Who has to go when the routes take more memory than they may.
//!
//! Counted are destinations, paths, attribute sets and next hops in use: what a source brings by announcing. Whatever
//! else grows has a limit and a culprit of its own: logs (`alone`, who reads slowly lets go of them) and withdrawn
//! destinations (who reads so slowly that too many wait for it is reset). Room in chunks that are only partly used is
//! not counted, for it is used again.
//!
//! As long as there is room this costs nothing: nothing is counted per source. When there is none, a sliced walk adds
//! up what each source has, and the peer with most is reset; the walk that takes out its paths makes the room. Each
//! record is charged to its source, what is shared in equal parts to all who share it, so that the charges add up to
//! the whole, and a peer whose attribute sets are all different pays for all of them. Who drives the table reads
//! nothing meanwhile ([`Rib::is_full`]), so that the limit holds.
//!
//! RFC 4486 section 4 (Cease, Out of Resources).

use crate::ids::PeerId;
use crate::rib::{ResetReason, Rib};
use crate::table;

/// Octets of a place in a version list.
const VERSION: usize = 16;
/// Octets that a group remembers of a destination.
const LAST: usize = 4;

/// The walk that finds who has most.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// The next slot of the table, while a walk is under way.
    slot: Option<u32>,
    /// Octets by `PeerId`.
    octets: Vec<u64>,
    /// What there was when a walk found nobody who could be reset: until there is clearly more, another would not either.
    hopeless: usize,
}

impl Rib {
    /// Octets of routes: destinations that are not withdrawn, paths, attribute sets and next hops in use.
    #[must_use]
    pub fn route_octets(&self) -> usize {
        self.table.live() * self.dest_octets()
            + self.table.octets_beside_dests()
            + self.attrs.octets_in_use()
            + self.next_hops.octets_in_use()
    }

    /// True while nothing should be read: the routes take more than they may and room is about to be made, or so many
    /// changes were read that pulls fall behind.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_behind || self.is_over_limit()
    }

    /// True while the routes take more than they may, and there is somebody who could be reset for it.
    pub(crate) fn is_over_limit(&self) -> bool {
        let limit = self.config.route_limit;
        let hopeless = self.judgement.hopeless;
        let bearable = if hopeless == 0 {
            limit
        } else {
            hopeless.saturating_add(limit / 16)
        };
        self.route_octets() > bearable
    }

    fn dest_octets(&self) -> usize {
        let lists = 1 + usize::from(self.sets.is_some());
        table::DEST + lists * VERSION + self.groups.len() * LAST
    }

    /// True if somebody is to be judged now. Not while room is being made.
    pub(crate) fn is_judging(&self) -> bool {
        !self.sources.any_draining()
            && self.leaving.is_empty()
            && self.resets.is_empty()
            && self.is_over_limit()
    }

    /// Paths of a peer go. It is judged by what it has from then on, and so is another one that gets its number.
    pub(crate) fn acquit(&mut self, peer: PeerId) {
        if let Some(octets) = self.judgement.octets.get_mut(peer.index()) {
            *octets = 0;
        }
    }

    /// A slice of the walk that finds who has most, if the routes take more than they may.
    pub(crate) fn judge(&mut self, budget: &mut u32) {
        if self.route_octets() <= self.config.route_limit {
            self.judgement = Judgement::default();
            return;
        }
        while *budget > 0 && self.is_judging() {
            let slot = self.judgement.slot.unwrap_or(0);
            if slot >= self.table.slots() {
                self.sentence();
                return;
            }
            self.judgement.slot = Some(slot + 1);
            *budget -= 1;
            if self.table.is_used(slot) {
                self.charge(slot);
            }
        }
    }

    /// Charges a destination to those who announce it.
    fn charge(&mut self, dest: u32) {
        let sharers = self.table.paths(dest).count() as u64;
        let record = (self.dest_octets() + self.table.octets_beside(dest)) as u64;
        let octets = &mut self.judgement.octets;
        for (_, path) in self.table.paths(dest) {
            let source = self.sources.get(path.source).peer.index();
            if octets.len() <= source {
                octets.resize(source + 1, 0);
            }
            octets[source] += record / sharers
                + table::PATH as u64
                + self.attrs.share(path.attrs)
                + self.next_hops.share(path.next_hop);
        }
    }

    /// Resets the peer that was charged with most.
    fn sentence(&mut self) {
        let charged = std::mem::take(&mut self.judgement).octets;
        let peers = charged.iter().zip(0..).filter(|(octets, _)| **octets > 0);
        let peers = peers.map(|(octets, peer)| (*octets, PeerId(peer)));
        let most = peers.filter(|(_, peer)| *peer >= PeerId::FIRST_PEER).max();
        match most {
            Some((octets, peer)) => self.reset(peer, ResetReason::RouteLimit { octets }),
            None => self.judgement.hopeless = self.route_octets(),
        }
    }

    /// What each source is charged with, all at once.
    #[cfg(test)]
    fn charges(&mut self) -> Vec<(PeerId, u64)> {
        self.judgement = Judgement::default();
        for slot in 0..self.table.slots() {
            if self.table.is_used(slot) {
                self.charge(slot);
            }
        }
        let charged = std::mem::take(&mut self.judgement).octets;
        let charged = charged
            .into_iter()
            .zip(0..)
            .filter(|(octets, _)| *octets > 0);
        charged
            .map(|(octets, peer)| (PeerId(peer), octets))
            .collect()
    }
}

#[cfg(test)]
mod tests;
