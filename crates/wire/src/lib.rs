//! BGP messages to bytes and back.
//!
//! This crate owns the wire form of BGP-4 and nothing else: framing, the five message types, capabilities, path
//! attributes, NLRI, and the faults that decoding finds, each with its remedy (RFC 7606) and its NOTIFICATION
//! (RFC 4271 section 6). It never opens a socket, reads a clock, keeps a table or decides which route is best.
//!
//! Framing and NLRI are decoded by hand loops, because they run once per route; attribute values, OPEN and
//! capabilities are decoded with `nom`, which the tests also use as the reference decoder of the hand loops.

mod asn;
pub mod attr;
mod capability;
mod community;
mod error_code;
mod family;
mod fault;
mod fault_kind;
mod frame;
mod next_hop;
mod nlri;
mod notification;
mod open;
mod refresh;
pub mod update;

pub use asn::{Asn, ParseAsnError};
pub use attr::{Aggregator, AsPathView, AttrBuilder, AttrView, Origin, SegmentKind, code};
pub use capability::{
    AddPathMode, Capability, GracefulRestart, GracefulRestartFamily, LlgrFamily, Role,
    capability_code,
};
pub use community::{Community, ExtendedCommunity, LargeCommunity, ParseCommunityError};
pub use error_code::{CeaseSubcode, ErrorCode};
pub use family::{AfiSafi, Families, Family, ParseFamilyError};
pub use fault::Fault;
pub use fault_kind::{FaultKind, Remedy, Section};
pub use frame::{
    Frame, HEADER_LEN, MAX_EXTENDED_LEN, MAX_LEN, MessageType, keepalive, next_frame, put_header,
};
pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
pub use next_hop::NextHop;
pub use nlri::Nlri;
pub use notification::{MAX_SHUTDOWN_TEXT, Notification};
pub use open::Open;
pub use refresh::RouteRefresh;
pub use update::{
    DecodeContext, DecodeScratch, EncodeContext, EncodeError, NlriBlock, NlriIter, Reach, Unreach,
    Update, WireAttrs, decode_update, encode_announce, encode_withdraw, end_of_rib,
    family_of_message, nlri_of_message,
};

/// A destination: an IPv4 or IPv6 prefix whose host bits are all zero.
///
/// The decoder truncates what it reads; whoever builds a prefix by hand calls [`IpNet::trunc`].
pub type Prefix = IpNet;
