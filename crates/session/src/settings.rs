//! What a session is configured with.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use wire::{Asn, Families, Role};

/// Which AS number the peer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteAs {
    /// This one.
    Exactly(Asn),
    /// Any but our own.
    External,
    /// Our own.
    Internal,
}

impl RemoteAs {
    /// True if a peer of AS `remote` may have a session with us, who are AS `local`.
    pub fn accepts(self, local: Asn, remote: Asn) -> bool {
        match self {
            RemoteAs::Exactly(asn) => remote == asn,
            RemoteAs::External => remote != local,
            RemoteAs::Internal => remote == local,
        }
    }
}

/// "64512", "external", "internal".
impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteAs::Exactly(asn) => asn.fmt(f),
            RemoteAs::External => f.pad("external"),
            RemoteAs::Internal => f.pad("internal"),
        }
    }
}

/// What we offer of graceful restart (RFC 4724 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Graceful {
    /// Seconds within which we are back after a restart; 12 bits.
    pub restart_time: u16,
    /// We have just restarted (the R bit).
    pub restarting: bool,
    /// The families in which we forwarded on while we restarted (the F bits).
    pub forwarding: Families,
}

/// What we offer of long-lived graceful restart (RFC 9494 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongLived {
    /// Seconds that the peer is asked to keep our routes for once our restart time is over; 24 bits. 0: it need not.
    pub stale_time: u32,
    /// The families in which we forwarded on while we restarted (the F bits).
    pub forwarding: Families,
}

/// The settings of one session. They never change in its life: a change that matters makes a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Our AS number toward this peer.
    pub local_as: Asn,
    /// The peer's AS number.
    pub remote_as: RemoteAs,
    /// Our BGP Identifier; not 0.
    pub router_id: Ipv4Addr,
    /// Our name, which the peer is told for people to read (draft-walton-bgp-hostname-capability).
    pub hostname: Option<Arc<str>>,
    /// The hold time that we propose, in seconds: 0 (off) or at least 3 (RFC 4271 4.2).
    pub hold_time: u16,
    /// Seconds between keepalives. None: a third of the negotiated hold time; a longer time than that is cut to it.
    pub keepalive: Option<u16>,
    /// Time between two attempts to connect (ConnectRetryTime, RFC 4271 8); drawn anew each time within 25 % of this.
    pub connect_retry: Duration,
    /// How long we stay Idle after a first failure (IdleHoldTime); it doubles with each further one.
    pub idle_hold: Duration,
    /// What the idle hold time doubles up to.
    pub idle_hold_max: Duration,
    /// How long TCP may take nothing of what waits to be sent until the session ends (SendHoldTime, RFC 9687), in seconds;
    /// 0 is off. None: 8 minutes, or twice the negotiated hold time if that is longer.
    pub send_hold: Option<u16>,
    /// How long we wait for the peer's OPEN on a new connection before we send ours (DelayOpenTime, RFC 4271 8.1.1), in
    /// seconds. None: we do not wait.
    pub delay_open: Option<u16>,
    /// We never connect by ourselves (PassiveTcpEstablishment). Sessions made for a dynamic peer are passive.
    pub passive: bool,
    /// The families that we offer; not empty.
    pub families: Families,
    /// What we are to the peer, on an external session (RFC 9234).
    pub role: Option<Role>,
    /// A peer that does not say its role is refused; nothing without a role of ours.
    pub role_strict: bool,
    /// We offer messages of up to 65,535 octets (RFC 8654).
    pub extended_messages: bool,
    /// We offer IPv4 routes with an IPv6 next hop, in both directions (RFC 8950).
    pub extended_next_hop: bool,
    /// We offer to take several paths of a prefix, in all of these families (RFC 7911).
    pub add_path_receive: bool,
    /// We offer to send several paths of a prefix, in all of these families (RFC 7911).
    pub add_path_send: bool,
    /// Graceful restart, offered in all of these families with its extension to NOTIFICATIONs (RFC 8538). None: not offered,
    /// and not used if the peer offers it.
    pub graceful: Option<Graceful>,
    /// Long-lived graceful restart, offered in all of these families where graceful restart is (RFC 9494). None: not
    /// offered, and not used if the peer offers it.
    pub long_lived: Option<LongLived>,
    /// Where the jitter starts; different for each session of a process.
    pub seed: u64,
}
