//! Faults: what is wrong with what a peer sent, what to do about it, and which NOTIFICATION says so.
//!
//! Decoding asks "can it be read", checking asks "is it allowed"; both answer with a `Fault`. Owns the list of kinds and
//! the one total mapping from a kind to NOTIFICATION code and subcode. It never sends and never counts.
//!
//! RFC 4271 6.1-6.6, RFC 5492 5, RFC 6286 2, RFC 6608 3, RFC 7313 5, RFC 7606, RFC 7607, RFC 9234 4, RFC 9687.

use std::fmt;

use bytes::Bytes;

use crate::attr::{Attribute, code};
use crate::notification::{ErrorCode, Notification};

/// What to do about a fault (RFC 7606 2). Ordered: a later one is harsher, and the harshest of a message wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remedy {
    /// Drop the attribute and go on with the rest of the message.
    DiscardAttribute,
    /// Handle every NLRI of the message as if it had been withdrawn.
    TreatAsWithdraw,
    /// Ignore that address family for the rest of the session.
    DisableFamily,
    /// Send a NOTIFICATION and close the connection.
    ResetSession,
}

/// The part of a message in which a fault was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// The 19 octets at the head of each message.
    Header,
    /// The fixed part of an OPEN, or its optional parameters.
    Open,
    /// A capability in an OPEN (RFC 5492).
    Capability,
    /// The WITHDRAWN ROUTES field of an UPDATE.
    WithdrawnRoutes,
    /// The path attributes of an UPDATE.
    Attributes,
    /// The NLRI field of an UPDATE.
    Nlri,
    /// A NOTIFICATION.
    Notification,
    /// A ROUTE-REFRESH.
    RouteRefresh,
    /// No field: the message came at the wrong time, or none came in time.
    StateMachine,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Section::Header => "message header",
            Section::Open => "OPEN",
            Section::Capability => "capability in OPEN",
            Section::WithdrawnRoutes => "withdrawn routes of UPDATE",
            Section::Attributes => "path attributes of UPDATE",
            Section::Nlri => "NLRI of UPDATE",
            Section::Notification => "NOTIFICATION",
            Section::RouteRefresh => "ROUTE-REFRESH",
            Section::StateMachine => "state machine",
        })
    }
}

