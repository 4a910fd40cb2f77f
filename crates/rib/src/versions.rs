//! The version list: every destination at most once, in the order of its last change.
//!
//! A reader keeps a [`Cursor`] and pulls the destinations behind it; a destination that changes again before it was
//! read simply moves to the tail, so flaps compress by themselves and no queue grows with churn. A destination that
//! has no best path any more stays as a **tombstone** until every reader has passed it ([`VersionList::collect`]).
//!
//! Live destinations and tombstones stand in two doubly linked lists that readers merge by version: tombstones are
//! collected from the head of theirs, in constant time each. A cursor is a marker in each list, so that a destination
//! that moves never has to look for cursors that point at it.
//!
//! This module knows nothing of paths, groups or prefixes.

use crate::arena::Beside;

/// No slot.
const NIL: u32 = u32::MAX;
/// Slots from here are markers of cursors.
const MARK: u32 = 1 << 31;
/// The bit of a link's version that says: in the list of tombstones.
const TOMB: u64 = 1 << 63;
/// Steps that looking for a place in the list may take: below 100 microseconds.
const SEARCH: usize = 1024;

/// Place of one destination or marker: 16 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    /// Version of the last change with the `TOMB` bit; 0: not linked.
    version: u64,
    prev: u32,
    next: u32,
}

const UNLINKED: Link = Link {
    version: 0,
    prev: NIL,
    next: NIL,
};

#[derive(Debug, Clone, Copy)]
struct Ends {
    head: u32,
    tail: u32,
}

/// A reader's place. Made by [`VersionList::cursor`]; give it back with [`VersionList::drop_cursor`].
#[derive(Debug)]
pub(crate) struct Cursor {
    live: u32,
    tomb: u32,
    /// All changes up to this version have been read.
    version: u64,
    /// Tombstones up to this version do not matter to this reader: it began with an empty table then.
    base: u64,
}

impl Cursor {
    /// All changes up to this version have been read.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Tombstones up to this version may go as far as this reader is concerned.
    pub(crate) fn floor(&self) -> u64 {
        self.version.max(self.base)
    }

    /// The version at which the reader began with an empty table.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }
}

/// What a reader is told of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// Slot of the destination.
    pub(crate) dest: u32,
    /// Version of its last change.
    pub(crate) version: u64,
}

#[derive(Debug)]
pub(crate) struct VersionList {
    links: Beside<Link>,
    marks: Vec<Link>,
    free_marks: Vec<u32>,
    live: Ends,
    tomb: Ends,
    latest: u64,
    tombstones: usize,
    /// Version of the youngest tombstone that was collected.
    collected: u64,
}

impl VersionList {
    pub(crate) fn new() -> VersionList {
        let none = Ends {
            head: NIL,
            tail: NIL,
        };
        VersionList {
            links: Beside::new(UNLINKED),
            marks: Vec::new(),
            free_marks: Vec::new(),
            live: none,
            tomb: none,
            latest: 0,
            tombstones: 0,
            collected: 0,
        }
    }

    /// Another list of the live destinations with the versions that they have here.
    pub(crate) fn copy_live(&mut self) -> VersionList {
        let mut copy = VersionList::new();
        let mut slot = self.live.head;
        while slot != NIL {
            let Link { version, next, .. } = *self.link(slot);
            if slot & MARK == 0 {
                copy.links.set(
                    slot,
                    Link {
                        version,
                        ..UNLINKED
                    },
                );
                let tail = copy.live.tail;
                copy.insert_after(slot, tail, false);
            }
            slot = next;
        }
        copy.latest = self.latest;
        copy
    }

    /// The version of the latest change.
    pub(crate) fn latest(&self) -> u64 {
        self.latest
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.links.bytes()
    }

    /// Destinations without a best path that some reader may still have to hear of.
    pub(crate) fn tombstones(&self) -> usize {
        self.tombstones
    }

    /// Version of the last change of a destination; 0 if it is not in the list.
    pub(crate) fn version(&self, dest: u32) -> u64 {
        self.links.get(dest).version & !TOMB
    }

    /// True while the destination is in the list.
    pub(crate) fn is_linked(&self, dest: u32) -> bool {
        self.version(dest) != 0
    }

    fn link(&mut self, slot: u32) -> &mut Link {
        if slot & MARK != 0 {
            &mut self.marks[(slot & !MARK) as usize]
        } else {
            self.links.get_mut(slot)
        }
    }

    fn ends(&mut self, tomb: bool) -> &mut Ends {
        if tomb { &mut self.tomb } else { &mut self.live }
    }

