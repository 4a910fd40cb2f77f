//! The phases of a session, each with what exists only in it.
//!
//! Owns what a phase holds and how it answers for itself; never changes from one phase to another.

use std::time::Instant;

use bytes::Bytes;
use wire::{Fault, FaultKind, MessageType, Section};

use crate::connection::{Connection, Dial};
use crate::negotiate::Negotiated;
use crate::side::Side;
use crate::state::State;
use crate::timer::earlier;

#[derive(Debug)]
pub(crate) enum Idle {
    Disabled,
    Hold {
        /// From here on the peer's connections are taken.
        listen_at: Instant,
        until: Instant,
    },
    /// It brought too much and waits for an operator.
    Shut,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Idle(Idle),
    Opening(Opening),
    Established(Established),
}

/// Our own attempts, and the connection of the peer if there is one.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) dial: Dial,
    pub(crate) incoming: Option<Connection>,
}

impl Opening {
    pub(crate) fn state(&self) -> State {
        let attempt = match &self.dial {
            Dial::Off | Dial::Waiting { .. } => State::Active,
            Dial::Pending { .. } => State::Connect,
            Dial::Up(connection) => connection.state(),
        };
        match &self.incoming {
            Some(connection) => connection.state().max(attempt),
            None => attempt,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let incoming = self.incoming.as_ref().and_then(Connection::next_deadline);
        earlier(self.dial.next_deadline(), incoming)
    }

    pub(crate) fn connection(&self, side: Side) -> Option<&Connection> {
        match (side, &self.dial) {
            (Side::Incoming, _) => self.incoming.as_ref(),
            (Side::Outgoing, Dial::Up(connection)) => Some(connection),
            (Side::Outgoing, Dial::Off | Dial::Waiting { .. } | Dial::Pending { .. }) => None,
        }
    }

    pub(crate) fn connection_mut(&mut self, side: Side) -> Option<&mut Connection> {
        match (side, &mut self.dial) {
            (Side::Incoming, _) => self.incoming.as_mut(),
            (Side::Outgoing, Dial::Up(connection)) => Some(connection),
            (Side::Outgoing, Dial::Off | Dial::Waiting { .. } | Dial::Pending { .. }) => None,
        }
    }

    /// Starts or ends our own attempts; one that is under way runs its course.
    pub(crate) fn turn(&mut self, now: Instant, passive: bool) {
        match (&self.dial, passive) {
            (Dial::Off, false) => self.dial = Dial::Waiting { until: now },
            (Dial::Waiting { .. }, true) => self.dial = Dial::Off,
            (Dial::Off, true)
            | (Dial::Waiting { .. }, false)
            | (Dial::Pending { .. } | Dial::Up(_), _) => {}
        }
    }

    /// Takes a connection out. An outgoing one leaves us waiting until `retry_at`.
    pub(crate) fn take(&mut self, side: Side, retry_at: Instant) -> Option<Connection> {
        match side {
            Side::Incoming => self.incoming.take(),
            Side::Outgoing => {
                if !matches!(self.dial, Dial::Up(_)) {
                    return None;
                }
                match std::mem::replace(&mut self.dial, Dial::Waiting { until: retry_at }) {
                    Dial::Up(connection) => Some(connection),
                    Dial::Off | Dial::Waiting { .. } | Dial::Pending { .. } => None,
                }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) terms: Box<Negotiated>,
    pub(crate) since: Instant,
    pub(crate) hold_at: Option<Instant>,
    pub(crate) keepalive_at: Option<Instant>,
    pub(crate) keepalive_sent: Instant,
    /// The send hold timer (RFC 9687); it runs only while TCP takes nothing of what waits.
    pub(crate) send_hold_at: Option<Instant>,
}

impl Established {
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let timers = earlier(self.hold_at, self.keepalive_at);
        earlier(timers, self.send_hold_at)
    }

    pub(crate) fn restart_hold(&mut self, now: Instant) {
        self.hold_at = self.terms.hold().map(|hold| now + hold);
    }
}

/// RFC 6608 3: the data is the type of the message that came.
pub(crate) fn unexpected(kind: FaultKind, message: MessageType) -> Fault {
    Fault::reset(
        Section::StateMachine,
        kind,
        Bytes::copy_from_slice(&[message as u8]),
    )
}
