//! One table with all peers' paths to all destinations, rejected ones included.
//!
//! A destination is 12 octets here and 16 in the version list, a path 16; both live in arenas that give memory back, and
//! are named by `u32`. Path identifiers stand beside the paths that have one. The hash index answers exact matches; order is made by who asks for it. The best
//! path of a destination stands first in its list of paths, so it needs no field of its own.
//!
//! This module stores; what is best is decided in `rib`, and reference counts of attributes are kept there.

use std::hash::BuildHasher;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use foldhash::quality::FixedState;
use wire::{Family, Prefix};

use crate::arena::{Arena, Beside, Record};
use crate::ids::{AttrId, NextHopId, RejectReason};
use crate::index::{Index, NEAR};

/// Octets of a destination and of its place in the index, which is not always full.
pub(crate) const DEST: usize = size_of::<Dest>() + 12;
/// Octets of a path.
pub(crate) const PATH: usize = size_of::<Kept>();

/// No path, no slot.
pub(crate) const NIL: u32 = u32::MAX;

/// The most destinations that are looked up at once.
pub(crate) const AT_ONCE: usize = 16;

/// Length of a slot that holds no destination.
const FREE: u8 = u8::MAX;

/// A destination: its prefix and the list of its paths.
#[derive(Debug, Clone, Copy)]
struct Dest {
    /// The IPv4 address, or the index of the IPv6 address.
    key: u32,
    /// Prefix length, or `FREE`.
    len: u8,
    family: Family,
    /// First path; the best one if it is eligible.
    paths: u32,
}

/// A path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// Next path of the same destination, or `NIL`.
    pub(crate) next: u32,
    /// Slot of the source in `Sources`, which is not the `PeerId`.
    pub(crate) source: u32,
    pub(crate) attrs: AttrId,
    pub(crate) next_hop: NextHopId,
    /// Path identifier as received; 0 without ADD-PATH.
    pub(crate) path_id: u32,
    /// Why it may not be used, if it may not.
    pub(crate) refusal: Option<RejectReason>,
}

impl Record for Dest {
    fn free(next: u32) -> Dest {
        Dest {
            key: next,
            len: FREE,
            family: Family::Ipv4Unicast,
            paths: NIL,
        }
    }

    fn next_free(&self) -> u32 {
        self.key
    }
}

/// A path as it is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    next: u32,
    attrs: AttrId,
    next_hop: NextHopId,
    /// The source's slot, of 24 bits.
    source: [u8; 3],
    refusal: Option<RejectReason>,
}

impl Kept {
    const fn source(&self) -> u32 {
        let [high, middle, low] = self.source;
        u32::from_be_bytes([0, high, middle, low])
    }
}

impl Record for Kept {
    fn free(next: u32) -> Kept {
        Kept {
            next,
            attrs: AttrId(0),
            next_hop: NextHopId(0),
            source: [0; 3],
            refusal: None,
        }
    }

    fn next_free(&self) -> u32 {
        self.next
    }
}

/// An IPv6 address, or the number of the next free one.
#[derive(Debug, Clone, Copy)]
struct Address(u128);

impl Record for Address {
    fn free(next: u32) -> Address {
        Address(u128::from(next))
    }

    fn next_free(&self) -> u32 {
        self.0 as u32
    }
}

/// Destinations, paths and the index.
#[derive(Debug)]
pub(crate) struct Table {
    index: Index,
    hasher: FixedState,
    dests: Arena<Dest>,
    v6: Arena<Address>,
    paths: Arena<Kept>,
    /// Path identifiers, of the paths that have one.
    ids: Beside<u32>,
    /// Destinations that have a path.
    live: usize,
}

impl Table {
    pub(crate) fn new(seed: u64) -> Table {
        Table {
            index: Index::new(),
            hasher: FixedState::with_seed(seed),
            dests: Arena::new(),
            v6: Arena::new(),
            paths: Arena::new(),
            ids: Beside::new(0),
            live: 0,
        }
    }

    /// Slots of destinations, used and free: what a walk goes over.
    pub(crate) fn slots(&self) -> u32 {
        self.dests.end()
    }

    /// Destinations in use, tombstones included.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Destinations that have a path, if only a rejected one.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Paths, rejected ones included.
    pub(crate) fn path_count(&self) -> usize {
        self.paths.len()
    }

