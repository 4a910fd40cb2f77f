//! Marking what is kept of a peer for long: its paths get the community LLGR_STALE, by which they are the least preferred
//! and go to those only who know what that means; those that ask not to be kept go.
//!
//! A sliced walk, as for peers that went down: the paths of a peer that had few are known, those of others are found by a
//! lap over the table. No new ones come to a former session, so one lap finds them all.
//!
//! RFC 9494 sections 4.2 and 4.3.

use wire::Families;

use crate::ids::PeerId;
use crate::rib::Rib;
use crate::table::NIL;

impl Rib {
    /// What is kept of these families of a source is kept for long from now on: in slices of [`Rib::work`] its paths get the
    /// community LLGR_STALE, and those with NO_LLGR go (RFC 9494 section 4.2).
    pub fn age_kept(&mut self, peer: PeerId, families: Families) {
        if !families.is_empty() && self.sources.age(peer, families) {
            self.age_lap = Some(0);
        }
    }

    /// A slice of the walk that marks.
    pub(crate) fn age_sources(&mut self, budget: &mut u32) {
        while *budget > 0 && self.sources.any_aging() {
            *budget -= 1;
            let dest = match self.sources.next_to_age() {
                Some(dest) => dest,
                None if self.sources.any_unknown_aging() => match self.next_of_lap() {
                    Some(dest) => dest,
                    None => {
                        self.sources.end_unknown_aging();
                        continue;
                    }
                },
                None => return,
            };
            if self.table.is_used(dest) {
                self.age_dest(dest);
            }
        }
    }

    /// The next slot of the lap, if it is not over.
    fn next_of_lap(&mut self) -> Option<u32> {
        let slot = self.age_lap?;
        self.age_lap = (slot < self.table.slots()).then_some(slot + 1);
        self.age_lap.is_some().then_some(slot)
    }

    fn age_dest(&mut self, dest: u32) {
        let family = self.table.family(dest);
        let ages = |source| self.sources.get(source).ages(family);
        if !self.table.paths(dest).any(|(_, path)| ages(path.source)) {
            return;
        }
        let before = self.before(dest);
        self.prune(dest);
        let mut previous = NIL;
        let mut at = self.table.first(dest);
        while at != NIL {
            let path = self.table.path(at);
            let next = path.next;
            let key = self.attrs.key(path.attrs);
            let (no_llgr, is_stale) = (key.no_llgr(), key.llgr_stale());
            if !self.sources.get(path.source).ages(family) {
                previous = at;
            } else if no_llgr {
                self.take_out(dest, previous, at);
            } else {
                if !is_stale {
                    let aged = self.aged(path.attrs);
                    self.table.set_attrs(at, aged);
                    self.attrs.release(path.attrs);
                    if let (Some(multi), None) = (&mut self.multi, path.refusal) {
                        multi.path_changed();
                    }
                }
                previous = at;
            }
            at = next;
        }
        self.settle(dest, before);
    }
}
