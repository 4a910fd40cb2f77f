//! Counters of one session. They go on over its ups and downs.

use wire::MessageType;

/// Messages and oddities since the session was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages received, by [`MessageType::index`].
    pub received: [u64; 5],
    /// Messages sent, by [`MessageType::index`].
    pub sent: [u64; 5],
    /// ROUTE-REFRESH messages that were ignored: of a family or a kind that was not negotiated (RFC 2918 4).
    pub refresh_ignored: u64,
    /// Connections of the peer that were refused: the session was Idle or already Established.
    pub refused: u64,
    /// Connections that were closed because both sides had connected (RFC 4271 6.8).
    pub collisions: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Connections and attempts that ended by what is noted as the last error.
    pub errors: u64,
}

impl Counters {
    /// Messages of this type that were received.
    pub fn received(&self, kind: MessageType) -> u64 {
        self.received[kind.index()]
    }

    /// Messages of this type that were sent.
    pub fn sent(&self, kind: MessageType) -> u64 {
        self.sent[kind.index()]
    }
}
