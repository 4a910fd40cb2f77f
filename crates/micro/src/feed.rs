//! What peers announce: the same octets for the same numbers, on every machine and in every run.
//!
//! The shape is that of a full table of the Internet: prefix lengths in their usual shares, a million prefixes in about
//! 172,000 attribute sets of which most have one or two prefixes and few have many, and UPDATEs that come in no order of
//! addresses.

use std::net::{IpAddr, Ipv4Addr};

use bytes::BytesMut;
use wire::{
    Asn, AttrBuilder, Community, EncodeContext, Families, Family, NextHop, Nlri, Origin, Prefix,
    WireAttrs,
};

/// How many of a hundred prefixes have which length, spread so that long and short ones alternate.
const LENGTHS: [(u8, usize); 9] = [
    (24, 62),
    (22, 11),
    (23, 10),
    (21, 5),
    (20, 4),
    (19, 3),
    (16, 1),
    (18, 2),
    (17, 2),
];

/// Prefixes of one attribute set, in turn. Ten sets have 58 prefixes.
const SET_SIZES: [usize; 10] = [1, 8, 1, 2, 1, 35, 2, 1, 4, 3];

/// The most prefixes there are.
pub(crate) const MOST_PREFIXES: usize = 1_000_000;

/// A small generator of numbers (splitmix64), so that shuffles are the same everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Routes that share their attributes, as the peer has them in its table.
pub(crate) struct Set {
    pub(crate) attrs: AttrBuilder,
    pub(crate) prefixes: Vec<Prefix>,
}

/// The first `count` prefixes of the table in the order of their addresses. None overlaps another.
fn prefixes(count: usize) -> Vec<Prefix> {
    // The lengths of a hundred prefixes, each spread evenly over the hundred.
    let mut pattern: Vec<(usize, u8)> = LENGTHS
        .iter()
        .flat_map(|(length, share)| (0..*share).map(move |nth| (nth * 100 / share, *length)))
        .collect();
    pattern.sort_unstable();
    let mut next = 1 << 24;
    let mut found = Vec::with_capacity(count);
    for (_, length) in pattern.iter().cycle().take(count) {
        let size = 1_u32 << (32 - length);
        next = (next + size - 1) & !(size - 1);
        // No import takes loopback and link-local prefixes.
        if Ipv4Addr::from(next).is_loopback() {
            next = 128 << 24;
        } else if Ipv4Addr::from(next).is_link_local() {
            next = 170 << 24;
        }
        let address = IpAddr::V4(Ipv4Addr::from(next));
        found.push(Prefix::new(address, *length).expect("no longer than an address"));
        next += size;
    }
    found
}

/// The table of a feeder in another AS: `count` prefixes, the same ones for every feeder, with attributes of its own.
pub(crate) fn table(count: usize, feeder: Asn) -> Vec<Set> {
    let mut dice = Dice(u64::from(feeder.0));
    let mut order = prefixes(count);
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last + 1));
    }
    let mut rest = order.as_slice();
    let mut sets = Vec::new();
    for (index, size) in (0..).zip(SET_SIZES.iter().cycle()) {
        if rest.is_empty() {
            break;
        }
        let (mine, others) = rest.split_at((*size).min(rest.len()));
        rest = others;
        let attrs = attributes(feeder, index, &mut dice);
        let prefixes = mine.to_vec();
        sets.push(Set { attrs, prefixes });
    }
    sets
}

/// A set that no other index has: 3 to 6 ASes, MED on a third, up to 7 communities on a half.
fn attributes(feeder: Asn, index: u32, dice: &mut Dice) -> AttrBuilder {
    let mut path = vec![feeder];
    for _ in 0..1 + dice.below(4) {
        path.push(Asn(1_000 + dice.below(60_000) as u32));
    }
    path.push(Asn(200_000 + index));
    let mut attrs = AttrBuilder::new();
    attrs.set_origin(match dice.below(10) {
        0 => Origin::Incomplete,
        _ => Origin::Igp,
    });
    attrs.set_as_path(&path);
    if dice.below(3) == 0 {
        attrs.set_med(dice.below(200) as u32);
    }
    if dice.below(2) == 0 {
        let communities: Vec<Community> = (0..=dice.below(7))
            .map(|_| Community((feeder.0 << 16) | dice.below(2_000) as u32))
            .collect();
        attrs.set_communities(&communities);
    }
    attrs
}

/// What the messages of our feeders and receivers may contain: four-octet AS numbers, nothing else that is optional.
pub(crate) const ENCODE: EncodeContext = EncodeContext {
    four_octet_as: true,
    add_path: Families::EMPTY,
    extended_next_hop: Families::EMPTY,
    max_len: wire::MAX_LEN,
};

/// The UPDATEs that announce a table, one behind the other, and End-of-RIB.
pub(crate) fn updates(table: &[Set], next_hop: Ipv4Addr) -> BytesMut {
    let mut octets = BytesMut::new();
    for set in table {
        let attrs = WireAttrs::new(set.attrs.view(), NextHop::V4(next_hop), &ENCODE);
        let mut nlri = set.prefixes.iter().copied().map(Nlri::from).peekable();
        while nlri.peek().is_some() {
            wire::encode_announce(&mut octets, &attrs, Family::Ipv4Unicast, &mut nlri, &ENCODE)
                .expect("a few attributes leave room");
        }
    }
    octets.extend_from_slice(&wire::end_of_rib(Family::Ipv4Unicast));
    octets
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_largest_table_has_as_many_prefixes_as_it_says_and_none_twice() {
        let all = prefixes(MOST_PREFIXES);
        let ascending = all
            .windows(2)
            .all(|pair| pair[0].broadcast() < pair[1].network());
        assert!(ascending);
        let unicast = |prefix: &Prefix| !policy_refuses(prefix);
        assert!(all.iter().all(unicast));
    }

    /// Loopback, link-local and multicast, which import never takes.
    fn policy_refuses(prefix: &Prefix) -> bool {
        let IpAddr::V4(address) = prefix.addr() else {
            return true;
        };
        address.is_loopback() || address.is_link_local() || address.octets()[0] >= 224
    }

    #[test]
    fn a_million_prefixes_come_in_172000_attribute_sets() {
        let table = table(100_000, Asn(65_001));
        assert_eq!(
            table.iter().map(|set| set.prefixes.len()).sum::<usize>(),
            100_000
        );
        let different: HashSet<_> = table.iter().map(|set| set.attrs.view().bytes()).collect();
        assert_eq!(different.len(), table.len());
        assert!((17_200..17_300).contains(&table.len()), "{}", table.len());
    }
}
