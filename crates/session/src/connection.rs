//! One connection on its way to Established. What is only true in a phase exists only in it.

use std::net::SocketAddr;
use std::time::Instant;

use crate::negotiate::Negotiated;
use crate::state::State;
use crate::timer::earlier;

/// A connection that is open. Our OPEN was sent on it, unless it waits.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) phase: ConnectionPhase,
    /// The hold timer (RFC 4271 8.2.2); None while our OPEN waits, and once a hold time of 0 is agreed.
    pub(crate) hold_at: Option<Instant>,
}

#[derive(Debug)]
pub(crate) enum ConnectionPhase {
    /// Our OPEN waits for the peer's, until this time (DelayOpenTimer, RFC 4271 8.2.2, Connect and Active).
    Delayed { until: Instant },
    /// Our OPEN is sent, the peer's has not come.
    OpenSent,
    /// The peer's OPEN is good, but by RFC 4271 6.8 the connection that we have opened or are opening ourselves wins if
    /// it gets as far. Our KEEPALIVE waits for its fate, until the deadline: once sent, the peer could be Established
    /// here while we close here, and both connections would be lost.
    Colliding {
        terms: Box<Negotiated>,
        until: Instant,
        /// The peer's KEEPALIVE has come already.
        confirmed: bool,
    },
    /// Our KEEPALIVE is sent, the peer's has not come.
    OpenConfirm {
        terms: Box<Negotiated>,
        keepalive_at: Option<Instant>,
    },
}

impl Connection {
    pub(crate) fn state(&self) -> State {
        match self.phase {
            ConnectionPhase::Delayed { .. } => State::Active,
            ConnectionPhase::OpenSent => State::OpenSent,
            ConnectionPhase::Colliding { .. } | ConnectionPhase::OpenConfirm { .. } => {
                State::OpenConfirm
            }
        }
    }

    /// The terms, once the peer's OPEN is good.
    pub(crate) fn terms(&self) -> Option<&Negotiated> {
        match &self.phase {
            ConnectionPhase::Delayed { .. } | ConnectionPhase::OpenSent => None,
            ConnectionPhase::Colliding { terms, .. }
            | ConnectionPhase::OpenConfirm { terms, .. } => Some(terms),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let own = match self.phase {
            ConnectionPhase::OpenSent => None,
            ConnectionPhase::Delayed { until } | ConnectionPhase::Colliding { until, .. } => {
                Some(until)
            }
            ConnectionPhase::OpenConfirm { keepalive_at, .. } => keepalive_at,
        };
        earlier(self.hold_at, own)
    }
}

/// Our own attempts to connect.
#[derive(Debug)]
pub(crate) enum Dial {
    /// A passive session makes none.
    Off,
    /// The next one starts at this time (Active).
    Waiting { until: Instant },
    /// One is under way; at this time it is given up and a new one made (Connect).
    Pending { until: Instant },
    /// It led to a connection.
    Up(Connection),
}

impl Dial {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match self {
            Dial::Off => None,
            Dial::Waiting { until } | Dial::Pending { until } => Some(*until),
            Dial::Up(connection) => connection.next_deadline(),
        }
    }
}
