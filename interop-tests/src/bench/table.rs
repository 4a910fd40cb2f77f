//! The full table: prefixes and attributes that look like the Internet's, from a seed.
//!
//! Every feeder announces the same prefixes in the same order, by paths of its own. The place of a
//! prefix in the tables of the bench is computed from its octets, without a look-up, so that
//! counting ten million of them costs less than sending them.

use std::net::Ipv4Addr;

use super::book::{ABSENT, Right};
use super::scan::Attributes;
use super::workload::Workload;
use crate::speaker::{AttributeSet, update_v4};
use crate::{LabError, Result};

/// The AS of the daemon.
pub(super) const AS: u32 = 65000;
/// The AS of the first feeder; the others follow.
pub(super) const FEEDER_AS: u32 = 65101;
/// The AS of the first receiver; the others follow.
pub(super) const RECEIVER_AS: u32 = 65201;

/// Thousandths of all prefixes by length: 60 % are /24.
const LENGTHS: [(u8, u64); 9] = [
    (24, 600),
    (23, 100),
    (22, 100),
    (21, 60),
    (20, 50),
    (19, 40),
    (18, 20),
    (17, 14),
    (16, 16),
];

/// Hundredths of all paths by their length as a feeder announces them; the mean is 4.8.
const PATH_LENGTHS: [(usize, u64); 7] =
    [(2, 4), (3, 14), (4, 27), (5, 26), (6, 16), (7, 8), (8, 5)];

/// The exponent of the distribution of prefixes to attribute sets; it makes their mean 5.8.
const SET_EXPONENT: f64 = 1.055;
const LARGEST_SET: usize = 500;

/// First octets that hold special-purpose networks, and that of the bench itself.
const AVOIDED: [u64; 8] = [10, 100, 127, 169, 172, 192, 198, 203];

const SCATTER: u64 = 0x9e37_79b1;
/// The inverse of [`SCATTER`] modulo every power of two up to 2^32.
const GATHER: u64 = inverse(SCATTER);

const fn inverse(odd: u64) -> u64 {
    let mut guess = odd;
    let mut step = 0;
    while step < 6 {
        guess = guess.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(guess)));
        step += 1;
    }
    guess & 0xffff_ffff
}

/// A table of `prefixes` prefixes as `feeders` feeders announce it.
#[derive(Debug)]
pub(super) struct Table {
    /// The prefixes as (length, number within the length), in the order of announcement.
    prefixes: Vec<(u8, u32)>,
    /// Where the set with this number begins in `prefixes`; one more at the end.
    sets: Vec<u32>,
    /// The first slot of each length, and the first that is beyond it.
    bounds: [(usize, usize); 33],
    /// The attribute set of each slot; `u32::MAX` where there is no prefix.
    set_of: Vec<u32>,
    feeders: Vec<Ipv4Addr>,
    server: Ipv4Addr,
    /// Whether paths come with the daemon's AS before them.
    prepended: bool,
}

impl Table {
    /// Draws the table. `prepended` says whether the daemon is a BGP speaker or only forwards.
    pub(super) fn new(
        prefixes: usize,
        feeders: &[Ipv4Addr],
        server: Ipv4Addr,
        prepended: bool,
    ) -> Table {
        let mut table = Table {
            prefixes: Vec::with_capacity(prefixes),
            sets: vec![0],
            bounds: [(0, 0); 33],
            set_of: Vec::new(),
            feeders: feeders.to_vec(),
            server,
            prepended,
        };
        table.draw(prefixes);
        table.index();
        table
    }

    fn draw(&mut self, prefixes: usize) {
        let mut random = Random(1);
        let mut next = [0u32; 33];
        while self.prefixes.len() < prefixes {
            let left = prefixes - self.prefixes.len();
            for _ in 0..random.set_size().min(left) {
                let length = random.pick(&LENGTHS);
                let number = &mut next[usize::from(length)];
                while !is_public(scatter(length, *number), length) {
                    *number += 1;
                }
                self.prefixes.push((length, *number));
                *number += 1;
            }
            self.sets.push(self.prefixes.len() as u32);
        }
        let mut first = 0;
        for (length, _) in LENGTHS {
            let count = next[usize::from(length)] as usize;
            self.bounds[usize::from(length)] = (first, first + count);
            first += count;
        }
        self.set_of = vec![u32::MAX; first];
    }

    fn index(&mut self) {
        for set in 0..self.set_count() {
            for place in self.sets[set]..self.sets[set + 1] {
                let (length, number) = self.prefixes[place as usize];
                let slot = self.bounds[usize::from(length)].0 + number as usize;
                self.set_of[slot] = set as u32;
            }
        }
    }

