//! What an operator can do about the last error: a fact, and a sentence for it.

use std::fmt;
use std::io::ErrorKind;

use wire::{Asn, CeaseSubcode, ErrorCode, Families, FaultKind, Notification};

use crate::reason::{DownReason, LastError, Unfit};
use crate::settings::{RemoteAs, Settings};
use crate::state::State;

/// What is probably wrong, and on which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The peer expects another AS of us.
    LocalAs {
        /// What our OPEN said.
        sent: Asn,
    },
    /// We expect another AS of the peer.
    RemoteAs {
        /// What we are configured with.
        expected: RemoteAs,
        /// What its OPEN said.
        received: Asn,
    },
    /// Both have the same BGP Identifier, or one has none that can be used.
    RouterId,
    /// The two have no address family in common.
    Families {
        /// What we offer.
        ours: Families,
    },
    /// The peer does not accept the hold time that we propose.
    HoldTime {
        /// Seconds.
        proposed: u16,
    },
    /// Nobody listens on the peer's address and port.
    NotListening,
    /// There is no way to the peer's address.
    Unreachable,
    /// The peer is farther away than it may be, or does not send with the greatest TTL.
    TooFar,
    /// The peer's connections come another way than ours go.
    OtherDevice,
    /// The local address of the session is not on this host.
    LocalAddress,
    /// The peer does not know us.
    UnknownThere,
    /// The peer's operator has shut the session down.
    ShutThere,
    /// We announce more prefixes than the peer takes.
    PrefixLimitThere,
    /// The connection carries nothing any more.
    Silent,
    /// The peer lives, and reads nothing.
    ReadsNothing,
    /// What the peer brought takes more memory than there is for it.
    TooMuch,
    /// The peer announced more prefixes than we take.
    PrefixLimit,
    /// We were about to announce more prefixes than it is to be sent.
    PrefixLimitOut,
}

impl Advice {
    /// The setting of ours to look at, as the configuration spells it; None if the cause is not on our side.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Advice::LocalAs { .. } => Some("local-as"),
            Advice::RemoteAs { .. } => Some("remote-as"),
            Advice::RouterId => Some("router-id"),
            Advice::Families { .. } => Some("families"),
            Advice::HoldTime { .. } => Some("hold-time"),
            Advice::NotListening | Advice::Unreachable => Some("address"),
            Advice::TooFar => Some("ttl-security"),
            Advice::OtherDevice => Some("bind-device"),
            Advice::LocalAddress => Some("local-address"),
            Advice::PrefixLimitThere => Some("export"),
            Advice::TooMuch => Some("limits.routes"),
            Advice::PrefixLimit => Some("max-prefix"),
            Advice::PrefixLimitOut => Some("max-prefix-out"),
            Advice::UnknownThere | Advice::ShutThere | Advice::Silent | Advice::ReadsNothing => {
                None
            }
        }
    }
}

/// "we sent AS 64512, its configuration wants another".
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Advice::LocalAs { sent } => {
                write!(f, "we sent AS {sent}, its configuration wants another")
            }
            Advice::RemoteAs {
                expected: RemoteAs::Internal,
                received,
            } => write!(
                f,
                "it is AS {received}, and `internal` means our own AS, which is another"
            ),
            Advice::RemoteAs { expected, received } => {
                write!(f, "it is AS {received}, our configuration wants {expected}")
            }
            Advice::RouterId => f.write_str("the router ids of the two must differ and not be 0"),
            Advice::Families { ours } => {
                f.write_str("no address family in common, we offer")?;
                ours.iter().try_for_each(|family| write!(f, " {family}"))
            }
            Advice::HoldTime { proposed } => {
                write!(f, "it does not accept our hold time of {proposed} s")
            }
            Advice::NotListening => f.write_str("nothing listens on its address and port"),
            Advice::Unreachable => f.write_str("there is no way to its address"),
            Advice::TooFar => f.write_str(
                "it is farther away than that, or its own end does not send with TTL 255",
            ),
            Advice::OtherDevice => f.write_str("its packets come another way than ours go"),
            Advice::LocalAddress => f.write_str("the local address is not on this host"),
            Advice::UnknownThere => f.write_str("it is probably not configured to peer with us"),
            Advice::ShutThere => f.write_str("its operator shut the session down"),
            Advice::PrefixLimitThere => f.write_str("we announce more prefixes than it takes"),
            Advice::Silent => {
                f.write_str("the path to it, or its process, is dead, or packets are dropped")
            }
            Advice::TooMuch => f.write_str("it announces more than the memory for routes holds"),
            Advice::PrefixLimit => f.write_str("it announced more than max-prefix allows"),
            Advice::PrefixLimitOut => {
                f.write_str("there is more to announce to it than max-prefix-out allows")
            }
            Advice::ReadsNothing => f.write_str("it sends and does not read: its process hangs"),
        }
    }
}

