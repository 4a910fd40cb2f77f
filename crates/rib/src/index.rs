//! A hash index from values to the `u32` slots they stand in.
//!
//! Beside each slot stands the hash of its value, so that growing reads no values, and a look-up mostly reads none but
//! the one it is after. The index is cut into parts that grow one by one: none holds more than a small share of the
//! whole, so that no insertion waits for a rehash of everything, and memory never doubles at once.
//!
//! Peers choose what is looked up. The hash must be keyed by a seed that they do not know.

use hashbrown::HashTable;

/// Parts of an index. A part that no value fell into takes no memory.
const PARTS: usize = 64;
/// Bits of the hash below the number of the part: the part takes its positions from them.
const LOW: u32 = 19;

/// A slot and the hash of its value.
#[derive(Debug, Clone, Copy)]
struct Entry {
    slot: u32,
    hash: u32,
}

/// Slots by the hash of their values.
#[derive(Debug)]
pub(crate) struct Index {
    parts: Box<[HashTable<Entry>]>,
    len: usize,
    /// Octets of all parts.
    allocated: usize,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            parts: (0..PARTS).map(|_| HashTable::new()).collect(),
            len: 0,
            allocated: 0,
        }
    }

    /// Slots in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.allocated + size_of_val(&*self.parts)
    }

    /// The slot whose value has this hash and is the same.
    pub(crate) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let part = &self.parts[part_of(hash)];
        let found = part.find(spread(hash), |entry| entry.hash == hash && same(entry.slot));
        found.map(|entry| entry.slot)
    }

    /// Adds a slot whose value is not in the index.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        let part = &mut self.parts[part_of(hash)];
        let before = part.allocation_size();
        part.insert_unique(spread(hash), Entry { slot, hash }, |entry| {
            spread(entry.hash)
        });
        self.len += 1;
        self.allocated = self.allocated - before + part.allocation_size();
    }

    /// Takes a slot out.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let part = &mut self.parts[part_of(hash)];
        let Ok(entry) = part.find_entry(spread(hash), |entry| entry.slot == slot) else {
            return;
        };
        entry.remove();
        self.len -= 1;
        if part.len() < part.capacity() / 8 {
            let before = part.allocation_size();
            part.shrink_to(part.len() * 2, |entry| spread(entry.hash));
            self.allocated = self.allocated - before + part.allocation_size();
        }
    }
}

/// The part is named by bits that neither the position nor, being its top seven, the tag of an entry is taken from.
const fn part_of(hash: u32) -> usize {
    (hash >> LOW) as usize % PARTS
}

/// A part takes the tag of an entry from the top bits and its position from the low ones.
const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: u32) -> u32 {
        value.wrapping_mul(0x9e37_79b9).rotate_left(11)
    }

    #[test]
    fn values_are_found_until_they_are_taken_out() {
        let mut index = Index::new();
        let empty = index.bytes();
        for value in 0..50_000 {
            let same = |slot| slot == value;
            assert_eq!(index.find(hash(value), same), None);
            index.insert(hash(value), value);
            assert_eq!(index.find(hash(value), same), Some(value));
        }
        assert_eq!(index.len(), 50_000);
        assert!(index.bytes() > 50_000 * size_of::<Entry>());
        for value in 0..50_000 {
            index.remove(hash(value), value);
            assert_eq!(index.find(hash(value), |slot| slot == value), None);
        }
        assert_eq!(index.len(), 0);
        assert!(index.bytes() < empty + PARTS * 256, "{}", index.bytes());
    }

    #[test]
    fn values_with_equal_hashes_stay_apart() {
        let mut index = Index::new();
        for value in 0..100 {
            index.insert(7, value);
        }
        index.remove(7, 50);
        assert_eq!(index.find(7, |slot| slot == 50), None);
        assert_eq!(index.find(7, |slot| slot == 51), Some(51));
        assert_eq!(index.len(), 99);
    }

    #[test]
    fn a_part_holds_a_small_share() {
        let mut index = Index::new();
        for value in 0..64_000 {
            index.insert(hash(value), value);
        }
        let largest = index.parts.iter().map(HashTable::len).max();
        assert!(largest < Some(2_000), "{largest:?}");
    }
}
