//! A hash index from values to the `u32` slots they stand in.
//!
//! It is made of cache lines of eight entries, a slot and the hash of its value each, so that a look-up reads one line
//! of the index, mostly, and no value but the one it is after. A full line overflows into the next one. Lines are in
//! the order of their hashes: growing copies them one behind the other and reads no values, and growing by half is
//! cheap enough to leave little room unused.
//!
//! The index is cut into parts that grow one by one, so that no insertion waits for a copy of everything. Lines stand in
//! small chunks, and a part that grows gives each back as soon as it is copied, so that growing takes no memory of its
//! own.
//!
//! Most of a look-up is waiting for memory. Who has several to make calls [`Index::touch`] for all of them first.
//!
//! Peers choose what is looked up. The hash must be keyed by a seed that they do not know.

/// Parts of an index. A part that no value fell into takes no memory.
const PARTS: usize = 64;
/// Bits of the hash below the number of the part. Values whose hashes differ in these only stand together.
pub(crate) const NEAR: u32 = 2;
/// Entries of a line.
const WIDTH: usize = 8;
/// Lines of a chunk.
const CHUNK: usize = 16;
/// No slot.
const NIL: u32 = u32::MAX;

/// Eight entries, those in use first.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    hashes: [u32; WIDTH],
    slots: [u32; WIDTH],
}

impl Line {
    const EMPTY: Line = Line {
        hashes: [0; WIDTH],
        slots: [NIL; WIDTH],
    };

    fn is_full(&self) -> bool {
        self.slots[WIDTH - 1] != NIL
    }

    fn len(&self) -> usize {
        self.slots.iter().filter(|slot| **slot != NIL).count()
    }

    fn put(&mut self, at: usize, hash: u32, slot: u32) {
        self.hashes[at] = hash;
        self.slots[at] = slot;
    }

    /// Adds an entry. There must be room.
    fn add(&mut self, hash: u32, slot: u32) {
        self.put(self.len(), hash, slot);
    }

    /// Takes an entry out; the last one takes its place.
    fn take(&mut self, at: usize) {
        let last = self.len() - 1;
        self.hashes[at] = self.hashes[last];
        self.slots[at] = self.slots[last];
        self.slots[last] = NIL;
    }

    /// Bits of the entries with this hash; of entries not in use, perhaps.
    fn matches(&self, hash: u32) -> u32 {
        let mut bits = 0;
        for (at, other) in self.hashes.iter().enumerate() {
            bits |= u32::from(*other == hash) << at;
        }
        bits
    }
}

/// The entries whose hashes name this part.
#[derive(Debug, Default)]
struct Part {
    #[expect(clippy::vec_box, reason = "each is given back by itself")]
    chunks: Vec<Box<[Line; CHUNK]>>,
    /// Lines in use; a multiple of what a chunk holds.
    lines: usize,
    len: usize,
}

/// Slots by the hash of their values.
#[derive(Debug)]
pub(crate) struct Index {
    parts: Box<[Part]>,
    len: usize,
    /// Lines of all parts.
    lines: usize,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            parts: (0..PARTS).map(|_| Part::default()).collect(),
            len: 0,
            lines: 0,
        }
    }

    /// Slots in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.lines * size_of::<Line>() + size_of_val(&*self.parts)
    }

    /// Has the memory of a look-up come near. What it gives means nothing, but must be used for that to happen.
    pub(crate) fn touch(&self, hash: u32) -> u32 {
        let part = &self.parts[part_of(hash)];
        part.line(part.home(hash)).map_or(0, |line| line.hashes[0])
    }

    /// A slot whose value has this hash, which may be another value.
    pub(crate) fn guess(&self, hash: u32) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// The slot whose value has this hash and is the same.
    pub(crate) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let part = &self.parts[part_of(hash)];
        let (line, at) = part.find(hash, same)?;
        part.line(line).map(|line| line.slots[at])
    }

    /// Adds a slot whose value is not in the index.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        let part = &mut self.parts[part_of(hash)];
        // Three quarters full at most.
        if (part.len + 1) * 4 > part.lines * WIDTH * 3 {
            let before = part.lines;
            part.resize(before + before / 2 + 1);
            self.lines = self.lines - before + part.lines;
        }
        part.insert(hash, slot);
        self.len += 1;
    }

    /// Takes a slot out.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let part = &mut self.parts[part_of(hash)];
        let Some((line, at)) = part.find(hash, |other| other == slot) else {
            return;
        };
        part.remove(line, at);
        self.len -= 1;
        let before = part.lines;
        if part.len * 4 < before * WIDTH && (before > CHUNK || part.len == 0) {
            part.resize(part.len.div_ceil(WIDTH / 2));
            self.lines = self.lines - before + part.lines;
        }
    }
}

impl Part {
    fn line(&self, line: usize) -> Option<&Line> {
        let chunk = self.chunks.get(line / CHUNK)?;
        Some(&chunk[line % CHUNK])
    }

    fn line_mut(&mut self, line: usize) -> &mut Line {
        &mut self.chunks[line / CHUNK][line % CHUNK]
    }