    fn unlink(&mut self, slot: u32, tomb: bool) {
        let Link { prev, next, .. } = *self.link(slot);
        if prev == NIL {
            self.ends(tomb).head = next;
        } else {
            self.link(prev).next = next;
        }
        if next == NIL {
            self.ends(tomb).tail = prev;
        } else {
            self.link(next).prev = prev;
        }
    }

    /// Links a slot behind `prev`; NIL: at the head.
    fn insert_after(&mut self, slot: u32, prev: u32, tomb: bool) {
        let next = if prev == NIL {
            self.ends(tomb).head
        } else {
            self.link(prev).next
        };
        let link = self.link(slot);
        link.prev = prev;
        link.next = next;
        if prev == NIL {
            self.ends(tomb).head = slot;
        } else {
            self.link(prev).next = slot;
        }
        if next == NIL {
            self.ends(tomb).tail = slot;
        } else {
            self.link(next).prev = slot;
        }
    }

    /// Moves a destination to the tail with a new version; `live`: it has a best path.
    pub(crate) fn touch(&mut self, dest: u32, live: bool) {
        debug_assert!(dest < MARK);
        let old = self.links.get(dest).version;
        if old != 0 {
            self.unlink(dest, old & TOMB != 0);
            self.tombstones -= usize::from(old & TOMB != 0);
        }
        self.latest += 1;
        self.tombstones += usize::from(!live);
        let ends = self.ends(!live);
        let prev = std::mem::replace(&mut ends.tail, dest);
        if prev == NIL {
            ends.head = dest;
        } else {
            self.link(prev).next = dest;
        }
        let link = Link {
            version: self.latest | if live { 0 } else { TOMB },
            prev,
            next: NIL,
        };
        if old == 0 {
            self.links.set(dest, link);
        } else {
            *self.links.get_mut(dest) = link;
        }
    }

    /// Takes the oldest tombstone out if its version is at most `floor`.
    pub(crate) fn collect(&mut self, floor: u64) -> Option<u32> {
        let mut slot = self.tomb.head;
        while slot != NIL && slot & MARK != 0 {
            slot = self.link(slot).next;
        }
        if slot == NIL || self.link(slot).version & !TOMB > floor {
            return None;
        }
        self.unlink(slot, true);
        let version = self.links.set(slot, UNLINKED).version & !TOMB;
        self.collected = self.collected.max(version);
        self.tombstones -= 1;
        Some(slot)
    }

    /// A reader that knows all changes up to this version can still be told of every later one, withdrawals included.
    pub(crate) fn is_complete_from(&self, version: u64) -> bool {
        version >= self.collected
    }

    fn new_mark(&mut self) -> u32 {
        let index = self.free_marks.pop().unwrap_or_else(|| {
            self.marks.push(UNLINKED);
            u32::try_from(self.marks.len() - 1).expect("few cursors")
        });
        index | MARK
    }

    /// A cursor whose reader has an empty table: it will be given every live destination, then all changes.
    pub(crate) fn cursor(&mut self) -> Cursor {
        let mut cursor = Cursor {
            live: self.new_mark(),
            tomb: self.new_mark(),
            version: 0,
            base: 0,
        };
        self.place(&mut cursor);
        cursor
    }

    fn place(&mut self, cursor: &mut Cursor) {
        self.insert_after(cursor.live, NIL, false);
        let tail = self.tomb.tail;
        self.insert_after(cursor.tomb, tail, true);
        cursor.version = 0;
        cursor.base = self.latest;
    }

    /// A cursor of a reader that knows all changes up to `version`, to be read with [`VersionList::next_until`].
    ///
    /// It is placed in a bounded number of steps, so it may stand too far ahead of where it should: what lies between is
    /// skipped when it is read.
    pub(crate) fn cursor_behind(&mut self, version: u64) -> Cursor {
        let cursor = Cursor {
            live: self.new_mark(),
            tomb: self.new_mark(),
            version,
            base: 0,
        };
        for (mark, tomb) in [(cursor.live, false), (cursor.tomb, true)] {
            let prev = self.search(version, tomb);
            self.insert_after(mark, prev, tomb);
        }
        cursor
    }

    /// The last slot that a reader who knows `version` may stand behind: NIL, the head, if it is far from the tail.
    fn search(&mut self, version: u64, tomb: bool) -> u32 {
        let mut slot = self.ends(tomb).tail;
        for _ in 0..SEARCH {
            if slot == NIL || slot & MARK == 0 && self.link(slot).version & !TOMB <= version {
                return slot;
            }
            slot = self.link(slot).prev;
        }
        NIL
    }

