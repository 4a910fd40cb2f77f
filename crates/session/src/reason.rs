//! Why a session or a connection ended: facts, and their text for an operator.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use wire::{Fault, Notification};

use crate::state::State;

/// Who found the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We did, and told the peer by a NOTIFICATION.
    Sent,
    /// The peer did, and told us by a NOTIFICATION.
    Received,
    /// No NOTIFICATION: the transport failed.
    Local,
}

/// Why a connection ended without a message that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCause {
    /// The peer closed it (end of file).
    Eof,
    /// Reading or writing failed.
    Error(io::ErrorKind),
    /// The local link that it ran over went down.
    LinkDown,
    /// The local address that it used went away.
    AddressGone,
}

/// What was wrong with a connection that the peer opened, before it could say anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It came from farther than the peer may be (RFC 5082).
    TooFar {
        /// The IP time to live that was left of 255.
        ttl: u8,
        /// What must be left.
        least: u8,
    },
    /// It came by another device than the session runs over.
    OtherDevice {
        /// That device; `None`: it cannot be told.
        name: Option<Box<str>>,
    },
}

/// "its packets come with TTL 63, ttl-security wants 255".
impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::TooFar { ttl, least } => {
                write!(f, "its packets come with TTL {ttl}, ttl-security wants ")?;
                match *least {
                    u8::MAX => f.write_str("255"),
                    least => write!(f, "{least} or more"),
                }
            }
            Unfit::OtherDevice { name } => {
                let name = name.as_deref().unwrap_or("a device that is not known");
                write!(f, "it came by {name}, not by the session's bind-device")
            }
        }
    }
}

/// Why a session or a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownReason {
    /// Nothing was heard from the peer for the hold time (RFC 4271 6.5). We sent a NOTIFICATION.
    HoldTimerExpired,
    /// TCP took nothing of what waited to be sent for the send hold time (RFC 9687). No NOTIFICATION can be sent.
    SendHoldTimerExpired,
    /// The peer sent this.
    NotificationReceived(Notification),
    /// We sent this: a reset by the operator or by the speaker.
    NotificationSent(Notification),
    /// We sent this: what the peer brought takes more than there is.
    Shed(Notification),
    /// The peer sent something wrong; we sent the NOTIFICATION of the fault.
    Fault(Fault),
    /// We could not connect.
    ConnectFailed(io::ErrorKind),
    /// The peer's connection was closed at once.
    Unfit(Unfit),
    /// The peer closed the connection without a NOTIFICATION.
    TcpClosed,
    /// The connection broke.
    TcpError(io::ErrorKind),
    /// The peer opened another connection while this one seemed to be up: it has restarted (RFC 4724 section 5).
    Returned,
    /// The local link went down.
    LinkDown,
    /// Our own address of the session went away.
    AddressGone,
    /// The operator disabled the peer.
    Disabled,
    /// The peer was taken out of the configuration.
    Deleted,
}

impl DownReason {
    /// Who found it.
    pub fn direction(&self) -> Direction {
        match self {
            DownReason::NotificationReceived(_) => Direction::Received,
            DownReason::HoldTimerExpired
            | DownReason::NotificationSent(_)
            | DownReason::Shed(_)
            | DownReason::Fault(_)
            | DownReason::Disabled
            | DownReason::Deleted => Direction::Sent,
            DownReason::SendHoldTimerExpired
            | DownReason::ConnectFailed(_)
            | DownReason::Unfit(_)
            | DownReason::TcpClosed
            | DownReason::TcpError(_)
            | DownReason::Returned
            | DownReason::LinkDown
            | DownReason::AddressGone => Direction::Local,
        }
    }

    /// The NOTIFICATION that went over the wire, if one did and it is known here.
    pub fn notification(&self) -> Option<Notification> {
        match self {
            DownReason::NotificationReceived(notification)
            | DownReason::NotificationSent(notification)
            | DownReason::Shed(notification) => Some(notification.clone()),
            DownReason::Fault(fault) => Some(fault.notification()),
            DownReason::HoldTimerExpired => {
                Some(Notification::new(wire::ErrorCode::HoldTimerExpired, 0))
            }
            DownReason::SendHoldTimerExpired
            | DownReason::ConnectFailed(_)
            | DownReason::Unfit(_)
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

impl From<CloseCause> for DownReason {
    fn from(cause: CloseCause) -> Self {
        match cause {
            CloseCause::Eof => DownReason::TcpClosed,
            CloseCause::Error(kind) => DownReason::TcpError(kind),
            CloseCause::LinkDown => DownReason::LinkDown,
            CloseCause::AddressGone => DownReason::AddressGone,
        }
    }
}

/// "received OPEN Message Error/Bad Peer AS (2/2)".
impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DownReason::HoldTimerExpired => f.write_str("hold timer expired: the peer was silent"),
            DownReason::SendHoldTimerExpired => {
                f.write_str("send hold timer expired: the peer read nothing of what we sent")
            }
            DownReason::NotificationReceived(notification) => write!(f, "received {notification}"),
            DownReason::NotificationSent(notification) | DownReason::Shed(notification) => {
                write!(f, "sent {notification}")
            }
            DownReason::Fault(fault) => write!(f, "the peer's {fault}"),
            DownReason::ConnectFailed(kind) => write!(f, "cannot connect: {kind}"),
            DownReason::Unfit(unfit) => write!(f, "we refused its connection: {unfit}"),
            DownReason::TcpClosed => f.write_str("the peer closed the connection"),
            DownReason::TcpError(kind) => write!(f, "the connection broke: {kind}"),
            DownReason::Returned => {
                f.write_str("the peer connected anew: it had restarted unnoticed")
            }
            DownReason::LinkDown => f.write_str("the local link went down"),
            DownReason::AddressGone => f.write_str("the local address went away"),
            DownReason::Disabled => f.write_str("shut down by this side"),
            DownReason::Deleted => f.write_str("taken out of the configuration"),
        }
    }
}

/// The end of an Established session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Why.
    pub reason: DownReason,
    /// How long it had been Established.
    pub uptime: Duration,
}

/// The last thing that went wrong with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Instant,
    /// Who found it.
    pub direction: Direction,
    /// How far the connection had come.
    pub state: State,
    /// What.
    pub reason: DownReason,
}

/// "it refused our OPEN: OPEN Message Error/Bad Peer AS (2/2)".
impl fmt::Display for LastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.state) {
            (DownReason::NotificationReceived(notification), State::OpenSent) => {
                write!(f, "it refused our OPEN: {notification}")
            }
            (DownReason::Fault(fault), State::OpenSent) => {
                write!(f, "we refused its OPEN: {fault}")
            }
            (DownReason::TcpClosed, State::OpenSent) => {
                f.write_str("it closed the connection without answering our OPEN")
            }
            (reason, _) => reason.fmt(f),
        }
    }
}
