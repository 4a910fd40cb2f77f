//! What a group told of each path of each destination: the base that changes are compared with, and what members that
//! join or read by themselves are told.
//!
//! Attributes and next hops that are kept here are counted in their pools, so they outlive the path that they came with.

use wire::{Family, NextHop};

use crate::arena::{Arena, Beside, Record};
use crate::ids::{AttrId, NextHopId, PeerId};
use crate::pool::{AttrPool, NextHopPool};
use crate::transform::Edit;

/// No record.
const NIL: u32 = u32::MAX;

/// How a path was told. All octets that a group's members are sent, and who may not have them, depend on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// The attributes as they came.
    pub(crate) attrs: AttrId,
    /// What is done to them on the way out.
    pub(crate) edit: Edit,
    /// The next hop as it goes out.
    pub(crate) next_hop: NextHopId,
    pub(crate) source: PeerId,
}

impl Said {
    /// Gives the references back.
    pub(crate) fn release(self, attrs: &mut AttrPool, next_hops: &mut NextHopPool) {
        attrs.release(self.attrs);
        next_hops.release(self.next_hop);
    }

    /// True if the same receivers may not have either.
    pub(crate) fn excludes_as(&self, other: &Said, attrs: &AttrPool, hops: &NextHopPool) -> bool {
        let originator = |said: &Said| said.edit.originator(attrs.key(said.attrs));
        let address = |said: &Said| NextHop::addr(&hops.get(said.next_hop));
        self.source == other.source
            && originator(self) == originator(other)
            && address(self) == address(other)
    }
}

/// One path of a destination.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// The next one of the same destination, with a higher identifier; or a free one.
    next: u32,
    /// Path identifier; 0 in a free record.
    id: u32,
    said: Said,
}

impl Record for Line {
    fn free(next: u32) -> Line {
        Line {
            next,
            id: 0,
            said: Said {
                attrs: AttrId(0),
                edit: Edit::Internal,
                next_hop: NextHopId(0),
                source: PeerId::LOCAL,
            },
        }
    }

    fn next_free(&self) -> u32 {
        self.next
    }
}

/// What a group told of all destinations.
#[derive(Debug)]
pub(crate) struct Told {
    /// The first record of each destination.
    first: Beside<u32>,
    lines: Arena<Line>,
    told: [u32; 2],
    /// Of those, how many came from each peer, which is not sent them back.
    own: Vec<[u32; 2]>,
    /// Records before this one have been given back.
    drained: u32,
}

impl Told {
    pub(crate) fn new() -> Told {
        Told {
            first: Beside::new(NIL),
            lines: Arena::new(),
            told: [0; 2],
            own: Vec::new(),
            drained: 0,
        }
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.first.bytes() + self.lines.bytes()
    }

    /// Paths of a family that a member has been told of or will be: all but its own.
    pub(crate) fn told_to(&self, peer: PeerId, family: Family) -> u32 {
        let own = self.own.get(peer.index()).copied().unwrap_or_default();
        self.told[family.index()] - own[family.index()]
    }

    /// What was told of a destination, by rising path identifier.
    pub(crate) fn of(&self, dest: u32) -> impl Iterator<Item = (u32, Said)> + '_ {
        let mut at = self.first.get(dest);
        std::iter::from_fn(move || {
            let line = (at != NIL).then(|| *self.lines.get(at))?;
            at = line.next;
            Some((line.id, line.said))
        })
    }

    /// Remembers this of a destination in place of what was told before, whose references are the caller's from now on.
    pub(crate) fn replace(&mut self, dest: u32, family: Family, new: &[(u32, Said)]) {
        let mut at = self.first.get(dest);
        while at != NIL {
            let line = self.lines.remove(at);
            self.count_out(line.said.source, family);
            at = line.next;
        }
        let mut next = NIL;
        for &(id, said) in new.iter().rev() {
            next = self.lines.insert(Line { next, id, said });
            self.count_in(said.source, family);
        }
        self.first.set(dest, next);
    }

    /// Forgets one path. What was told of it is the caller's to release.
    pub(crate) fn remove(&mut self, dest: u32, family: Family, id: u32) -> Option<Said> {
        let mut previous = NIL;
        let mut at = self.first.get(dest);
        while at != NIL && self.lines.get(at).id != id {
            previous = at;
            at = self.lines.get(at).next;
        }
        if at == NIL {
            return None;
        }
        let line = self.lines.remove(at);
        if previous == NIL {
            self.first.set(dest, line.next);
        } else {
            self.lines.get_mut(previous).next = line.next;
        }
        self.count_out(line.said.source, family);
        Some(line.said)
    }

    fn count_in(&mut self, source: PeerId, family: Family) {
        if self.own.len() <= source.index() {
            self.own.resize(source.index() + 1, [0; 2]);
        }
        self.told[family.index()] += 1;
        self.own[source.index()][family.index()] += 1;
    }

    fn count_out(&mut self, source: PeerId, family: Family) {
        self.told[family.index()] -= 1;
        self.own[source.index()][family.index()] -= 1;
    }

    /// Gives references back, of about `budget` records, for a group that has ended: nothing else is asked of it then.
    pub(crate) fn drain(&mut self, budget: &mut u32, attrs: &mut AttrPool, hops: &mut NextHopPool) {
        while *budget > 0 && !self.is_drained() {
            *budget -= 1;
            let at = self.drained;
            self.drained += 1;
            if self.lines.is_there(at) && self.lines.get(at).id != 0 {
                self.lines.get(at).said.release(attrs, hops);
            }
        }
    }

    /// True if all references have been given back.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained >= self.lines.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_28_octets() {
        assert_eq!(size_of::<Line>(), 28);
    }
}
