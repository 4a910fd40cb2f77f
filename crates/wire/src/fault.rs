//! Faults: what is wrong with what a peer sent, what to do about it, and which NOTIFICATION says so.
//!
//! Decoding asks "can it be read", checking asks "is it allowed"; both answer with a `Fault`. Owns the one total mapping
//! from a kind to NOTIFICATION code and subcode, and the texts; the kinds themselves are in `fault_kind`. It never sends
//! and never counts.
//!
//! RFC 4271 6.1-6.6, RFC 5492 5, RFC 6286 2, RFC 6608 3, RFC 7313 5, RFC 7606, RFC 7607, RFC 9234 4, RFC 9687.

use std::fmt;

use bytes::Bytes;

use crate::attr::{Attribute, code};
use crate::error_code::ErrorCode;
use crate::fault_kind::{FaultKind, Remedy, Section};

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
            FaultKind::MalformedAsPath { .. } | FaultKind::AsSet => (ErrorCode::Update, 11),
            FaultKind::AsZero { code: at } => {
                (ErrorCode::Update, if at == code::AS_PATH { 11 } else { 9 })
            }
            FaultKind::UnexpectedBeforeOpen => (ErrorCode::FiniteStateMachine, 0),
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
            FaultKind::AsSet => f.write_str("AS_PATH has an AS_SET, which `as-sets` refuses"),
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
            FaultKind::UnexpectedBeforeOpen => {
                f.write_str("a message that may not come before OPEN")
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
    fn a_fault_says_where_what_and_its_codes() {
        let fault = Fault::reset(
            Section::Attributes,
            FaultKind::InvalidOrigin { value: 7 },
            Bytes::new(),
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