    /// The line that an entry stands in if there is room: in the order of hashes.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.lines as u64) >> 32) as usize
    }

    fn next(&self, line: usize) -> usize {
        if line + 1 == self.lines { 0 } else { line + 1 }
    }

    /// Lines from one to another, forwards and round the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.lines - from
        }
    }

    fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        let mut at = self.home(hash);
        loop {
            let line = self.line(at)?;
            let mut bits = line.matches(hash);
            while bits != 0 {
                let entry = bits.trailing_zeros() as usize;
                let slot = line.slots[entry];
                if slot != NIL && same(slot) {
                    return Some((at, entry));
                }
                bits &= bits - 1;
            }
            if !line.is_full() {
                return None;
            }
            at = self.next(at);
        }
    }

    /// Adds an entry and gives its line. There must be a line with room.
    fn insert(&mut self, hash: u32, slot: u32) -> usize {
        let mut at = self.home(hash);
        loop {
            // Only a part that is being copied has lines in use that are not there yet.
            while self.chunks.len() <= at / CHUNK {
                self.chunks.push(Box::new([Line::EMPTY; CHUNK]));
            }
            if !self.line_mut(at).is_full() {
                break;
            }
            at = self.next(at);
        }
        self.line_mut(at).add(hash, slot);
        self.len += 1;
        at
    }

    /// Takes an entry out, and has entries that overflowed follow, so that a look-up can still stop at a line with room.
    fn remove(&mut self, line: usize, at: usize) {
        self.len -= 1;
        let mut hole = line;
        let mut was_full = self.line_mut(hole).is_full();
        self.line_mut(hole).take(at);
        let mut from = self.next(hole);
        while was_full && from != hole {
            let line = *self.line_mut(from);
            let gap = self.distance(hole, from);
            let fits = |at: &usize| {
                let home = self.home(line.hashes[*at]);
                self.distance(home, from) >= gap
            };
            let found = (0..line.len()).find(fits);
            if let Some(at) = found {
                self.line_mut(hole).add(line.hashes[at], line.slots[at]);
                self.line_mut(from).take(at);
                hole = from;
            }
            was_full = line.is_full();
            from = self.next(from);
        }
    }

    /// Takes at least so many lines. Entries come in the order of their hashes, mostly, so that most of them go behind
    /// the one before; those that went round the end wait for their turn.
    fn resize(&mut self, lines: usize) {
        let old = std::mem::take(&mut self.chunks);
        let half = old.len() / 2;
        self.lines = lines.next_multiple_of(CHUNK);
        self.len = 0;
        let mut round_the_end = Vec::new();
        for (number, chunk) in old.into_iter().enumerate() {
            let (mut last, mut free) = (usize::MAX, 0);
            for line in &*chunk {
                for at in 0..line.len() {
                    let (hash, slot) = (line.hashes[at], line.slots[at]);
                    let home = self.home(hash);
                    if home == last && free < WIDTH {
                        self.line_mut(home).put(free, hash, slot);
                        self.len += 1;
                        free += 1;
                    } else if number < half && home > self.lines / 4 * 3 {
                        round_the_end.push((hash, slot));
                    } else {
                        last = self.insert(hash, slot);
                        free = self.line_mut(last).len();
                    }
                }
            }
        }
        for (hash, slot) in round_the_end {
            self.insert(hash, slot);
        }
        while self.chunks.len() < self.lines / CHUNK {
            self.chunks.push(Box::new([Line::EMPTY; CHUNK]));
        }
    }
}

const fn part_of(hash: u32) -> usize {
    (hash >> NEAR) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
        let entry = index.bytes() / 50_000;
        assert!((10..=17).contains(&entry), "{entry} octets each");
        for value in 0..50_000 {
            index.remove(hash(value), value);
            assert_eq!(index.find(hash(value), |slot| slot == value), None);
        }
        assert_eq!((index.len(), index.bytes()), (0, empty));
    }

    #[test]
    fn values_with_equal_hashes_stay_apart() {
        let mut index = Index::new();
        for hash in [7, u32::MAX] {
            for value in 0..100 {
                index.insert(hash, value);
            }
            index.remove(hash, 50);
            assert_eq!(index.find(hash, |slot| slot == 50), None);
            assert_eq!(index.find(hash, |slot| slot == 51), Some(51));
            assert!(index.guess(hash).is_some());
        }
        assert_eq!(index.len(), 198);
    }

    #[test]
    fn a_part_holds_a_small_share() {
        let mut index = Index::new();
        for value in 0..64_000 {
            index.insert(hash(value), value);
        }
        let largest = index.parts.iter().map(|part| part.len).max();
        assert!(largest < Some(2_000), "{largest:?}");
    }

    /// Few hashes, which overflow their lines and go round the end, in every order of coming and going.
    #[test]
    fn what_overflows_is_found_again() {
        for seed in 1..200_u32 {
            let mut dice = seed.wrapping_mul(0x2545_f491) | 1;
            let mut roll = |sides: u32| {
                dice ^= dice << 13;
                dice ^= dice >> 17;
                dice ^= dice << 5;
                dice % sides
            };
            let mut index = Index::new();
            let mut model = BTreeSet::new();
            let base = [0, u32::MAX << 12, 1 << 31][seed as usize % 3];
            for step in 0..600 {
                let value = roll(120);
                let hash = base + ((value % 16) << 8);
                let is_there = model.contains(&value);
                assert_eq!(
                    index.find(hash, |slot| slot == value).is_some(),
                    is_there,
                    "seed {seed}, step {step}"
                );
                if is_there {
                    model.remove(&value);
                    index.remove(hash, value);
                } else {
                    model.insert(value);
                    index.insert(hash, value);
                }
                assert_eq!(index.len(), model.len());
            }
        }
    }
}
