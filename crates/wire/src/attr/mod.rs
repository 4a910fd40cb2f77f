//! Path attributes: code points, flags, and the canonical form in which a route's attributes are kept.
//!
//! **Canonical bytes** are what the rest of the speaker stores, compares and hashes. They are attribute TLVs
//! sorted by type code, each code once, each length in its shortest form, AS_PATH with four-octet numbers, the
//! low four flag bits zero. NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and AS4_AGGREGATOR are never in
//! them: the next hop is a value of its own and the AS4 pair is merged away (RFC 6793 section 4.2.3).
//! Unrecognised optional transitive attributes are in them, with the Partial bit set (RFC 4271 section 5).
//!
//! [`AttrView`] reads such bytes and never checks again, [`AttrBuilder`] writes them. Whether received bytes are
//! allowed is decided by the UPDATE decoder, from one registry row per attribute.

mod as4;
mod as_path;
mod builder;
pub(crate) mod canonical;
mod raw;
mod registry;
mod text;
mod value;
mod view;

pub use as_path::{AsPathView, Segment, SegmentKind};
pub(crate) use as4::{as4_path, narrow};
pub use builder::AttrBuilder;
pub(crate) use raw::Raw;
pub(crate) use registry::Sender;
pub use registry::{ATTRIBUTES, Attribute};
pub use text::Detail;
pub(crate) use value::is_host_v4;
pub use view::{Aggregator, AttrIter, AttrView, Origin};

/// Attribute type codes (IANA "BGP Path Attributes").
pub mod code {
    /// ORIGIN, RFC 4271 section 5.1.1.
    pub const ORIGIN: u8 = 1;
    /// AS_PATH, RFC 4271 section 5.1.2.
    pub const AS_PATH: u8 = 2;
    /// NEXT_HOP, RFC 4271 section 5.1.3.
    pub const NEXT_HOP: u8 = 3;
    /// MULTI_EXIT_DISC, RFC 4271 section 5.1.4.
    pub const MED: u8 = 4;
    /// LOCAL_PREF, RFC 4271 section 5.1.5.
    pub const LOCAL_PREF: u8 = 5;
    /// ATOMIC_AGGREGATE, RFC 4271 section 5.1.6.
    pub const ATOMIC_AGGREGATE: u8 = 6;
    /// AGGREGATOR, RFC 4271 section 5.1.7.
    pub const AGGREGATOR: u8 = 7;
    /// COMMUNITIES, RFC 1997.
    pub const COMMUNITIES: u8 = 8;
    /// ORIGINATOR_ID, RFC 4456 section 8.
    pub const ORIGINATOR_ID: u8 = 9;
    /// CLUSTER_LIST, RFC 4456 section 8.
    pub const CLUSTER_LIST: u8 = 10;
    /// MP_REACH_NLRI, RFC 4760 section 3.
    pub const MP_REACH_NLRI: u8 = 14;
    /// MP_UNREACH_NLRI, RFC 4760 section 4.
    pub const MP_UNREACH_NLRI: u8 = 15;
    /// EXTENDED COMMUNITIES, RFC 4360.
    pub const EXTENDED_COMMUNITIES: u8 = 16;
    /// AS4_PATH, RFC 6793 section 3.
    pub const AS4_PATH: u8 = 17;
    /// AS4_AGGREGATOR, RFC 6793 section 3.
    pub const AS4_AGGREGATOR: u8 = 18;
    /// IPv6 Address Specific Extended Community, RFC 5701.
    pub const IPV6_EXTENDED_COMMUNITIES: u8 = 25;
    /// LARGE_COMMUNITY, RFC 8092.
    pub const LARGE_COMMUNITY: u8 = 32;
    /// Only to Customer, RFC 9234 section 5.
    pub const OTC: u8 = 35;
}

/// Attribute flag bits (RFC 4271 section 4.3).
pub mod flag {
    /// The attribute is optional (set) or well-known (clear).
    pub const OPTIONAL: u8 = 0x80;
    /// The attribute is passed on to other speakers.
    pub const TRANSITIVE: u8 = 0x40;
    /// A speaker on the way did not recognise the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// The length field has two octets instead of one.
    pub const EXTENDED_LENGTH: u8 = 0x10;
}
