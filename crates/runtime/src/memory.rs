//! Memory that is no longer used goes back to the system.
//!
//! The table gives its chunks back to the allocator when they are empty. An allocator keeps what it was given until it
//! is used again, which after the loss of a large peer may be never: so it is told when much of the table went.

/// What is worth telling the allocator, in octets.
const WORTH: usize = 4 << 20;

/// Makes the allocator give freed memory back to the system.
pub type GiveBack = fn();

/// Watches what the table takes.
#[derive(Debug)]
pub(crate) struct Memory {
    give_back: Option<GiveBack>,
    /// The most since memory was last given back.
    most: usize,
}

impl Memory {
    pub(crate) const fn new(give_back: Option<GiveBack>) -> Memory {
        Memory { give_back, most: 0 }
    }

    /// Tells what the table takes now that there is nothing else to do.
    pub(crate) fn note(&mut self, now: usize) {
        self.most = self.most.max(now);
        let freed = self.most - now;
        if freed >= WORTH && freed >= self.most / 8 {
            self.most = now;
            if let Some(give_back) = self.give_back {
                give_back();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static TIMES: AtomicU32 = AtomicU32::new(0);

    #[test]
    fn the_allocator_is_told_when_much_went_and_once() {
        let mut memory = Memory::new(Some(|| {
            TIMES.fetch_add(1, Ordering::Relaxed);
        }));
        let mut times = |now: usize| {
            memory.note(now << 20);
            TIMES.load(Ordering::Relaxed)
        };
        assert_eq!([3, 100, 99, 90].map(&mut times), [0; 4]);
        assert_eq!([80, 80, 79].map(&mut times), [1; 3]);
        assert_eq!([1, 0, 5, 2].map(&mut times), [2; 4]);
    }
}
