//! Records behind `u32` slots, in chunks that go back to the allocator when they are empty.
//!
//! A growing `Vec` copies everything each time it doubles and never gives memory back. Slots never move, and a new
//! record takes the lowest chunk that has room, so that the chunks behind it empty themselves.
//!
//! [`Arena`] gives slots out. [`Beside`] keeps something for each slot of somebody else's arena.

/// Slots of a chunk: small enough that an idle daemon pays little.
const CHUNK: usize = 1024;
const SHIFT: u32 = CHUNK.trailing_zeros();
/// No slot.
const NIL: u32 = u32::MAX;

/// A record that can hold the number of another slot while it is free.
pub(crate) trait Record: Copy {
    /// A free record; `next`: another free slot of the same chunk, or `u32::MAX`.
    fn free(next: u32) -> Self;
    /// What [`Record::free`] was given.
    fn next_free(&self) -> u32;
}

#[derive(Debug)]
struct Chunk<T> {
    /// Empty while the chunk is given back.
    slots: Vec<T>,
    /// The first free slot, or `NIL`.
    free: u32,
    live: u32,
}

/// Slots, given out and taken back.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    chunks: Vec<Chunk<T>>,
    /// No chunk before this one has room.
    first: usize,
    len: usize,
    /// Chunks that are not given back.
    filled: usize,
}

impl<T: Record> Arena<T> {
    pub(crate) const fn new() -> Arena<T> {
        Arena {
            chunks: Vec::new(),
            first: 0,
            len: 0,
            filled: 0,
        }
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All slots in use are below this one.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK).expect("invariant: memory ends before slots do")
    }

    /// True if records can be read there; a free one may be.
    pub(crate) fn is_there(&self, slot: u32) -> bool {
        let chunk = self.chunks.get((slot >> SHIFT) as usize);
        chunk.is_some_and(|chunk| !chunk.slots.is_empty())
    }

    /// Puts a record into a free slot.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        while self.chunks.get(self.first).is_some_and(Chunk::is_full) {
            self.first += 1;
        }
        let base = u32::try_from(self.first << SHIFT);
        let base = base.expect("invariant: memory ends before slots do");
        if self.first == self.chunks.len() {
            self.chunks.push(Chunk {
                slots: Vec::new(),
                free: NIL,
                live: 0,
            });
        }
        let chunk = &mut self.chunks[self.first];
        if chunk.slots.is_empty() {
            chunk.fill(base);
            self.filled += 1;
        }
        let slot = chunk.free;
        let place = &mut chunk.slots[slot as usize % CHUNK];
        chunk.free = place.next_free();
        *place = value;
        chunk.live += 1;
        self.len += 1;
        slot
    }

    /// Takes a record out. The slot is given out again some time.
    pub(crate) fn remove(&mut self, slot: u32) -> T {
        let index = (slot >> SHIFT) as usize;
        let chunk = &mut self.chunks[index];
        let free = T::free(chunk.free);
        let gone = std::mem::replace(&mut chunk.slots[slot as usize % CHUNK], free);
        chunk.free = slot;
        chunk.live -= 1;
        self.len -= 1;
        self.first = self.first.min(index);
        if chunk.live == 0 {
            chunk.slots = Vec::new();
            self.filled -= 1;
            while self.chunks.last().is_some_and(|last| last.live == 0) {
                self.chunks.pop();
            }
            self.first = self.first.min(self.chunks.len());
            if self.chunks.capacity() > 4 * self.chunks.len() + 64 {
                self.chunks.shrink_to(2 * self.chunks.len());
            }
        }
        gone
    }

    /// The record in a slot, if there is such a slot: to have its memory come near.
    pub(crate) fn touch(&self, slot: u32) -> Option<&T> {
        let chunk = self.chunks.get((slot >> SHIFT) as usize)?;
        chunk.slots.get(slot as usize % CHUNK)
    }

    pub(crate) fn get(&self, slot: u32) -> &T {
        &self.chunks[(slot >> SHIFT) as usize].slots[slot as usize % CHUNK]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.chunks[(slot >> SHIFT) as usize].slots[slot as usize % CHUNK]
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.filled * CHUNK * size_of::<T>() + self.chunks.capacity() * size_of::<Chunk<T>>()
    }
}

impl<T: Record> Chunk<T> {
    fn is_full(&self) -> bool {
        self.free == NIL && !self.slots.is_empty()
    }

    /// Makes the slots, linked in their order.
    fn fill(&mut self, base: u32) {
        self.slots.reserve_exact(CHUNK);
        let numbers = base..base + CHUNK as u32;
        self.slots.extend(numbers.map(|slot| T::free(slot + 1)));
        if let Some(last) = self.slots.last_mut() {
            *last = T::free(NIL);
        }
        self.free = base;
    }
}

