//! What a change costs whoever uses the routes.

/// What a change costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// Takes effect at once; nobody notices.
    Live,
    /// The session stays; the peer is sent what the change makes of its routes, withdrawals included.
    Readvertise,
    /// The session stays; what the peer is sent follows as with `Readvertise`, and the peer is asked for its routes again (RFC 2918), which are judged anew.
    SoftRefresh,
    /// The session goes down and, unless disabled, comes up again.
    SessionReset,
    /// A peer or range is new.
    PeerAdded,
    /// A peer or range is gone; its sessions end.
    PeerRemoved,
    /// Takes effect when the process starts again; until then the old value holds.
    Restart,
}
