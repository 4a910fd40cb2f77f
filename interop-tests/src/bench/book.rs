//! Who has to know what, and what each receiver knows.
//!
//! Every prefix of a case has a slot. A receiver keeps one *mark* a slot: 0 while it has no route,
//! else a number below 16 that says which of the possible routes it has. What is right is kept
//! once for all receivers, as the set of marks that are acceptable. Both change all the time; how
//! many slots of a receiver are wrong is counted along, so that "complete" is one comparison.

use std::ops::Range;

/// The acceptable marks of a slot: bit `m` is set if mark `m` is right.
pub(super) type Right = u16;

/// The slot must be empty.
pub(super) const ABSENT: Right = 1;

/// What one receiver has.
#[derive(Debug)]
pub(super) struct Book {
    have: Vec<u8>,
    /// Its own prefixes, which nobody has to tell it.
    own: Vec<Range<usize>>,
    wrong: usize,
}

/// Whether a receiver with `mark` has what it should.
pub(super) fn is_right(right: Right, mark: u8) -> bool {
    right >> mark & 1 == 1
}

impl Book {
    /// An empty book of a receiver whose own slots are `own`.
    pub(super) fn new(want: &[Right], own: Vec<Range<usize>>) -> Book {
        let mut book = Book {
            have: vec![0; want.len()],
            own,
            wrong: 0,
        };
        book.recount(want);
        book
    }

    /// How many slots are wrong.
    pub(super) fn wrong(&self) -> usize {
        self.wrong
    }

    /// Whether it has everything right.
    pub(super) fn is_complete(&self) -> bool {
        self.wrong == 0
    }

    /// Notes what came for `slot`; `true` if that made a wrong slot right.
    #[inline]
    pub(super) fn note(&mut self, slot: usize, mark: u8, right: Right) -> bool {
        let had = std::mem::replace(&mut self.have[slot], mark);
        let (before, now) = (is_right(right, had), is_right(right, mark));
        if before != now && !self.owns(slot) {
            self.wrong = self.wrong + usize::from(before) - usize::from(now);
            return now;
        }
        false
    }

    /// What is right for `slot` has changed from `before` to `now`.
    pub(super) fn change(&mut self, slot: usize, before: Right, now: Right) {
        let mark = self.have[slot];
        if !self.owns(slot) {
            self.wrong += usize::from(is_right(before, mark));
            self.wrong -= usize::from(is_right(now, mark));
        }
    }

    /// Counts anew, after many changes at once.
    pub(super) fn recount(&mut self, want: &[Right]) {
        let wrong =
            |(slot, right): (usize, &Right)| !is_right(*right, self.have[slot]) && !self.owns(slot);
        self.wrong = want.iter().enumerate().filter(|one| wrong(*one)).count();
    }

    fn owns(&self, slot: usize) -> bool {
        self.own.iter().any(|own| own.contains(&slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_follows_both_sides() {
        let mut want = vec![0b10, 0b110, ABSENT];
        let mut book = Book::new(&want, std::iter::once(0..1).collect());
        assert_eq!(book.wrong(), 1, "its own slot does not count");
        assert!(book.note(1, 2, want[1]));
        assert!(book.is_complete());
        assert!(!book.note(2, 1, want[2]));
        book.change(1, want[1], 0b10);
        want[1] = 0b10;
        assert_eq!(book.wrong(), 2);
        book.note(0, 5, want[0]);
        book.recount(&want);
        assert_eq!(book.wrong(), 2);
        book.note(1, 1, want[1]);
        book.note(2, 0, want[2]);
        assert!(book.is_complete());
    }
}
