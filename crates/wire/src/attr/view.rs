//! Reading canonical attribute bytes.
//!
//! Nothing is checked here: the decoder or the builder made the bytes. Even so no accessor panics or reads
//! outside its attribute, whatever the bytes are; a value of the wrong size reads as absent.

use std::net::Ipv4Addr;

use super::{AsPathView, code, flag};
use crate::{Asn, Community, ExtendedCommunity, LargeCommunity};

/// How the originating speaker learned the route (RFC 4271 section 5.1.1). Lower is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// From inside the originating AS.
    Igp = 0,
    /// By the EGP protocol (RFC 904).
    Egp = 1,
    /// By some other means.
    Incomplete = 2,
}

impl Origin {
    /// The origin with this code on the wire.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Origin> {
        match code {
            0 => Some(Origin::Igp),
            1 => Some(Origin::Egp),
            2 => Some(Origin::Incomplete),
            _ => None,
        }
    }

    /// "igp", "egp" or "incomplete".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Igp => "igp",
            Origin::Egp => "egp",
            Origin::Incomplete => "incomplete",
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Who formed an aggregate route (RFC 4271 section 5.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// The AS of the aggregating speaker.
    pub asn: Asn,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
}

/// A route's attributes: a view of canonical bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AttrView<'a>(&'a [u8]);

impl<'a> AttrView<'a> {
    /// A view of bytes that are already canonical (see the [module](crate::attr)).
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        AttrView(bytes)
    }

    /// The canonical bytes.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Every attribute as flags, type code and value, by ascending code.
    #[must_use]
    pub const fn iter(self) -> AttrIter<'a> {
        AttrIter { rest: self.0 }
    }

    /// The value of the attribute with this type code.
    #[must_use]
    pub fn get(self, code: u8) -> Option<&'a [u8]> {
        self.iter()
            .take_while(|(_, at, _)| *at <= code)
            .find(|(_, at, _)| *at == code)
            .map(|(_, _, value)| value)
    }

    /// ORIGIN; incomplete where there is none, which no received route has.
    #[must_use]
    pub fn origin(self) -> Origin {
        match self.get(code::ORIGIN) {
            Some(&[value]) => Origin::from_code(value).unwrap_or(Origin::Incomplete),
            _ => Origin::Incomplete,
        }
    }

    /// AS_PATH; empty where there is none.
    #[must_use]
    pub fn as_path(self) -> AsPathView<'a> {
        AsPathView::new(self.get(code::AS_PATH).unwrap_or_default())
    }

    /// MULTI_EXIT_DISC.
    #[must_use]
    pub fn med(self) -> Option<u32> {
        self.number(code::MED)
    }

    /// LOCAL_PREF.
    #[must_use]
    pub fn local_pref(self) -> Option<u32> {
        self.number(code::LOCAL_PREF)
    }

    /// True if ATOMIC_AGGREGATE is there.
    #[must_use]
    pub fn atomic_aggregate(self) -> bool {
        self.get(code::ATOMIC_AGGREGATE).is_some()
    }

    /// AGGREGATOR, with its AS number in four octets.
    #[must_use]
    pub fn aggregator(self) -> Option<Aggregator> {
        let (asn, router_id) = self.get(code::AGGREGATOR)?.split_first_chunk::<4>()?;
        Some(Aggregator {
            asn: Asn(u32::from_be_bytes(*asn)),
            router_id: address(router_id)?,
        })
    }

    /// COMMUNITIES, in their order on the wire, each once.
    pub fn communities(self) -> impl Iterator<Item = Community> + Clone + 'a {
        self.chunks::<4>(code::COMMUNITIES)
            .map(|octets| Community(u32::from_be_bytes(*octets)))
    }

    /// True if COMMUNITIES holds this one.
    #[must_use]
    pub fn has_community(self, community: Community) -> bool {
        self.communities().any(|one| one == community)
    }

    /// EXTENDED COMMUNITIES, then the IPv6 ones of RFC 5701.
    pub fn extended_communities(self) -> impl Iterator<Item = ExtendedCommunity> + Clone + 'a {
        let short = self.chunks::<8>(code::EXTENDED_COMMUNITIES);
        let long = self.chunks::<20>(code::IPV6_EXTENDED_COMMUNITIES);
        short
            .map(|octets| ExtendedCommunity::Octets(*octets))
            .chain(long.map(|octets| ExtendedCommunity::Ipv6(*octets)))
    }

    /// LARGE_COMMUNITY, in order on the wire, each once.
    pub fn large_communities(self) -> impl Iterator<Item = LargeCommunity> + Clone + 'a {
        self.chunks::<12>(code::LARGE_COMMUNITY)
            .map(|octets| LargeCommunity::from_octets(*octets))
    }

    /// ORIGINATOR_ID.
    #[must_use]
    pub fn originator_id(self) -> Option<Ipv4Addr> {
        self.get(code::ORIGINATOR_ID).and_then(address)
    }

    /// CLUSTER_LIST, the latest cluster first.
    pub fn cluster_list(self) -> impl Iterator<Item = Ipv4Addr> + Clone + 'a {
        self.chunks::<4>(code::CLUSTER_LIST)
            .map(|octets| Ipv4Addr::from(*octets))
    }

    /// Number of entries in CLUSTER_LIST; 0 where there is none.
    #[must_use]
    pub fn cluster_list_len(self) -> u32 {
        let octets = self.get(code::CLUSTER_LIST).unwrap_or_default().len();
        u32::try_from(octets / 4).unwrap_or(u32::MAX)
    }

    /// Only to Customer (RFC 9234).
    #[must_use]
    pub fn otc(self) -> Option<Asn> {
        self.number(code::OTC).map(Asn)
    }

    fn number(self, code: u8) -> Option<u32> {
        let octets = self.get(code)?.try_into().ok()?;
        Some(u32::from_be_bytes(octets))
    }

    fn chunks<const N: usize>(self, code: u8) -> impl Iterator<Item = &'a [u8; N]> + Clone {
        let value = self.get(code).unwrap_or_default();
        value.as_chunks::<N>().0.iter()
    }
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = value.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// The attributes of an [`AttrView`], one after the other.
#[derive(Debug, Clone)]
pub struct AttrIter<'a> {
    rest: &'a [u8],
}

impl AttrIter<'_> {
    /// Octets that are still to be read.
    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for AttrIter<'a> {
    /// Flags, type code, value.
    type Item = (u8, u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (flags, code, len, rest) = match *self.rest {
            [flags, code, high, low, ref rest @ ..] if flags & flag::EXTENDED_LENGTH != 0 => (
                flags,
                code,
                usize::from(u16::from_be_bytes([high, low])),
                rest,
            ),
            [flags, code, len, ref rest @ ..] if flags & flag::EXTENDED_LENGTH == 0 => {
                (flags, code, usize::from(len), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((flags & !flag::EXTENDED_LENGTH, code, value))
    }
}
