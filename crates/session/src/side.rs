//! The two ends that can open a connection.

use std::fmt;

/// Who opened a connection. A session has at most one connection of each side (RFC 4271 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// We did.
    Outgoing,
    /// The peer did.
    Incoming,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Outgoing => Side::Incoming,
            Side::Incoming => Side::Outgoing,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Outgoing => "outgoing",
            Side::Incoming => "incoming",
        })
    }
}
