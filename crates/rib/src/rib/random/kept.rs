//! Peers that go and may be about to return: what is kept of them, for how long, and marked as what.

use wire::{Community, Families, Family};

use super::Run;
use crate::PeerId;

impl Run {
    /// A peer goes down, and its routes of some families are kept.
    pub(super) fn lose(&mut self, peer: PeerId) {
        let one = Family::ALL[self.dice.below(2) as usize];
        let families = self.dice.pick(&[Families::ALL, Families::only(one)]);
        self.anew.retain(|(from, _), _| *from != peer);
        self.bench.rib.leave(peer);
        let mut older = self
            .dice
            .pick(&[Families::EMPTY, Families::ALL, Families::only(one)]);
        // Of more former sessions than the table keeps the oldest goes, which nobody here counts.
        let losses = self.losses.entry(peer).or_default();
        *losses += 1;
        if *losses > 3 {
            (*losses, older) = (1, Families::EMPTY);
        }
        self.bench.rib.source_down_keeping(peer, families, older);
        self.bench.peers.remove(&peer);
        self.up.remove(&peer);
        let gone = Family::ALL
            .into_iter()
            .filter(|family| !older.contains(*family));
        self.forget_kept(peer, gone.collect());
        let older = &self.kept;
        let routes = &mut self.oracle.routes;
        routes.retain(|at, _| {
            at.0 != peer || families.contains(Family::of(&at.1)) || older.contains(at)
        });
        let kept = routes.keys().filter(|(from, ..)| *from == peer);
        self.kept.extend(kept);
    }

    /// What is still kept of a peer is kept for long, but for what asks not to be.
    pub(super) fn age_kept(&mut self, peer: PeerId) {
        let one = Family::ALL[self.dice.below(2) as usize];
        let families = self.dice.pick(&[Families::ALL, Families::only(one)]);
        self.bench.rib.age_kept(peer, families);
        let routes = &mut self.oracle.routes;
        let (stale, never) = (Community::LLGR_STALE.0, Community::NO_LLGR.0);
        self.kept.retain(|at| {
            if at.0 != peer || !families.contains(Family::of(&at.1)) {
                return true;
            }
            let Some(known) = routes.get_mut(at) else {
                return true;
            };
            let communities = &mut known.words.communities;
            if communities.contains(&never) {
                routes.remove(at);
                return false;
            }
            if !communities.contains(&stale) {
                communities.push(stale);
            }
            self.reached.aged += 1;
            true
        });
    }

    /// What is still kept of a peer goes.
    pub(super) fn drop_kept(&mut self, peer: PeerId) {
        let one = Family::ALL[self.dice.below(2) as usize];
        let families = self.dice.pick(&[Families::ALL, Families::only(one)]);
        self.bench.rib.drop_kept(peer, families);
        self.reached.dropped += self.kept.len();
        self.forget_kept(peer, families);
        self.reached.dropped -= self.kept.len();
    }

    pub(super) fn forget_kept(&mut self, peer: PeerId, families: Families) {
        let routes = &mut self.oracle.routes;
        self.kept.retain(|(from, prefix, id)| {
            let goes = *from == peer && families.contains(Family::of(prefix));
            if goes {
                routes.remove(&(*from, *prefix, *id));
            }
            !goes
        });
    }
}
