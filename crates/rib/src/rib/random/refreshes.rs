//! Sources that announce anew, and receivers that are told so (RFC 7313).

use std::collections::BTreeSet;

use wire::Family;

use super::{At, Run};
use crate::*;

impl Run {
    /// A source begins to announce a family anew, or has announced all of it.
    pub(super) fn announce_anew(&mut self) {
        let under_way: Vec<(PeerId, Family)> = self.anew.keys().copied().collect();
        let (peer, family) = match under_way.is_empty() || self.dice.one_in(3) {
            true => (self.some_peer(), self.dice.pick(&Family::ALL)),
            false => self.dice.pick(&under_way),
        };
        if !self.up.contains_key(&peer) {
            return;
        }
        match self.anew.remove(&(peer, family)) {
            Some(_) if self.dice.one_in(4) => self.begin_anew(peer, family),
            Some(announced) => self.end_anew(peer, family, &announced),
            None => self.begin_anew(peer, family),
        }
    }

    fn begin_anew(&mut self, peer: PeerId, family: Family) {
        self.bench.rib.begin_refresh(peer, family);
        self.anew.insert((peer, family), BTreeSet::new());
    }

    fn end_anew(&mut self, peer: PeerId, family: Family, announced: &BTreeSet<At>) {
        self.bench.rib.end_refresh(peer, family);
        let kept = &self.kept;
        let before = self.oracle.routes.len();
        self.oracle.routes.retain(|at, _| {
            let (from, prefix, _) = at;
            let is_of = *from == peer && Family::of(prefix) == family;
            !is_of || announced.contains(at) || kept.contains(at)
        });
        self.reached.outdated += before - self.oracle.routes.len();
    }

    /// A receiver is sent a family again, mostly between marks.
    pub(super) fn refresh(&mut self) {
        let peer = self.some_peer();
        let family = self.dice.pick(&Family::ALL);
        if self.dice.one_in(4) {
            self.bench.rib.refresh(peer, family);
        } else {
            self.reached.marked += usize::from(self.bench.refresh_with_end(peer, family));
        }
        self.reached.refreshes += 1;
    }
}