    /// Neighbours of the same length stand together in the index: peers announce them together, mostly. They are too few
    /// to be a way to make hashes that collide.
    fn hash(hasher: &FixedState, (bits, len, family): (u128, u8, Family)) -> u32 {
        let spare = family.max_prefix_len() - len;
        let number = bits.checked_shr(spare.into()).unwrap_or(0);
        let block = number >> NEAR;
        let hash = match family {
            Family::Ipv4Unicast => hasher.hash_one((block as u64) << 8 | u64::from(len)),
            Family::Ipv6Unicast => hasher.hash_one((block, len)),
        };
        (hash >> 32) as u32 ^ (number as u32 & ((1 << NEAR) - 1))
    }

    fn bits(dests: &Arena<Dest>, v6: &Arena<Address>, slot: u32) -> (u128, u8, Family) {
        let dest = dests.get(slot);
        let bits = match dest.family {
            Family::Ipv4Unicast => u128::from(dest.key),
            Family::Ipv6Unicast => v6.get(dest.key).0,
        };
        (bits, dest.len, dest.family)
    }

    fn split(prefix: &Prefix) -> (u128, u8, Family) {
        let bits = match prefix.addr() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        (bits, prefix.prefix_len(), Family::of(prefix))
    }

    /// The slot of a destination.
    pub(crate) fn find(&self, prefix: &Prefix) -> Option<u32> {
        let wanted = Self::split(prefix);
        let same = |slot| Self::bits(&self.dests, &self.v6, slot) == wanted;
        self.index.find(Self::hash(&self.hasher, wanted), same)
    }

    /// The slots of some destinations, new where they were not there.
    ///
    /// Looking a destination up is mostly waiting for memory: what is needed of all of them is asked for before the
    /// first is looked at, so that it is waited for once.
    pub(crate) fn find_or_insert_all(&mut self, prefixes: &[Prefix], slots: &mut [u32]) {
        debug_assert!(prefixes.len() <= AT_ONCE && prefixes.len() <= slots.len());
        let mut keys = [(0, 0, Family::Ipv4Unicast); AT_ONCE];
        let mut hashes = [0; AT_ONCE];
        let mut near = 0;
        for (at, prefix) in prefixes.iter().enumerate() {
            keys[at] = Self::split(prefix);
            hashes[at] = Self::hash(&self.hasher, keys[at]);
            near ^= self.index.touch(hashes[at]);
        }
        black_box(near);
        for (slot, hash) in slots.iter_mut().zip(hashes).take(prefixes.len()) {
            *slot = self.index.guess(hash).unwrap_or(NIL);
            near ^= self.dests.touch(*slot).map_or(0, |dest| dest.paths);
        }
        black_box(near);
        for (at, slot) in slots.iter_mut().enumerate().take(prefixes.len()) {
            if *slot == NIL || Self::bits(&self.dests, &self.v6, *slot) != keys[at] {
                *slot = self.insert(hashes[at], keys[at]);
            }
            near ^= self
                .paths
                .touch(self.first(*slot))
                .map_or(0, |path| path.next);
        }
        black_box(near);
    }

    /// Has all paths of some destinations come near, one of each destination at a time, so that memory is waited for as
    /// often as the longest list is long. `see` is given the attributes of each path, to do the same with them.
    pub(crate) fn touch_paths(&self, slots: Range<u32>, mut see: impl FnMut(AttrId)) {
        let mut places = [NIL; AT_ONCE];
        for (place, slot) in places.iter_mut().zip(slots) {
            *place = self.dests.touch(slot).map_or(NIL, |dest| dest.paths);
        }
        while places != [NIL; AT_ONCE] {
            let paths = places.map(|place| self.paths.touch(place));
            for (place, path) in places.iter_mut().zip(paths) {
                *place = path.map_or(NIL, |path| {
                    see(path.attrs);
                    path.next
                });
            }
        }
    }

    /// The slot of a destination, new if it was not there.
    #[cfg(test)]
    fn find_or_insert(&mut self, prefix: &Prefix) -> u32 {
        let mut slots = [NIL];
        self.find_or_insert_all(&[*prefix], &mut slots);
        slots[0]
    }

    fn insert(&mut self, hash: u32, wanted: (u128, u8, Family)) -> u32 {
        let (bits, len, family) = wanted;
        let same = |slot| Self::bits(&self.dests, &self.v6, slot) == wanted;
        if let Some(slot) = self.index.find(hash, same) {
            return slot;
        }
        let key = match family {
            Family::Ipv4Unicast => u32::try_from(bits).expect("an IPv4 address has 32 bits"),
            Family::Ipv6Unicast => self.v6.insert(Address(bits)),
        };
        let slot = self.dests.insert(Dest {
            key,
            len,
            family,
            paths: NIL,
        });
        self.index.insert(hash, slot);
        slot
    }

