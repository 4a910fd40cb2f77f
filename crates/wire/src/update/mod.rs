//! UPDATE messages (RFC 4271 section 4.3, RFC 4760): decoding with every rule of RFC 7606, and encoding.
//!
//! Decoding answers with routes, canonical attributes and the faults that were put right on the way, or with the one
//! fault that ends the session. Attributes go into a scratch that the caller reuses; NLRI are checked once and then
//! read where they stand. Encoding builds a set's attributes once ([`WireAttrs`]) and fills messages with NLRI behind
//! them.
//!
//! It never compares AS numbers with those of the session (first AS, loops), never looks at addresses of our own, and
//! keeps nothing between two messages.

mod block;
mod decode;
mod encode;
mod message;
mod mp;

pub use block::{NlriBlock, NlriIter};
pub use decode::{DecodeScratch, decode_update};
pub use encode::{
    EncodeError, WireAttrs, encode_announce, encode_withdraw, end_of_rib, family_of_message,
    nlri_of_message,
};

use crate::attr::AttrView;
use crate::{Families, Family, Fault, NextHop};

/// What the session agreed on, as far as reading an UPDATE depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeContext {
    /// True for a peer of our own AS.
    pub internal: bool,
    /// True if both sides have the four-octet AS capability (RFC 6793).
    pub four_octet_as: bool,
    /// The families that routes are taken of; those of others are ignored.
    pub families: Families,
    /// The families whose NLRI carry path identifiers in this direction (RFC 7911).
    pub add_path: Families,
    /// The families whose next hop may be of IPv6 though they are of IPv4 (RFC 8950).
    pub extended_next_hop: Families,
    /// Routes with an AS_SET in their AS_PATH are taken. If not, they are treated as withdrawn (RFC 9774 section 3).
    pub as_sets: bool,
}

/// What the receiver agreed on, as far as the bytes of an UPDATE depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodeContext {
    /// True if both sides have the four-octet AS capability (RFC 6793).
    pub four_octet_as: bool,
    /// The families whose NLRI carry path identifiers in this direction (RFC 7911).
    pub add_path: Families,
    /// The families whose next hop may be of IPv6 though they are of IPv4 (RFC 8950).
    pub extended_next_hop: Families,
    /// The most octets of one message, header included: 4096, or 65535 with extended messages (RFC 8654).
    pub max_len: usize,
}

/// A decoded UPDATE. Withdrawn routes are to be applied before reachable ones: a prefix that is in both is
/// reachable (RFC 4271 section 4.3).
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// Reachable routes: those of MP_REACH_NLRI, then those of the NLRI field.
    pub reach: [Option<Reach<'a>>; 2],
    /// Withdrawn routes: of the WITHDRAWN ROUTES field, of MP_UNREACH_NLRI, and those that a fault turned from
    /// reachable into withdrawn (treat-as-withdraw, RFC 7606 section 2).
    pub unreach: [Option<Unreach<'a>>; 4],
    /// Canonical attributes of the reachable routes; empty if there are none.
    pub attrs: AttrView<'a>,
    /// The family that this message ends the initial table of (RFC 4724 section 2).
    pub end_of_rib: Option<Family>,
    /// The faults that were put right, in the order found; their remedies were applied already.
    pub faults: &'a [Fault],
}

/// Reachable routes of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach<'a> {
    /// Their family.
    pub family: Family,
    /// Their next hop, a host address.
    pub next_hop: NextHop,
    /// The routes; at least one.
    pub nlri: NlriBlock<'a>,
}

/// Withdrawn routes of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreach<'a> {
    /// Their family.
    pub family: Family,
    /// The routes; at least one.
    pub nlri: NlriBlock<'a>,
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod vectors;
