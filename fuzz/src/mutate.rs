//! Changed inputs, the same ones for the same seed.

/// Numbers that look like chance (xorshift64*).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        match end {
            0 => 0,
            end => usize::try_from(self.roll() >> 16).unwrap_or_default() % end,
        }
    }

    fn octet(&mut self) -> u8 {
        self.roll().to_be_bytes()[0]
    }
}

/// Values at the borders of fields.
const EDGES: [u8; 12] = [0, 1, 2, 3, 4, 15, 16, 32, 127, 128, 254, 255];

/// Inputs are no longer than this.
const LONGEST: usize = 8192;

/// Changes inputs of a corpus.
#[derive(Debug)]
pub struct Mutator {
    dice: Dice,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// Of these inputs, from this seed on.
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Mutator {
        Mutator {
            dice: Dice::new(seed),
            corpus,
        }
    }

    fn pick(&mut self) -> Vec<u8> {
        let at = self.dice.below(self.corpus.len());
        self.corpus.get(at).cloned().unwrap_or_default()
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..1 + self.dice.below(5) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let len = input.len();
        let at = self.dice.below(len);
        let kind = self.dice.below(10);
        if len == 0 || kind == 0 {
            let octet = self.dice.octet();
            return input.insert(at.min(len), octet);
        }
        match kind {
            1 => drop(input.remove(at)),
            2 => input[at] ^= 1 << self.dice.below(8),
            3 => input[at] = self.dice.octet(),
            4 => input[at] = EDGES[self.dice.below(EDGES.len())],
            5 => input[at] = input[at].wrapping_add(1),
            6 => input[at] = input[at].wrapping_sub(1),
            7 => input.truncate(at),
            8 => {
                // A piece once more, somewhere.
                let piece = input[at..len.min(at + 1 + self.dice.below(24))].to_vec();
                let to = self.dice.below(len);
                input.splice(to..to, piece);
            }
            _ => {
                // The head of one, the tail of another.
                let other = self.pick();
                let from = self.dice.below(other.len());
                input.truncate(at);
                input.extend(&other[from..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_all() {
        let corpus = vec![vec![1, 2, 3, 4], vec![9; 40]];
        let mut one = Mutator::new(7, corpus.clone());
        let mut two = Mutator::new(7, corpus.clone());
        let mut other = Mutator::new(8, corpus);
        let inputs: Vec<Vec<u8>> = (0..50).map(|_| one.input()).collect();
        assert_eq!(inputs, (0..50).map(|_| two.input()).collect::<Vec<_>>());
        assert_ne!(inputs, (0..50).map(|_| other.input()).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_corpus_is_no_fault() {
        let mut mutator = Mutator::new(1, Vec::new());
        let longest = (0..100).map(|_| mutator.input().len()).max();
        assert!(longest.is_some_and(|longest| longest > 0));
    }
}