    /// How many attribute sets each feeder announces.
    pub(super) fn set_count(&self) -> usize {
        self.sets.len() - 1
    }

    /// What a feeder says, ready to be written: one UPDATE a set, then End-of-RIB.
    pub(super) fn stream(&self, feeder: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.set_count() * 90);
        let mut list = Vec::new();
        for set in 0..self.set_count() {
            let path = path(set, feeder);
            let attributes = AttributeSet::mandatory(&path, self.feeders[feeder]);
            let places = self.sets[set] as usize..self.sets[set + 1] as usize;
            list.clear();
            list.extend(self.prefixes[places].iter().map(|(length, number)| {
                let address = scatter(*length, *number) << (32 - length);
                ipnet::Ipv4Net::new_assert(Ipv4Addr::from(address as u32), *length)
            }));
            octets.extend(update_v4(&attributes, &list));
        }
        octets.extend(update_v4(&AttributeSet::default(), &[]));
        octets
    }

    /// What is right in each slot while the feeders for which `is_there` holds are there: a path
    /// of the smallest length. Which of several such is the daemon's choice.
    pub(super) fn want(&self, is_there: impl Fn(usize) -> bool) -> Vec<Right> {
        let right = |set: &u32| {
            let there = (0..self.feeders.len()).filter(|feeder| is_there(*feeder));
            let (mut best, mut right) = (usize::MAX, ABSENT);
            for feeder in there.filter(|_| *set != u32::MAX) {
                let length = path_length(*set as usize, feeder);
                if length < best {
                    (best, right) = (length, 0);
                }
                if length == best {
                    right |= 2 << feeder;
                }
            }
            right
        };
        self.set_of.iter().map(right).collect()
    }
}

impl Workload for Table {
    #[inline]
    fn slot(&self, is_v6: bool, length: u8, address: u64) -> Option<usize> {
        let (first, beyond) = *self.bounds.get(usize::from(length))?;
        if is_v6 || first == beyond {
            return None;
        }
        let slot = first + gather(length, address >> (64 - u32::from(length)));
        (slot < beyond).then_some(slot)
    }

    #[inline]
    fn mark(&self, attributes: &[u8]) -> Option<u8> {
        let feeder = as_path(attributes).take(2).find_map(|asn| {
            let feeder = asn.checked_sub(FEEDER_AS)?;
            (feeder < self.feeders.len() as u32).then_some(feeder)
        })?;
        Some(feeder as u8 + 1)
    }

    fn check(&self, attributes: &[u8], slot: usize, mark: u8) -> Result<()> {
        let (set, feeder) = (self.set_of[slot] as usize, usize::from(mark - 1));
        let own = self.prepended.then_some(AS);
        let expected: Vec<u32> = own.into_iter().chain(path(set, feeder)).collect();
        let got: Vec<u32> = as_path(attributes).collect();
        if got != expected {
            return Err(LabError::new(format!("AS_PATH {got:?}, not {expected:?}")));
        }
        // A next hop on the shared network may stay, RFC 4271 section 5.1.3.
        let allowed = [self.server.octets(), self.feeders[feeder].octets()];
        let next_hop = Attributes::find(attributes, 3).unwrap_or_default();
        if !allowed.iter().any(|one| one == next_hop) {
            return Err(LabError::new(format!("next hop {next_hop:?} of {set}")));
        }
        match Attributes::find(attributes, 1) {
            Some([0]) => Ok(()),
            other => Err(LabError::new(format!("ORIGIN {other:?}"))),
        }
    }
}

/// The AS numbers of an AS_PATH of one sequence.
fn as_path(attributes: &[u8]) -> impl Iterator<Item = u32> {
    let value = Attributes::find(attributes, 2).unwrap_or_default();
    let (numbers, _) = value.get(2..).unwrap_or_default().as_chunks::<4>();
    numbers.iter().map(|octets| u32::from_be_bytes(*octets))
}

/// The prefix number `number` of a length, as a number of that many bits. Eight neighbours follow
/// one another, then it jumps.
fn scatter(length: u8, number: u32) -> u64 {
    let mask = (1 << (length - 3)) - 1;
    let run = (u64::from(number) >> 3).wrapping_mul(SCATTER) & mask;
    run << 3 | u64::from(number) & 7
}

/// The inverse of [`scatter`].
#[inline]
fn gather(length: u8, bits: u64) -> usize {
    let mask = (1 << (length - 3)) - 1;
    let run = (bits >> 3).wrapping_mul(GATHER) & mask;
    (run << 3 | bits & 7) as usize
}

