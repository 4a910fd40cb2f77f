//! What the speaker asks of the world around it. The runtime carries these out; the simulator
//! imitates them. An effect is a fact to act on once, never a request for a decision.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

/// Names one TCP connection for as long as the speaker lives; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// How an outgoing connection is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The name under which the speaker wants to hear of the outcome.
    pub conn: ConnId,
    /// Where to connect to.
    pub remote: SocketAddr,
    /// The address to bind before connecting, if one is configured.
    pub local: Option<IpAddr>,
    /// IP TTL or hop limit of the packets sent; `None` keeps the system's default.
    pub ttl: Option<u8>,
    /// What the connection is to hold the peer to, from its first packet on.
    pub guard: Guard,
}

/// What the system holds whoever is at the other end of a connection to, so that only the peer can be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Packets with a smaller IP TTL or hop limit are dropped (RFC 5082).
    pub least_ttl: Option<u8>,
    /// Packets come and go by this network device alone.
    pub device: Option<Box<str>>,
    /// Packets are signed with the password of whoever is at the other end (RFC 2385).
    pub is_signed: bool,
}

impl Guard {
    /// As the settings of a peer have it.
    pub(crate) fn of(peer: &config::Peer) -> Guard {
        Guard {
            least_ttl: peer.least_ttl(),
            device: peer.bind_device.clone(),
            is_signed: peer.password_file.is_some(),
        }
    }
}

/// One thing for the world to do.
#[derive(Debug)]
pub enum Effect {
    /// Open a TCP connection; answer by `on_connected` or `on_connect_failed`.
    Dial(Dial),
    /// What peers need of the host changed: look at `Speaker::bindings` and answer by `Speaker::on_bound`.
    Bind,
    /// The connection has bytes to send: call `Speaker::fill` until there is no more.
    Writable(ConnId),
    /// Send `last` (a NOTIFICATION, mostly) after what was already taken, then close. The
    /// speaker has forgotten the connection and never names it again.
    Close {
        /// The connection to end.
        conn: ConnId,
        /// Whole messages still to be sent, as far as the peer takes them.
        last: Vec<Bytes>,
    },
}

/// What becomes of a connection that a remote side opened.
#[derive(Debug)]
pub enum Admission {
    /// A peer wants it.
    Accepted {
        /// The name it is known by from now on.
        conn: ConnId,
        /// IP TTL or hop limit of the packets sent; `None` keeps the system's default.
        ttl: Option<u8>,
    },
    /// Nobody wants it: send the message, if any, and close.
    Refused(Option<Bytes>),
}