    /// Back to the start, for a reader that emptied its table or will compare it whole.
    pub(crate) fn restart(&mut self, cursor: &mut Cursor) {
        self.unlink(cursor.live, false);
        self.unlink(cursor.tomb, true);
        self.place(cursor);
    }

    /// Ends a cursor.
    pub(crate) fn drop_cursor(&mut self, cursor: &Cursor) {
        self.unlink(cursor.live, false);
        self.unlink(cursor.tomb, true);
        self.free_marks.push(cursor.live & !MARK);
        self.free_marks.push(cursor.tomb & !MARK);
    }

    /// The first destination behind a marker.
    fn behind(&mut self, mark: u32) -> Option<(u32, u64)> {
        let mut slot = self.link(mark).next;
        while slot != NIL && slot & MARK != 0 {
            slot = self.link(slot).next;
        }
        (slot != NIL).then(|| (slot, self.link(slot).version & !TOMB))
    }

    /// True if there is something behind the cursor.
    pub(crate) fn is_pending(&self, cursor: &Cursor) -> bool {
        cursor.version < self.latest
    }

    /// The next change in version order, and the cursor behind it. `None`: the head of the list was reached.
    pub(crate) fn next(&mut self, cursor: &mut Cursor) -> Option<Change> {
        if !self.is_pending(cursor) {
            return None;
        }
        let live = self.behind(cursor.live);
        let tomb = self.behind(cursor.tomb);
        let from_tomb = match (live, tomb) {
            (None, None) => {
                cursor.version = self.latest;
                return None;
            }
            (Some(live), Some(tomb)) => tomb.1 < live.1,
            (live, _) => live.is_none(),
        };
        let (dest, version) = if from_tomb { tomb } else { live }.expect("one of them is there");
        let mark = if from_tomb { cursor.tomb } else { cursor.live };
        self.unlink(mark, from_tomb);
        self.insert_after(mark, dest, from_tomb);
        cursor.version = version;
        Some(Change { dest, version })
    }

    /// Gives up to `most` changes in version order and places the cursor behind them: what so many calls of
    /// [`VersionList::next`] would do. Gives how many there were.
    pub(crate) fn pull(
        &mut self,
        cursor: &mut Cursor,
        most: usize,
        mut take: impl FnMut(u32),
    ) -> usize {
        let mut taken = 0;
        // While no tombstone waits, the list of live destinations is all there is: no need to move the marker each time.
        if self.behind(cursor.tomb).is_none() {
            let mut last = NIL;
            let mut slot = self.link(cursor.live).next;
            while taken < most && slot != NIL {
                let Link { version, next, .. } = *self.link(slot);
                if slot & MARK == 0 {
                    take(slot);
                    taken += 1;
                    cursor.version = version;
                    last = slot;
                }
                slot = next;
            }
            if last != NIL {
                self.unlink(cursor.live, false);
                self.insert_after(cursor.live, last, false);
            }
            if slot == NIL {
                cursor.version = self.latest;
            }
            return taken;
        }
        while taken < most
            && let Some(change) = self.next(cursor)
        {
            take(change.dest);
            taken += 1;
        }
        taken
    }