/// What is wrong. The number behind each is the NOTIFICATION code and subcode that it maps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    // Message header (RFC 4271 6.1).
    /// The marker is not all ones (1/1).
    NotSynchronized,
    /// The length field is under 19, over the most that is allowed, or wrong for the message's type (1/2).
    BadMessageLength {
        /// The length field as received.
        length: u16,
    },
    /// The type field is none that we know (1/3).
    BadMessageType {
        /// The type field as received.
        kind: u8,
    },

    // OPEN (RFC 4271 6.2).
    /// A version that is not 4 (2/1).
    UnsupportedVersion {
        /// The version as received.
        version: u8,
    },
    /// The peer's AS is not the one that we are configured for, or it is 0 (RFC 7607) (2/2).
    BadPeerAs {
        /// The AS number as received.
        asn: u32,
    },
    /// The BGP Identifier is 0, or an internal peer has our own (RFC 6286 2.1, 2.2) (2/3).
    BadRouterId,
    /// An optional parameter that is not "capabilities" (2/4).
    UnsupportedOptionalParameter {
        /// The type of the parameter.
        kind: u8,
    },
    /// A hold time of 1 or 2 seconds (2/6).
    UnacceptableHoldTime {
        /// The hold time as received, in seconds.
        seconds: u16,
    },
    /// A capability that the session cannot do without is missing; the data holds it (RFC 5492 5) (2/7).
    MissingCapability {
        /// The code of the missing capability.
        code: u8,
    },
    /// A capability whose value cannot be read (2/0: the RFCs have no subcode for it).
    MalformedCapability {
        /// The code of the capability.
        code: u8,
    },
    /// The lengths inside the OPEN do not fit together (2/0: RFC 4271 6.2, last paragraph).
    MalformedOpen,
    /// The BGP roles of the two sides do not go together (RFC 9234 4.2) (2/11).
    RoleMismatch,

    // UPDATE (RFC 4271 6.3, RFC 7606).
    /// The lengths of an UPDATE do not fit together, or an attribute runs over the end (3/1).
    MalformedAttributeList,
    /// An attribute that must come once came again (RFC 7606 3 g: MP_REACH and MP_UNREACH only) (3/1).
    DuplicateAttribute {
        /// Type code of the attribute.
        code: u8,
    },
    /// An attribute flagged well-known that we do not know (3/2).
    UnrecognizedWellKnown {
        /// Type code of the attribute.
        code: u8,
    },
    /// A mandatory attribute is missing (3/3).
    MissingWellKnown {
        /// Type code of the attribute.
        code: u8,
    },
    /// The Optional or Transitive flag is not what the attribute must have (3/4).
    AttributeFlags {
        /// Type code of the attribute.
        code: u8,
    },
    /// The length of the attribute is wrong for its type (3/5).
    AttributeLength {
        /// Type code of the attribute.
        code: u8,
    },
    /// ORIGIN is none of IGP, EGP, INCOMPLETE (3/6).
    InvalidOrigin {
        /// The value as received.
        value: u8,
    },
    /// NEXT_HOP, or the next hop in MP_REACH_NLRI, is no host address (3/8).
    InvalidNextHop,
    /// An optional attribute that we know has a bad value (3/9).
    OptionalAttribute {
        /// Type code of the attribute.
        code: u8,
    },
    /// A prefix is too long for its family, or runs over the end of the field (3/10).
    InvalidNetworkField,
    /// AS_PATH (or AS4_PATH) cannot be read (3/11).
    MalformedAsPath {
        /// Type code of the attribute: AS_PATH or AS4_PATH.
        code: u8,
    },
    /// AS number 0 in AS_PATH, AS4_PATH, AGGREGATOR or AS4_AGGREGATOR (RFC 7607 2) (3/11 or 3/9).
    AsZero {
        /// Type code of the attribute.
        code: u8,
    },
    /// An attribute that only an internal peer may send came from an external one (RFC 7606 7.5, 7.9, 7.10) (3/9).
    NotFromExternal {
        /// Type code of the attribute.
        code: u8,
    },
    /// An UPDATE that carries attributes we must refuse, but no NLRI that could be withdrawn (RFC 7606 5.2) (3/1).
    NoReachableNlri,
    /// NLRI of a family that was not negotiated (RFC 4760 7) (3/9).
    UnexpectedFamily {
        /// Address family identifier.
        afi: u16,
        /// Subsequent address family identifier.
        safi: u8,
    },

    // State machine and timers.
    /// A message that may not come in OpenSent (RFC 6608 3) (5/1).
    UnexpectedInOpenSent,
    /// A message that may not come in OpenConfirm (RFC 6608 3) (5/2).
    UnexpectedInOpenConfirm,
    /// A message that may not come in Established (RFC 6608 3) (5/3).
    UnexpectedInEstablished,
    /// Nothing was heard for the hold time (RFC 4271 6.5) (4/0).
    HoldTimerExpired,
    /// The peer read nothing for the send hold time (RFC 9687) (8/0).
    SendHoldTimerExpired,
    /// A ROUTE-REFRESH whose length is not 23 (RFC 7313 5) (7/1).
    RouteRefreshLength,
}