    /// Forgets a destination, which must have no path.
    pub(crate) fn remove(&mut self, slot: u32) {
        debug_assert_eq!(self.first(slot), NIL);
        let gone = Self::bits(&self.dests, &self.v6, slot);
        self.index.remove(Self::hash(&self.hasher, gone), slot);
        let dest = self.dests.remove(slot);
        if dest.family == Family::Ipv6Unicast {
            self.v6.remove(dest.key);
        }
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.index.bytes()
            + self.dests.bytes()
            + self.v6.bytes()
            + self.paths.bytes()
            + self.ids.bytes()
    }

    /// Octets of everything in use but destinations themselves.
    pub(crate) fn octets_beside_dests(&self) -> usize {
        self.v6.len() * size_of::<Address>() + self.paths.len() * PATH
    }

    /// Octets of a destination that stand beside it.
    pub(crate) fn octets_beside(&self, slot: u32) -> usize {
        match self.family(slot) {
            Family::Ipv4Unicast => 0,
            Family::Ipv6Unicast => size_of::<Address>(),
        }
    }

    /// True if the slot holds a destination.
    pub(crate) fn is_used(&self, slot: u32) -> bool {
        self.dests.is_there(slot) && self.dests.get(slot).len != FREE
    }

    /// The family of a used slot.
    pub(crate) fn family(&self, slot: u32) -> Family {
        self.dests.get(slot).family
    }

    /// The prefix of a used slot.
    pub(crate) fn prefix(&self, slot: u32) -> Prefix {
        let (bits, len, family) = Self::bits(&self.dests, &self.v6, slot);
        let address = match family {
            Family::Ipv4Unicast => {
                let bits = u32::try_from(bits).expect("an IPv4 address has 32 bits");
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            Family::Ipv6Unicast => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        };
        Prefix::new(address, len).expect("the length came from a prefix of this family")
    }

    /// The first path of a destination, or `NIL`.
    pub(crate) fn first(&self, slot: u32) -> u32 {
        self.dests.get(slot).paths
    }

    /// True if the destination has at most one path.
    pub(crate) fn is_alone(&self, slot: u32) -> bool {
        let first = self.first(slot);
        first == NIL || self.paths.get(first).next == NIL
    }

    /// A path by its index.
    pub(crate) fn path(&self, path: u32) -> Path {
        let kept = self.paths.get(path);
        Path {
            next: kept.next,
            source: kept.source(),
            attrs: kept.attrs,
            next_hop: kept.next_hop,
            path_id: self.ids.get(path),
            refusal: kept.refusal,
        }
    }

    /// All paths of a destination, the best first.
    pub(crate) fn paths(&self, slot: u32) -> Paths<'_> {
        Paths {
            table: self,
            next: self.first(slot),
        }
    }

    /// True if there is a best path.
    pub(crate) fn is_live(&self, slot: u32) -> bool {
        let first = self.first(slot);
        first != NIL && self.paths.get(first).refusal.is_none()
    }

    /// The best path, if there is one.
    pub(crate) fn best(&self, slot: u32) -> Option<(u32, Path)> {
        let first = self.first(slot);
        (first != NIL)
            .then(|| (first, self.path(first)))
            .filter(|(_, path)| path.refusal.is_none())
    }

    /// The path of a source with this identifier, and the one before it in the list, or `NIL`.
    pub(crate) fn find_path(&self, slot: u32, source: u32, path_id: u32) -> Option<(u32, u32)> {
        let mut previous = NIL;
        let mut at = self.first(slot);
        while at != NIL {
            let kept = self.paths.get(at);
            if kept.source() == source && self.ids.get(at) == path_id {
                return Some((previous, at));
            }
            previous = at;
            at = kept.next;
        }
        None
    }

    /// Adds a path behind the first one. Its `next` is not looked at.
    pub(crate) fn add_path(&mut self, slot: u32, path: Path) -> u32 {
        let first = self.first(slot);
        let next = if first == NIL {
            NIL
        } else {
            self.paths.get(first).next
        };
        let [high, source @ ..] = path.source.to_be_bytes();
        debug_assert_eq!(high, 0, "fewer sources than 2^24");
        let index = self.paths.insert(Kept {
            next,
            attrs: path.attrs,
            next_hop: path.next_hop,
            source,
            refusal: path.refusal,
        });
        if path.path_id != 0 {
            self.ids.set(index, path.path_id);
        }
        if first == NIL {
            self.dests.get_mut(slot).paths = index;
            self.live += 1;
        } else {
            self.paths.get_mut(first).next = index;
        }
        index
    }

