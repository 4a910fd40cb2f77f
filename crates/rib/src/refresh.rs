//! Sources that announce anew: what they have not announced again when they say that this was all is taken out.
//!
//! A refresh has a number, and a path that is announced while one is under way is marked with it. So nothing has to be
//! walked over when one begins, and one that begins again takes the marks of the one before for stale. When the source says
//! that this was all, a sliced walk takes out what has another mark; what it announces meanwhile has the right one. Marks
//! stand beside the paths and are forgotten when nobody refreshes.
//!
//! RFC 7313 section 4.

use wire::{Families, Family};

use crate::arena::Beside;
use crate::ids::PeerId;
use crate::rib::Rib;
use crate::table::{NIL, Path};

/// A walk that takes out what a source has not announced anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweep {
    peer: PeerId,
    family: Family,
    /// The next slot of the table.
    next: u32,
}

impl Rib {
    /// A source begins to announce all its paths of a family once more. Nothing happens if it is not up.
    pub fn begin_refresh(&mut self, peer: PeerId, family: Family) {
        if self.sources.slot(peer).is_none() {
            return;
        }
        self.sweeps
            .retain(|sweep| (sweep.peer, sweep.family) != (peer, family));
        self.sources.begin_refresh(peer, family);
        self.marks.get_or_insert_with(|| Box::new(Beside::new(0)));
    }

    /// A source has announced all its paths of a family: those that it has not announced since
    /// [`Rib::begin_refresh`] go, in slices of [`Rib::work`]. Nothing happens without that.
    pub fn end_refresh(&mut self, peer: PeerId, family: Family) {
        let Some(slot) = self.sources.slot(peer) else {
            return;
        };
        let is_swept = |sweep: &Sweep| (sweep.peer, sweep.family) == (peer, family);
        if self.sources.refresh_of(slot, family) == 0 || self.sweeps.iter().any(is_swept) {
            return;
        }
        let next = 0;
        self.sweeps.push(Sweep { peer, family, next });
        // A walk for each of very many small peers would be too much.
        if let Some(few) = self.sources.few(slot).map(<[u32]>::to_vec) {
            for dest in few {
                self.sweep_dest(dest, slot, family);
            }
            self.end_sweep(peer, family);
        }
    }

    /// A slice of taking out what was not announced anew.
    pub(crate) fn sweep(&mut self, budget: &mut u32) {
        while *budget > 0
            && let Some(Sweep { peer, family, next }) = self.sweeps.last().copied()
        {
            let slots = self.table.slots();
            let Some(slot) = self.sources.slot(peer).filter(|_| next < slots) else {
                self.end_sweep(peer, family);
                continue;
            };
            let to = slots.min(next.saturating_add(*budget));
            *budget -= to - next;
            for dest in next..to {
                self.sweep_dest(dest, slot, family);
            }
            if let Some(sweep) = self.sweeps.last_mut() {
                sweep.next = to;
            }
        }
    }

    /// Takes out the paths of a source to one destination that it has not announced anew.
    fn sweep_dest(&mut self, dest: u32, slot: u32, family: Family) {
        if !self.table.is_used(dest) || self.table.family(dest) != family {
            return;
        }
        let mut paths = self.table.paths(dest);
        if !paths.any(|(index, path)| path.source == slot && self.is_outdated(index, path, family))
        {
            return;
        }
        let before = self.before(dest);
        let mut previous = NIL;
        let mut at = self.table.first(dest);
        while at != NIL {
            let path = self.table.path(at);
            if path.source == slot && self.is_outdated(at, path, family) {
                self.take_out(dest, previous, at);
            } else {
                previous = at;
            }
            at = path.next;
        }
        self.settle(dest, before);
    }

    /// True if the source of a path announces anew, and has not yet announced this one.
    pub(crate) fn is_outdated(&self, index: u32, path: Path, family: Family) -> bool {
        let Some(marks) = &self.marks else {
            return false;
        };
        let number = self.sources.refresh_of(path.source, family);
        number != 0 && marks.get(index) != number
    }

    /// A path was announced: it is marked, if anybody announces anew.
    pub(crate) fn mark(&mut self, index: u32, source: u32, family: Family) {
        if let Some(marks) = &mut self.marks {
            marks.set(index, self.sources.refresh_of(source, family));
        }
    }

    /// A source goes down: it is not going to say that this was all.
    pub(crate) fn forget_refreshes(&mut self, peer: PeerId) {
        if self.marks.is_some() {
            for family in Families::ALL.iter() {
                self.end_sweep(peer, family);
            }
        }
    }

    fn end_sweep(&mut self, peer: PeerId, family: Family) {
        self.sweeps
            .retain(|sweep| (sweep.peer, sweep.family) != (peer, family));
        self.sources.end_refresh(peer, family);
        if !self.sources.any_refreshing() {
            self.marks = None;
        }
    }
}

#[cfg(test)]
mod tests;