/// Something for slots of an arena; nothing, the default, costs nothing where a whole chunk has nothing.
#[derive(Debug)]
pub(crate) struct Beside<T> {
    chunks: Vec<(Vec<T>, u32)>,
    /// Chunks that are not given back.
    filled: usize,
    nothing: T,
}

impl<T: Copy + PartialEq> Beside<T> {
    pub(crate) const fn new(nothing: T) -> Beside<T> {
        Beside {
            chunks: Vec::new(),
            filled: 0,
            nothing,
        }
    }

    /// What is kept for a slot.
    pub(crate) fn get(&self, slot: u32) -> T {
        let chunk = self.chunks.get((slot >> SHIFT) as usize);
        let kept = chunk.and_then(|(kept, _)| kept.get(slot as usize % CHUNK));
        kept.copied().unwrap_or(self.nothing)
    }

    /// What is kept for a slot for which something is, to be changed into something else that is not nothing.
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.chunks[(slot >> SHIFT) as usize].0[slot as usize % CHUNK]
    }

    /// Keeps something, or nothing, for a slot. Gives what it was.
    pub(crate) fn set(&mut self, slot: u32, new: T) -> T {
        let index = (slot >> SHIFT) as usize;
        let old = self.get(slot);
        if old == self.nothing {
            if new == self.nothing {
                return old;
            }
            if index >= self.chunks.len() {
                self.chunks.resize_with(index + 1, || (Vec::new(), 0));
            }
            let (kept, live) = &mut self.chunks[index];
            if kept.is_empty() {
                kept.reserve_exact(CHUNK);
                kept.resize(CHUNK, self.nothing);
                self.filled += 1;
            }
            *live += 1;
        }
        let (kept, live) = &mut self.chunks[index];
        kept[slot as usize % CHUNK] = new;
        if new == self.nothing {
            *live -= 1;
            if *live == 0 {
                *kept = Vec::new();
                self.filled -= 1;
                self.trim();
            }
        }
        old
    }

    fn trim(&mut self) {
        while self.chunks.last().is_some_and(|(_, live)| *live == 0) {
            self.chunks.pop();
        }
        if self.chunks.capacity() > 4 * self.chunks.len() + 64 {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }

    /// Octets of memory in use.
    pub(crate) fn bytes(&self) -> usize {
        self.filled * CHUNK * size_of::<T>() + self.chunks.capacity() * size_of::<(Vec<T>, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Record for u64 {
        fn free(next: u32) -> u64 {
            u64::from(next)
        }

        fn next_free(&self) -> u32 {
            u32::try_from(*self).unwrap()
        }
    }

    #[test]
    fn slots_keep_their_records_and_are_used_again_from_the_front() {
        let mut arena: Arena<u64> = Arena::new();
        let slots: Vec<u32> = (0..5000).map(|n| arena.insert(n + (1 << 40))).collect();
        assert!(
            slots
                .iter()
                .enumerate()
                .all(|(n, slot)| *slot as usize == n)
        );
        for slot in slots.iter().filter(|slot| *slot % 3 != 0) {
            assert_eq!(arena.remove(*slot), u64::from(*slot) + (1 << 40));
        }
        for slot in slots.iter().filter(|slot| *slot % 3 == 0) {
            assert_eq!(*arena.get(*slot), u64::from(*slot) + (1 << 40));
        }
        assert_eq!(arena.len(), 1667);
        let again: Vec<u32> = (0..100).map(|n| arena.insert(n)).collect();
        assert!(again.iter().all(|slot| *slot < CHUNK as u32), "{again:?}");
    }

    #[test]
    fn memory_goes_back_in_whatever_order_records_go() {
        for step in [1, 7, 4999] {
            let mut arena: Arena<u64> = Arena::new();
            let mut beside: Beside<u32> = Beside::new(0);
            for n in 0..5000 {
                let slot = arena.insert(n);
                beside.set(slot, slot + 1);
            }
            assert!(arena.bytes() >= 40_000 && beside.bytes() >= 20_000);
            for n in 0..5000_u32 {
                let slot = n * step % 5000;
                arena.remove(slot);
                assert_eq!(beside.set(slot, 0), slot + 1);
            }
            assert_eq!((arena.len(), arena.end()), (0, 0));
            assert!(arena.bytes() + beside.bytes() < 8000, "step {step}");
            assert_eq!(arena.insert(1), 0);
        }
    }

    #[test]
    fn what_is_not_kept_is_nothing() {
        let mut beside: Beside<u32> = Beside::new(9);
        assert_eq!(beside.get(1 << 20), 9);
        assert_eq!(beside.set(70_000, 9), 9);
        assert_eq!(beside.bytes(), 0);
        assert_eq!(beside.set(70_000, 5), 9);
        *beside.get_mut(70_000) += 1;
        assert_eq!((beside.get(70_000), beside.get(69_999)), (6, 9));
    }
}