    /// Takes a path out; `previous` is the one before it in the list, or `NIL`.
    pub(crate) fn remove_path(&mut self, slot: u32, previous: u32, path: u32) -> Path {
        let gone = self.path(path);
        self.set_next(slot, previous, gone.next);
        self.live -= usize::from(self.first(slot) == NIL);
        self.paths.remove(path);
        self.ids.set(path, 0);
        gone
    }

    fn set_next(&mut self, slot: u32, previous: u32, next: u32) {
        if previous == NIL {
            self.dests.get_mut(slot).paths = next;
        } else {
            self.paths.get_mut(previous).next = next;
        }
    }

    /// Gives a path other attributes.
    pub(crate) fn set_attrs(&mut self, path: u32, attrs: AttrId) {
        self.paths.get_mut(path).attrs = attrs;
    }

    /// Gives a path to another slot of its source.
    pub(crate) fn set_source(&mut self, path: u32, source: u32) {
        let [high, source @ ..] = source.to_be_bytes();
        debug_assert_eq!(high, 0, "the sources are numbered in 24 bits");
        self.paths.get_mut(path).source = source;
    }

    /// Puts a path of the destination first.
    pub(crate) fn set_first(&mut self, slot: u32, path: u32) {
        let first = self.first(slot);
        if first == path {
            return;
        }
        let mut previous = first;
        while self.paths.get(previous).next != path {
            previous = self.paths.get(previous).next;
        }
        let next = self.paths.get(path).next;
        self.set_next(slot, previous, next);
        self.paths.get_mut(path).next = first;
        self.dests.get_mut(slot).paths = path;
    }
}

/// The paths of one destination.
#[derive(Clone)]
pub(crate) struct Paths<'a> {
    table: &'a Table,
    next: u32,
}

impl Iterator for Paths<'_> {
    type Item = (u32, Path);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == NIL {
            return None;
        }
        let index = self.next;
        let path = self.table.path(index);
        self.next = path.next;
        Some((index, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    fn path(source: u32) -> Path {
        Path {
            next: NIL,
            source,
            attrs: AttrId(0),
            next_hop: NextHopId(0),
            path_id: 0,
            refusal: None,
        }
    }

    fn sources(table: &Table, slot: u32) -> Vec<u32> {
        table.paths(slot).map(|(_, path)| path.source).collect()
    }

    #[test]
    fn records_stay_small() {
        assert_eq!(size_of::<Dest>(), 12);
        assert_eq!(size_of::<Kept>(), 16);
    }

    #[test]
    fn slots_are_found_and_used_again() {
        let mut table = Table::new(1);
        for text in [
            "10.0.0.0/8",
            "10.0.0.0/16",
            "::/0",
            "0.0.0.0/0",
            "2001:db8::/32",
        ] {
            let slot = table.find_or_insert(&prefix(text));
            assert_eq!(table.find_or_insert(&prefix(text)), slot);
            assert_eq!(table.prefix(slot), prefix(text));
        }
        assert!(table.len() == 5 && table.slots() >= 5);
        let slot = table.find(&prefix("::/0")).unwrap();
        table.remove(slot);
        assert_eq!(table.find(&prefix("::/0")), None);
        assert!(!table.is_used(slot));
        assert_eq!(table.find_or_insert(&prefix("2001:db8::1/128")), slot);
        assert_eq!(table.prefix(slot), prefix("2001:db8::1/128"));
        assert!(table.len() == 5 && table.slots() >= 5);
    }

    #[test]
    fn the_best_path_stands_first() {
        let mut table = Table::new(1);
        let slot = table.find_or_insert(&prefix("10.0.0.0/8"));
        let added: Vec<u32> = (0..4).map(|n| table.add_path(slot, path(n))).collect();
        assert_eq!(sources(&table, slot), [0, 3, 2, 1]);
        table.set_first(slot, added[2]);
        assert_eq!(sources(&table, slot), [2, 0, 3, 1]);
        table.set_first(slot, added[1]);
        table.remove_path(slot, NIL, added[1]);
        table.remove_path(slot, added[2], added[0]);
        assert_eq!(sources(&table, slot), [2, 3]);
        assert_eq!(table.path_count(), 2);
    }
}