fn is_public(bits: u64, length: u8) -> bool {
    let octet = bits >> (length - 8);
    (1..224).contains(&octet) && !AVOIDED.contains(&octet)
}

fn path_length(set: usize, feeder: usize) -> usize {
    Random::of(set, feeder).pick(&PATH_LENGTHS)
}

/// The path by which `feeder` announces the set: its own AS, others, and an origin that all
/// feeders agree about.
fn path(set: usize, feeder: usize) -> Vec<u32> {
    let mut random = Random::of(set, feeder);
    let length = random.pick(&PATH_LENGTHS);
    let mut path = vec![FEEDER_AS + feeder as u32];
    path.extend((2..length).map(|_| random.asn()));
    path.push(Random::of(set, usize::MAX).asn());
    path
}

/// splitmix64: the same numbers everywhere, from a seed.
struct Random(u64);

impl Random {
    fn of(set: usize, feeder: usize) -> Random {
        let mut random = Random((set as u64) << 20 ^ feeder as u64);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One of the values, as often as its weight says.
    fn pick<T: Copy>(&mut self, weighted: &[(T, u64)]) -> T {
        let total: u64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut left = self.next() % total;
        for (value, weight) in weighted {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        weighted[0].0
    }

    fn set_size(&mut self) -> usize {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (unit.max(1e-9).powf(-1.0 / SET_EXPONENT) as usize).min(LARGEST_SET)
    }

    /// A public AS number; every fifth needs four octets.
    fn asn(&mut self) -> u32 {
        let drawn = self.next();
        let high = (drawn >> 32) as u32;
        match drawn % 5 {
            0 => 131_072 + high % 270_000,
            _ => 24_000 + high % 40_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::{HEADER, Prefixes, Update, head};
    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 1);

    fn table(prefixes: usize, feeders: u8) -> Table {
        let feeders: Vec<_> = (1..=feeders)
            .map(|host| Ipv4Addr::new(10, 9, 0, host))
            .collect();
        Table::new(prefixes, &feeders, SERVER, false)
    }

    fn updates(stream: &[u8], mut each: impl FnMut(Update<'_>)) {
        let mut rest = stream;
        while let Some((length, _)) = head(rest).unwrap() {
            each(Update::split(&rest[HEADER..length]).unwrap());
            rest = &rest[length..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn every_prefix_comes_once_and_finds_its_slot() {
        let table = table(30_000, 1);
        let mut seen = vec![false; table.set_of.len()];
        updates(&table.stream(0), |update| {
            let Some(mark) = table.mark(update.attributes) else {
                assert!(update.announced.is_empty(), "only End-of-RIB has no path");
                return;
            };
            for (length, address) in Prefixes(update.announced) {
                let slot = table.slot(false, length, address).unwrap();
                assert!(!std::mem::replace(&mut seen[slot], true));
                table.check(update.attributes, slot, mark).unwrap();
            }
        });
        assert_eq!(seen.iter().filter(|one| **one).count(), 30_000);
    }

    #[test]
    fn attributes_of_another_route_are_noticed() {
        let table = table(1000, 2);
        let mut last = Vec::new();
        updates(&table.stream(1), |update| {
            for (length, address) in Prefixes(update.announced) {
                let slot = table.slot(false, length, address).unwrap();
                table.check(update.attributes, slot, 2).unwrap();
                assert!(table.check(update.attributes, slot, 1).is_err(), "feeder");
                if !last.is_empty() {
                    assert!(table.check(&last, slot, 2).is_err(), "set");
                }
            }
            last = update.attributes.to_vec();
        });
        assert!(last.is_empty(), "End-of-RIB comes last");
    }

    #[test]
    fn the_table_has_the_shape_of_the_internets() {
        let table = table(1_000_000, 1);
        let sets = table.set_count();
        assert!((165_000..180_000).contains(&sets), "{sets}");
        let hops: usize = (0..sets).map(|set| path_length(set, 0)).sum();
        let mean = hops as f64 / sets as f64;
        assert!((4.7..4.9).contains(&mean), "{mean}");
        let of_24 = table.prefixes.iter().filter(|(length, _)| *length == 24);
        let share = of_24.count() as f64 / 1e6;
        assert!((0.59..0.61).contains(&share), "{share}");
    }

    #[test]
    fn only_the_shortest_paths_are_right() {
        let table = table(2000, 4);
        let all = table.want(|_| true);
        let without = table.want(|feeder| feeder != 2);
        assert!(all.contains(&(2 << 2)), "feeder 2 alone");
        assert!(without.iter().all(|right| right >> 3 & 1 == 0));
        assert!(table.want(|_| false).iter().all(|right| *right == ABSENT));
    }
}
