//! Runs of NLRI as they stand in a message: the hand loop that is run once per route.
//!
//! RFC 4271 section 4.3, RFC 4760 section 5, RFC 7911 section 3, RFC 7606 section 5.3.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::{BufMut, BytesMut};

use crate::{Family, Ipv4Net, Ipv6Net, Nlri, Prefix};

/// NLRI of one family, checked to the last octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NlriBlock<'a> {
    octets: &'a [u8],
    family: Family,
    add_path: bool,
    count: usize,
}

impl<'a> NlriBlock<'a> {
    /// Checks that `octets` are NLRI of this family, each with a path identifier if `add_path`: no prefix too long
    /// for the family and none over the end. None if they are not (RFC 7606 section 5.3).
    #[must_use]
    pub fn parse(octets: &'a [u8], family: Family, add_path: bool) -> Option<Self> {
        let mut rest = octets;
        let mut count = 0;
        while !rest.is_empty() {
            (_, _, _, rest) = split_one(rest, family, add_path)?;
            count += 1;
        }
        Some(NlriBlock {
            octets,
            family,
            add_path,
            count,
        })
    }

    /// A block without any route.
    #[must_use]
    pub const fn empty(family: Family) -> Self {
        NlriBlock {
            octets: &[],
            family,
            add_path: false,
            count: 0,
        }
    }

    /// The routes, in their order in the message.
    #[must_use]
    pub const fn iter(self) -> NlriIter<'a> {
        NlriIter {
            rest: self.octets,
            family: self.family,
            add_path: self.add_path,
            left: self.count,
        }
    }

    /// Number of routes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count
    }

    /// True if there is no route.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The family of every route in the block.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }
}

impl<'a> IntoIterator for NlriBlock<'a> {
    type Item = Nlri;
    type IntoIter = NlriIter<'a>;

    fn into_iter(self) -> NlriIter<'a> {
        self.iter()
    }
}

/// The routes of an [`NlriBlock`].
#[derive(Debug, Clone)]
pub struct NlriIter<'a> {
    rest: &'a [u8],
    family: Family,
    add_path: bool,
    left: usize,
}

impl Iterator for NlriIter<'_> {
    type Item = Nlri;

    fn next(&mut self) -> Option<Nlri> {
        let (path_id, len, octets, rest) = split_one(self.rest, self.family, self.add_path)?;
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some(Nlri {
            prefix: prefix(self.family, len, octets)?,
            path_id,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for NlriIter<'_> {}

/// Path identifier, prefix length in bits, prefix octets, and what follows.
fn split_one(octets: &[u8], family: Family, add_path: bool) -> Option<(u32, u8, &[u8], &[u8])> {
    let (path_id, octets) = match add_path {
        false => (0, octets),
        true => {
            let (id, rest) = octets.split_first_chunk::<4>()?;
            (u32::from_be_bytes(*id), rest)
        }
    };
    let (&len, octets) = octets.split_first()?;
    if len > family.max_prefix_len() {
        return None;
    }
    let (prefix, rest) = octets.split_at_checked(usize::from(len).div_ceil(8))?;
    Some((path_id, len, prefix, rest))
}

/// The prefix, with the bits behind its length cleared: their value on the wire has no meaning (RFC 4271 4.3).
fn prefix(family: Family, len: u8, octets: &[u8]) -> Option<Prefix> {
    match family {
        Family::Ipv4Unicast => {
            let mut address = [0; 4];
            address.get_mut(..octets.len())?.copy_from_slice(octets);
            let net = Ipv4Net::new(Ipv4Addr::from(address), len).ok()?;
            Some(Prefix::V4(net.trunc()))
        }
        Family::Ipv6Unicast => {
            let mut address = [0; 16];
            address.get_mut(..octets.len())?.copy_from_slice(octets);
            let net = Ipv6Net::new(Ipv6Addr::from(address), len).ok()?;
            Some(Prefix::V6(net.trunc()))
        }
    }
}

/// Octets that this NLRI takes on the wire.
pub(super) fn encoded_len(nlri: &Nlri, add_path: bool) -> usize {
    let id = if add_path { 4 } else { 0 };
    id + 1 + usize::from(nlri.prefix.prefix_len()).div_ceil(8)
}

/// Appends one NLRI.
pub(super) fn put(out: &mut BytesMut, nlri: &Nlri, add_path: bool) {
    if add_path {
        out.put_u32(nlri.path_id);
    }
    let len = nlri.prefix.prefix_len();
    out.put_u8(len);
    let octets = usize::from(len).div_ceil(8);
    match nlri.prefix {
        Prefix::V4(net) => out.put_slice(&net.network().octets()[..octets]),
        Prefix::V6(net) => out.put_slice(&net.network().octets()[..octets]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(block: NlriBlock<'_>) -> Vec<String> {
        block.iter().map(|nlri| nlri.to_string()).collect()
    }

    #[test]
    fn host_bits_are_cleared() {
        let block = NlriBlock::parse(
            &[9, 10, 0xFF, 0, 32, 192, 0, 2, 1],
            Family::Ipv4Unicast,
            false,
        )
        .unwrap();
        assert_eq!(texts(block), ["10.128.0.0/9", "0.0.0.0/0", "192.0.2.1/32"]);
        assert_eq!(
            (block.len(), block.iter().len(), block.is_empty()),
            (3, 3, false)
        );
    }

    #[test]
    fn path_identifiers() {
        let octets = [0, 0, 0, 7, 33, 0x20, 0x01, 0x0d, 0xb8, 0xFF];
        let block = NlriBlock::parse(&octets, Family::Ipv6Unicast, true).unwrap();
        assert_eq!(texts(block), ["2001:db8:8000::/33 path 7"]);
        assert_eq!(
            NlriBlock::parse(&octets[..3], Family::Ipv6Unicast, true),
            None
        );
        assert_eq!(
            NlriBlock::parse(&octets[..4], Family::Ipv6Unicast, true),
            None
        );
    }

    #[test]
    fn too_long_or_cut_is_refused() {
        let parse = |octets| NlriBlock::parse(octets, Family::Ipv4Unicast, false);
        assert_eq!(parse(&[33, 1, 1, 1, 1, 1]), None);
        assert_eq!(parse(&[24, 10, 0]), None);
        assert_eq!(parse(&[8, 10, 1]), None);
        assert_eq!(
            NlriBlock::parse(&[129; 18], Family::Ipv6Unicast, false),
            None
        );
        assert!(parse(&[]).unwrap().is_empty());
    }

    #[test]
    fn encoding_is_minimal() {
        let nlri = Nlri {
            prefix: "10.128.0.0/9".parse().unwrap(),
            path_id: 3,
        };
        let mut out = BytesMut::new();
        put(&mut out, &nlri, false);
        put(&mut out, &nlri, true);
        assert_eq!(out[..], [9, 10, 128, 0, 0, 0, 3, 9, 10, 128]);
        assert_eq!(
            (encoded_len(&nlri, false), encoded_len(&nlri, true)),
            (3, 7)
        );
    }
}
