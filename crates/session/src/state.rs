//! How far a session has come, in the words of RFC 4271 8.2.2.

use std::fmt;

/// The states of RFC 4271 8.2.2, for display. With two connections it is the state of the one that is further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not trying; [`crate::Session::idle_reason`] says why.
    Idle,
    /// A connection is being opened.
    Connect,
    /// Waiting for the peer to connect, or for the time to try again.
    Active,
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN is taken.
    OpenConfirm,
    /// Routes flow.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Idle => "Idle",
            State::Connect => "Connect",
            State::Active => "Active",
            State::OpenSent => "OpenSent",
            State::OpenConfirm => "OpenConfirm",
            State::Established => "Established",
        })
    }
}