    /// As [`VersionList::next`], but no further than version `until`, and in at most `steps` steps, which it takes off.
    ///
    /// `None` with steps left: everything up to `until` was read, and the cursor says so.
    pub(crate) fn next_until(
        &mut self,
        cursor: &mut Cursor,
        until: u64,
        steps: &mut usize,
    ) -> Option<Change> {
        while *steps > 0 {
            let live = self.behind(cursor.live).map(|found| (found, false));
            let tomb = self.behind(cursor.tomb).map(|found| (found, true));
            let first = live
                .into_iter()
                .chain(tomb)
                .min_by_key(|(found, _)| found.1);
            let next = first.filter(|((_, version), _)| *version <= until);
            let Some(((dest, version), from_tomb)) = next else {
                cursor.version = cursor.version.max(until);
                return None;
            };
            *steps -= 1;
            let mark = if from_tomb { cursor.tomb } else { cursor.live };
            self.unlink(mark, from_tomb);
            self.insert_after(mark, dest, from_tomb);
            if version > cursor.version {
                cursor.version = version;
                return Some(Change { dest, version });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(list: &mut VersionList, cursor: &mut Cursor) -> Vec<u32> {
        std::iter::from_fn(|| list.next(cursor).map(|change| change.dest)).collect()
    }

    #[test]
    fn pulling_many_is_reading_one_by_one() {
        for most in [1, 3, 7, 1000] {
            let mut list = VersionList::new();
            let (mut many, mut one) = (list.cursor(), list.cursor());
            for round in 0..30_u32 {
                for dest in 0..20 {
                    let tombs = round % 3 == 1;
                    list.touch((dest * 7 + round) % 25, !tombs || dest % 4 != 0);
                }
                while list.is_pending(&many) {
                    let mut pulled = Vec::new();
                    let count = list.pull(&mut many, most, |dest| pulled.push(dest));
                    assert_eq!((count, pulled.len() <= most), (pulled.len(), true));
                    for dest in pulled {
                        assert_eq!(list.next(&mut one).map(|change| change.dest), Some(dest));
                    }
                    assert!(many.version() >= one.version());
                }
                assert_eq!(list.next(&mut one), None);
                assert_eq!(one.version(), many.version());
                while list.collect(one.floor()).is_some() {}
            }
        }
    }

    #[test]
    fn a_destination_that_flaps_is_read_once_and_in_the_order_of_changes() {
        let mut list = VersionList::new();
        let mut cursor = list.cursor();
        for dest in [3, 1, 2, 1, 3] {
            list.touch(dest, true);
        }
        assert_eq!(drain(&mut list, &mut cursor), [2, 1, 3]);
        assert!(!list.is_pending(&cursor));
        list.touch(2, false);
        list.touch(1, true);
        assert_eq!(drain(&mut list, &mut cursor), [2, 1]);
        assert_eq!(cursor.version(), list.latest());
    }

    #[test]
    fn tombstones_wait_for_the_slowest_reader_and_no_longer() {
        let mut list = VersionList::new();
        list.touch(0, true);
        let (mut fast, mut slow) = (list.cursor(), list.cursor());
        list.touch(0, false);
        list.touch(1, false);
        assert_eq!(drain(&mut list, &mut fast), [0, 1]);
        assert_eq!(list.tombstones(), 2);
        assert_eq!(list.next(&mut slow).map(|change| change.dest), Some(0));
        assert_eq!(list.collect(slow.floor().min(fast.floor())), Some(0));
        assert_eq!(list.collect(slow.floor().min(fast.floor())), None);
        assert!(!list.is_linked(0));
        assert_eq!(drain(&mut list, &mut slow), [1]);
        assert_eq!(list.collect(slow.floor().min(fast.floor())), Some(1));
        assert_eq!(list.tombstones(), 0);
    }

    #[test]
    fn a_reader_that_comes_back_gets_what_is_younger_than_what_it_knows() {
        for far in [10, 3 * SEARCH as u32] {
            let mut list = VersionList::new();
            for dest in 0..far {
                list.touch(dest, dest % 2 == 0);
            }
            list.touch(1, true);
            let latest = list.latest();
            for known in [0, 1, latest / 2, latest - 1, latest] {
                let mut cursor = list.cursor_behind(known);
                let until = latest - 1;
                let mut read = Vec::new();
                let mut steps = usize::MAX;
                while let Some(change) = list.next_until(&mut cursor, until, &mut steps) {
                    read.push(change.version);
                }
                let expected: Vec<u64> = (known + 1..=until).filter(|v| *v != 2).collect();
                assert_eq!(read, expected, "{known} of {latest}");
                assert_eq!(cursor.version(), until.max(known));
                list.drop_cursor(&cursor);
            }
        }
    }

    #[test]
    fn a_reader_is_complete_as_long_as_no_younger_tombstone_went() {
        let mut list = VersionList::new();
        list.touch(0, false);
        list.touch(1, false);
        assert!(list.is_complete_from(0));
        list.collect(1);
        assert!(!list.is_complete_from(0) && list.is_complete_from(1));
    }

    #[test]
    fn a_new_reader_gets_live_destinations_and_no_older_tombstones() {
        let mut list = VersionList::new();
        list.touch(0, true);
        list.touch(1, false);
        list.touch(2, true);
        let mut cursor = list.cursor();
        assert_eq!(cursor.floor(), 3, "the tombstone does not wait for it");
        list.touch(0, false);
        assert_eq!(drain(&mut list, &mut cursor), [2, 0]);
        list.restart(&mut cursor);
        assert_eq!(drain(&mut list, &mut cursor), [2]);
        list.drop_cursor(&cursor);
    }
}