impl FaultKind {
    /// NOTIFICATION code and subcode of the fault. Total: each kind has one, also those whose remedy is milder.
    pub fn code(self) -> (ErrorCode, u8) {
        match self {
            FaultKind::NotSynchronized => (ErrorCode::MessageHeader, 1),
            FaultKind::BadMessageLength { .. } => (ErrorCode::MessageHeader, 2),
            FaultKind::BadMessageType { .. } => (ErrorCode::MessageHeader, 3),
            FaultKind::UnsupportedVersion { .. } => (ErrorCode::Open, 1),
            FaultKind::BadPeerAs { .. } => (ErrorCode::Open, 2),
            FaultKind::BadRouterId => (ErrorCode::Open, 3),
            FaultKind::UnsupportedOptionalParameter { .. } => (ErrorCode::Open, 4),
            FaultKind::UnacceptableHoldTime { .. } => (ErrorCode::Open, 6),
            FaultKind::MissingCapability { .. } => (ErrorCode::Open, 7),
            FaultKind::MalformedCapability { .. } | FaultKind::MalformedOpen => {
                (ErrorCode::Open, 0)
            }
            FaultKind::RoleMismatch => (ErrorCode::Open, 11),
            FaultKind::MalformedAttributeList
            | FaultKind::DuplicateAttribute { .. }
            | FaultKind::NoReachableNlri => (ErrorCode::Update, 1),
            FaultKind::UnrecognizedWellKnown { .. } => (ErrorCode::Update, 2),
            FaultKind::MissingWellKnown { .. } => (ErrorCode::Update, 3),
            FaultKind::AttributeFlags { .. } => (ErrorCode::Update, 4),
            FaultKind::AttributeLength { .. } => (ErrorCode::Update, 5),
            FaultKind::InvalidOrigin { .. } => (ErrorCode::Update, 6),
            FaultKind::InvalidNextHop => (ErrorCode::Update, 8),
            FaultKind::OptionalAttribute { .. }
            | FaultKind::NotFromExternal { .. }
            | FaultKind::UnexpectedFamily { .. } => (ErrorCode::Update, 9),
            FaultKind::InvalidNetworkField => (ErrorCode::Update, 10),
            FaultKind::MalformedAsPath { .. } => (ErrorCode::Update, 11),
            FaultKind::AsZero { code: at } => {
                (ErrorCode::Update, if at == code::AS_PATH { 11 } else { 9 })
            }
            FaultKind::UnexpectedInOpenSent => (ErrorCode::FiniteStateMachine, 1),
            FaultKind::UnexpectedInOpenConfirm => (ErrorCode::FiniteStateMachine, 2),
            FaultKind::UnexpectedInEstablished => (ErrorCode::FiniteStateMachine, 3),
            FaultKind::HoldTimerExpired => (ErrorCode::HoldTimerExpired, 0),
            FaultKind::SendHoldTimerExpired => (ErrorCode::SendHoldTimerExpired, 0),
            FaultKind::RouteRefreshLength => (ErrorCode::RouteRefresh, 1),
        }
    }
}

/// An attribute by name, as configuration and output spell it, or else by number.
struct Name(u8);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Attribute::of(self.0) {
            Some(row) => write!(f, "attribute {}", row.name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::NotSynchronized => f.write_str("the marker is not all ones"),
            FaultKind::BadMessageLength { length } => {
                write!(f, "message length {length} is not allowed")
            }
            FaultKind::BadMessageType { kind } => write!(f, "unknown message type {kind}"),
            FaultKind::UnsupportedVersion { version } => {
                write!(f, "BGP version {version}, we speak 4")
            }
            FaultKind::BadPeerAs { asn } => {
                write!(f, "AS {asn} is not the peer's AS that we expect")
            }
            FaultKind::BadRouterId => f.write_str("the BGP Identifier is 0 or our own"),
            FaultKind::UnsupportedOptionalParameter { kind } => {
                write!(f, "unknown optional parameter {kind}")
            }
            FaultKind::UnacceptableHoldTime { seconds } => {
                write!(
                    f,
                    "a hold time of {seconds} s; it must be 0 or at least 3 s"
                )
            }
            FaultKind::MissingCapability { code } => {
                write!(f, "the peer lacks capability {code}, which we need")
            }
            FaultKind::MalformedCapability { code } => {
                write!(f, "capability {code} cannot be read")
            }
            FaultKind::MalformedOpen => {
                f.write_str("the lengths inside the OPEN do not fit together")
            }
            FaultKind::RoleMismatch => f.write_str("the peer's BGP role does not fit ours"),
            FaultKind::MalformedAttributeList => {
                f.write_str("the lengths inside the UPDATE do not fit together")
            }
            FaultKind::DuplicateAttribute { code } => write!(f, "{} comes twice", Name(*code)),
            FaultKind::UnrecognizedWellKnown { code } => {
                write!(f, "unknown well-known attribute {code}")
            }
            FaultKind::MissingWellKnown { code } => {
                write!(f, "mandatory {} is missing", Name(*code))
            }
            FaultKind::AttributeFlags { code } => write!(f, "{} has wrong flags", Name(*code)),
            FaultKind::AttributeLength { code } => write!(f, "{} has a wrong length", Name(*code)),
            FaultKind::InvalidOrigin { value } => write!(f, "ORIGIN is {value}, not 0, 1 or 2"),
            FaultKind::InvalidNextHop => f.write_str("the next hop is not a host address"),
            FaultKind::OptionalAttribute { code } => {
                write!(f, "optional {} has a bad value", Name(*code))
            }
            FaultKind::InvalidNetworkField => f.write_str("a prefix cannot be read"),
            FaultKind::MalformedAsPath { code } => {
                write!(f, "the AS path in {} cannot be read", Name(*code))
            }
            FaultKind::AsZero { code } => write!(f, "AS 0 in {}", Name(*code)),
            FaultKind::NotFromExternal { code } => {
                write!(f, "{} came from an external peer", Name(*code))
            }
            FaultKind::NoReachableNlri => {
                f.write_str("a faulty attribute in an UPDATE without reachable NLRI")
            }
            FaultKind::UnexpectedFamily { afi, safi } => {
                write!(
                    f,
                    "routes of a family that was not negotiated (AFI {afi}, SAFI {safi})"
                )
            }
            FaultKind::UnexpectedInOpenSent => {
                f.write_str("a message that may not come in OpenSent")
            }
            FaultKind::UnexpectedInOpenConfirm => {
                f.write_str("a message that may not come in OpenConfirm")
            }
            FaultKind::UnexpectedInEstablished => {
                f.write_str("a message that may not come in Established")
            }
            FaultKind::HoldTimerExpired => f.write_str("the peer was silent for the hold time"),
            FaultKind::SendHoldTimerExpired => {
                f.write_str("the peer read nothing for the send hold time")
            }
            FaultKind::RouteRefreshLength => f.write_str("a ROUTE-REFRESH of a wrong length"),
        }
    }
}

