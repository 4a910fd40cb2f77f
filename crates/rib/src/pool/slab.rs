//! Values behind small ids, in chunks that go back to the allocator when they are empty.
//!
//! A growing `Vec` would copy everything each time it doubles and never give memory back. Ids are reused; who still
//! remembers an id must hold it with a count, which is the caller's affair.

/// Values per chunk: small enough that an idle daemon pays little, large enough that chunks cost nothing.
const CHUNK: usize = 256;

/// A chunked arena of values behind `u32` ids.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Ids that are free, also those of chunks that were given back.
    free: Vec<u32>,
    len: usize,
    /// Chunks that are not given back.
    filled: usize,
}

#[derive(Debug)]
struct Chunk<T> {
    /// Empty while the chunk is given back.
    slots: Vec<Option<T>>,
    live: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Slab {
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
            filled: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Puts a value into a free slot.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| self.grow());
        let (chunk, slot) = place(id);
        let chunk = &mut self.chunks[chunk];
        if chunk.slots.is_empty() {
            chunk.slots.resize_with(CHUNK, || None);
            self.filled += 1;
        }
        chunk.slots[slot] = Some(value);
        chunk.live += 1;
        self.len += 1;
        id
    }

    /// Makes room for one more chunk and returns its first id.
    fn grow(&mut self) -> u32 {
        let first = self.chunks.len() * CHUNK;
        let last = u32::try_from(first + CHUNK - 1).expect("invariant: memory ends before ids do");
        self.chunks.push(Chunk {
            slots: Vec::new(),
            live: 0,
        });
        let first = last + 1 - CHUNK as u32;
        self.free.extend((first + 1..=last).rev());
        first
    }

    pub(super) fn get(&self, id: u32) -> &T {
        let (chunk, slot) = place(id);
        self.chunks[chunk].slots[slot]
            .as_ref()
            .expect("invariant: an id in use has a value")
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut T {
        let (chunk, slot) = place(id);
        self.chunks[chunk].slots[slot]
            .as_mut()
            .expect("invariant: an id in use has a value")
    }

    /// Takes the value out and frees its id.
    pub(super) fn remove(&mut self, id: u32) -> T {
        let (at, slot) = place(id);
        let chunk = &mut self.chunks[at];
        let value = chunk.slots[slot]
            .take()
            .expect("invariant: an id in use has a value");
        chunk.live -= 1;
        if chunk.live == 0 {
            chunk.slots = Vec::new();
            self.filled -= 1;
        }
        self.len -= 1;
        self.free.push(id);
        value
    }

    /// Octets that the slab itself holds; what values own elsewhere is not counted.
    pub(super) fn bytes(&self) -> usize {
        self.filled * CHUNK * size_of::<Option<T>>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

const fn place(id: u32) -> (usize, usize) {
    (id as usize / CHUNK, id as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_dense_and_reused() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..1000).map(|n| slab.insert(n)).collect();
        assert_eq!(ids, (0..1000).collect::<Vec<u32>>());
        assert_eq!(slab.remove(500), 500);
        assert_eq!(slab.len(), 999);
        assert_eq!(slab.insert(7), 500);
        assert_eq!(*slab.get(500), 7);
        *slab.get_mut(500) = 8;
        assert_eq!(slab.remove(500), 8);
    }

    #[test]
    fn empty_chunks_are_given_back_and_can_return() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..4096).map(|n| slab.insert([n; 8])).collect();
        let full = slab.bytes();
        for id in &ids[1..] {
            slab.remove(*id);
        }
        assert!(slab.bytes() < full / 2, "{} of {full}", slab.bytes());
        assert_eq!(*slab.get(ids[0]), [0u64; 8]);
        for n in 0..4096 {
            let id = slab.insert([n; 8]);
            assert_eq!(*slab.get(id), [n; 8]);
            assert_ne!(id, ids[0]);
        }
        assert_eq!(slab.len(), 4097);
    }
}