impl LastError {
    /// What to do about it, if that can be told. `settings` are those of the session.
    pub fn advice(&self, settings: &Settings) -> Option<Advice> {
        match &self.reason {
            DownReason::NotificationReceived(notification) => refused(notification, settings),
            DownReason::Fault(fault) => of_fault(fault.kind, settings),
            DownReason::ConnectFailed(kind) => unconnected(*kind),
            // Many daemons close the connections of those that they do not know without a word.
            DownReason::TcpClosed | DownReason::TcpError(ErrorKind::ConnectionReset)
                if self.state == State::OpenSent =>
            {
                Some(Advice::UnknownThere)
            }
            DownReason::Unfit(Unfit::TooFar { .. }) => Some(Advice::TooFar),
            DownReason::Unfit(Unfit::OtherDevice { .. }) => Some(Advice::OtherDevice),
            DownReason::HoldTimerExpired => Some(Advice::Silent),
            DownReason::SendHoldTimerExpired => Some(Advice::ReadsNothing),
            DownReason::Shed(notification) => Some(shed(notification)),
            DownReason::NotificationSent(_)
            | DownReason::TcpClosed
            | DownReason::TcpError(_)
            | DownReason::Returned
            | DownReason::LinkDown
            | DownReason::AddressGone
            | DownReason::Disabled
            | DownReason::Deleted => None,
        }
    }
}

fn refused(notification: &Notification, settings: &Settings) -> Option<Advice> {
    match (ErrorCode::from_u8(notification.code)?, notification.subcode) {
        (ErrorCode::Open, 2) => Some(Advice::LocalAs {
            sent: settings.local_as,
        }),
        (ErrorCode::Open, 3) => Some(Advice::RouterId),
        (ErrorCode::Open, 6) => Some(Advice::HoldTime {
            proposed: settings.hold_time,
        }),
        (ErrorCode::Open, 7) => Some(Advice::Families {
            ours: settings.families,
        }),
        (ErrorCode::HoldTimerExpired, _) => Some(Advice::Silent),
        (ErrorCode::Cease, _) if notification.hard_reset_reason().is_some() => {
            // One level only, as with its text.
            let inner = notification.hard_reset_reason()?;
            match inner.cease_subcode() {
                Some(CeaseSubcode::HardReset) => None,
                Some(_) | None => refused(&inner, settings),
            }
        }
        (ErrorCode::Cease, _) => match notification.cease_subcode()? {
            CeaseSubcode::MaxPrefixes => Some(Advice::PrefixLimitThere),
            CeaseSubcode::AdminShutdown => Some(Advice::ShutThere),
            CeaseSubcode::PeerDeconfigured | CeaseSubcode::ConnectionRejected => {
                Some(Advice::UnknownThere)
            }
            CeaseSubcode::AdminReset
            | CeaseSubcode::OtherConfigChange
            | CeaseSubcode::CollisionResolution
            | CeaseSubcode::OutOfResources
            | CeaseSubcode::HardReset
            | CeaseSubcode::BfdDown => None,
        },
        (
            ErrorCode::MessageHeader
            | ErrorCode::Open
            | ErrorCode::Update
            | ErrorCode::FiniteStateMachine
            | ErrorCode::RouteRefresh
            | ErrorCode::SendHoldTimerExpired,
            _,
        ) => None,
    }
}

/// Why we shut the peer out, by what we told it.
fn shed(notification: &Notification) -> Advice {
    match notification.cease_subcode() {
        Some(CeaseSubcode::MaxPrefixes) => Advice::PrefixLimit,
        Some(CeaseSubcode::AdminShutdown) => Advice::PrefixLimitOut,
        Some(_) | None => Advice::TooMuch,
    }
}

fn of_fault(kind: FaultKind, settings: &Settings) -> Option<Advice> {
    // Only what an operator can set is worth a word; everything else is the peer's own fault.
    match kind {
        FaultKind::BadPeerAs { asn } => Some(Advice::RemoteAs {
            expected: settings.remote_as,
            received: Asn(asn),
        }),
        FaultKind::BadRouterId => Some(Advice::RouterId),
        FaultKind::MissingCapability { .. } => Some(Advice::Families {
            ours: settings.families,
        }),
        _ => None,
    }
}

fn unconnected(kind: ErrorKind) -> Option<Advice> {
    match kind {
        ErrorKind::ConnectionRefused => Some(Advice::NotListening),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::TimedOut => {
            Some(Advice::Unreachable)
        }
        ErrorKind::AddrNotAvailable => Some(Advice::LocalAddress),
        _ => None,
    }
}
