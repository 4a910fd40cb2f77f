//! The kinds of faults: where one was found, what is wrong, what to do about it. Plain names that everything which
//! decodes or checks can use; their texts, codes and the fault itself are in `fault`.
//!
//! RFC 4271 6.1-6.6, RFC 5492 5, RFC 6286 2, RFC 6608 3, RFC 7313 5, RFC 7606, RFC 7607, RFC 9234 4, RFC 9687.

use std::fmt;

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

/// As RFC 7606 section 2 names it.
impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Remedy::DiscardAttribute => "attribute discard",
            Remedy::TreatAsWithdraw => "treat-as-withdraw",
            Remedy::DisableFamily => "AFI/SAFI disable",
            Remedy::ResetSession => "session reset",
        })
    }
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
    /// AS_PATH has an AS_SET, which is not taken from this peer (RFC 9774 3) (3/11).
    AsSet,
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
    /// A message that may not come before OPEN; our own waits (RFC 4271 8.1.1, DelayOpen) (5/0).
    UnexpectedBeforeOpen,
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