/// One thing that a peer did wrong, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was found.
    pub section: Section,
    /// What is wrong.
    pub kind: FaultKind,
    /// What to do about it, the peer's type and the rest of the message taken into account.
    pub remedy: Remedy,
    /// The data field of the NOTIFICATION, exactly as the RFC wants it for this kind.
    pub data: Bytes,
}

impl Fault {
    /// A fault with the remedy that the caller found.
    pub fn new(section: Section, kind: FaultKind, remedy: Remedy, data: Bytes) -> Fault {
        Fault {
            section,
            kind,
            remedy,
            data,
        }
    }

    /// A fault that ends the connection.
    pub fn reset(section: Section, kind: FaultKind, data: Bytes) -> Fault {
        Fault {
            section,
            kind,
            remedy: Remedy::ResetSession,
            data,
        }
    }

    /// The NOTIFICATION that tells the peer about this fault.
    pub fn notification(&self) -> Notification {
        let (code, subcode) = self.kind.code();
        Notification {
            code: code as u8,
            subcode,
            data: self.data.clone(),
        }
    }
}

/// "path attributes of UPDATE: ORIGIN is 7, not 0, 1 or 2 (3/6)".
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, subcode) = self.kind.code();
        write!(
            f,
            "{}: {} ({}/{})",
            self.section, self.kind, code as u8, subcode
        )
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harsher_remedy_is_greater() {
        assert!(Remedy::DiscardAttribute < Remedy::TreatAsWithdraw);
        assert!(Remedy::TreatAsWithdraw < Remedy::DisableFamily);
        assert!(Remedy::DisableFamily < Remedy::ResetSession);
    }

    #[test]
    fn notification_has_code_subcode_and_data() {
        let data = Bytes::from_static(&[0x40, 1, 1, 7]);
        let fault = Fault::reset(
            Section::Attributes,
            FaultKind::InvalidOrigin { value: 7 },
            data.clone(),
        );
        assert_eq!(
            fault.notification(),
            Notification {
                code: 3,
                subcode: 6,
                data
            }
        );
        assert_eq!(
            fault.to_string(),
            "path attributes of UPDATE: ORIGIN is 7, not 0, 1 or 2 (3/6)"
        );
    }

    #[test]
    fn attributes_have_names() {
        let text = FaultKind::AttributeLength { code: 4 }.to_string();
        assert_eq!(text, "attribute med has a wrong length");
        let text = FaultKind::AttributeLength { code: 200 }.to_string();
        assert_eq!(text, "attribute 200 has a wrong length");
    }

    #[test]
    fn as_zero_has_the_subcode_of_its_attribute() {
        assert_eq!(
            FaultKind::AsZero { code: 2 }.code(),
            (ErrorCode::Update, 11)
        );
        assert_eq!(
            FaultKind::AsZero { code: 18 }.code(),
            (ErrorCode::Update, 9)
        );
    }
}
