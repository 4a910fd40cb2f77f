//! The names that the table, the decision and the export groups share: small ids, who a path came from, and what
//! shapes the bytes that a peer is sent.
//!
//! This module owns no state and decides nothing. The ladder is in `decide`, the inbound checks are in `check`, and
//! what becomes of a route on its way out is in `transform`.
//!
//! RFC 4271 (sections 1.1, 5.1.3), RFC 4456 (section 6: clients and non-clients).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU8;
use std::sync::Arc;

use wire::{Asn, EncodeContext, Families, NextHop, Role};

use crate::as_path::PathRules;

/// A cluster id of ours (RFC 4456 section 7), with a number that stands for it in what is remembered of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    pub(crate) id: Ipv4Addr,
    pub(crate) number: u8,
}

impl Cluster {
    /// The number of who is no client: the receiver's cluster counts.
    pub(crate) const NONE: u8 = 0;

    /// The one of the configuration. Others come from [`crate::Rib::cluster`].
    #[must_use]
    pub const fn own(id: Ipv4Addr) -> Cluster {
        Cluster { id, number: 1 }
    }
}

/// The slot of a source or receiver of routes. Slots are small and dense, so that tables can be indexed by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl PeerId {
    /// The source of our own blocks, which the configuration names.
    pub const LOCAL: PeerId = PeerId(0);
    /// The source of the routes that were announced through the API.
    pub const API: PeerId = PeerId(1);
    /// The lowest slot that a BGP peer can have.
    pub const FIRST_PEER: PeerId = PeerId(2);

    /// The slot as an index into a table of sources.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of path attributes in an `AttrPool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrId(pub u32);

/// A next hop in a `NextHopPool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextHopId(pub u32);

/// The kind of a BGP peer, as reflection and the attribute rules tell them apart (RFC 4271 section 5, RFC 4456 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKind {
    /// A peer in another AS.
    Ebgp,
    /// A peer in our AS that we reflect to and from.
    IbgpClient,
    /// A peer in our AS that is not a client of ours.
    IbgpNonClient,
}

impl PeerKind {
    /// True for a peer in our own AS.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        matches!(self, PeerKind::IbgpClient | PeerKind::IbgpNonClient)
    }
}

/// Where a path came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A block of our own, named by the configuration.
    Local,
    /// Announced through the API.
    Api,
    /// A peer in another AS.
    Ebgp,
    /// A peer in our AS that is a client of ours (RFC 4456).
    IbgpClient,
    /// A peer in our AS that is not a client of ours.
    IbgpNonClient,
}

impl SourceKind {
    /// True for routes that this daemon originated: our own blocks and what the API announced.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, SourceKind::Local | SourceKind::Api)
    }

    /// True for routes learned from a peer in our own AS.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        matches!(self, SourceKind::IbgpClient | SourceKind::IbgpNonClient)
    }
}

impl From<PeerKind> for SourceKind {
    fn from(kind: PeerKind) -> Self {
        match kind {
            PeerKind::Ebgp => SourceKind::Ebgp,
            PeerKind::IbgpClient => SourceKind::IbgpClient,
            PeerKind::IbgpNonClient => SourceKind::IbgpNonClient,
        }
    }
}

/// What the checks, the ladder and the export rules know about the source of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Local, or which kind of peer.
    pub kind: SourceKind,
    /// The peer's AS; for local sources our own.
    pub remote_as: Asn,
    /// The AS that we are on this session; for local sources our own.
    pub local_as: Asn,
    /// The peer's BGP Identifier; for local sources our own.
    pub router_id: Ipv4Addr,
    /// The peer's session address. The unspecified address for local sources.
    pub address: IpAddr,
    /// Our own addresses, the session's first: no next hop that this peer gives us may be one of them (RFC 4271 6.3).
    pub own_addresses: Vec<IpAddr>,
    /// What we are to this peer of another AS (RFC 9234).
    pub role: Option<Role>,
    /// How many paths of a destination it may have at most, each under a path identifier of its own (RFC 7911); `None`: it
    /// sends no identifiers, and so has one.
    pub paths: Option<NonZeroU8>,
    /// Refuse routes whose AS_PATH does not begin with the peer's AS (RFC 4271 6.3). Off for a route server (RFC 7947).
    pub enforce_first_as: bool,
    /// Our cluster id toward this peer (RFC 4456 section 7): what is put into CLUSTER_LIST of what comes from it, if it is a
    /// client.
    pub cluster: Cluster,
    /// The clients of its cluster have sessions among themselves: they are not reflected to each other.
    pub is_meshed: bool,
    /// How often our own AS may stand in an AS_PATH before it is a loop (RFC 4271 9.1.2 allows none).
    pub own_as_allowed: u8,
}

/// Which next hop a peer is told (RFC 4271 section 5.1.3). A reflected route keeps its own in every case (RFC 4456 section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NextHopRule {
    /// Ourselves to peers of another AS and for our own routes; unchanged inside our AS.
    #[default]
    Auto,
    /// Ourselves, also for routes from another AS that we pass on inside ours.
    SelfAlways,
    /// As we learned it, also to peers of another AS. Our own routes still carry ourselves.
    Unchanged,
}

/// What becomes of routes with the community LLGR_STALE, which somebody keeps of a speaker that went (RFC 9494).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StaleRule {
    /// They are not sent: the receiver would take them for routes like any others (section 4.3).
    #[default]
    Withheld,
    /// They are sent: the receiver knows what the community means.
    Sent,
    /// They are sent as what to take last: with LOCAL_PREF 0, and not to leave our AS (section 4.6). Never to another AS.
    LastResort,
}

/// Everything that shapes the bytes a peer is sent, and nothing else: receivers with equal settings share one export
/// group, so a field that does not change bytes would only split groups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExportSettings {
    /// The families that both sides agreed on.
    pub families: Families,
    /// What the receiver is to us.
    pub kind: PeerKind,
    /// The AS that we are on these sessions: prepended to what leaves our AS.
    pub local_as: Asn,
    /// What is done to AS_PATH before that.
    pub path_rules: PathRules,
    /// We are a route server to the receiver: what comes from other ASes is passed on as it is (RFC 7947).
    pub route_server: bool,
    /// What we prepend to CLUSTER_LIST when we reflect to it what comes from a non-client (RFC 4456 section 8). What comes
    /// from a client has that client's.
    pub cluster_id: Ipv4Addr,
    /// It is a client that has sessions with the others of its cluster, and is not reflected what they announce.
    pub is_meshed: bool,
    /// Which next hop the receiver is told.
    pub next_hop: NextHopRule,
    /// What we are to the receivers, of another AS (RFC 9234).
    pub role: Option<Role>,
    /// Our IPv4 address as a next hop; `None`: IPv4 routes that need it are not sent.
    pub local_v4: Option<Ipv4Addr>,
    /// Our global IPv6 address as a next hop; `None`: IPv6 routes that need it are not sent, never as `::ffff:`.
    pub local_v6: Option<Ipv6Addr>,
    /// Our link-local address, to stand beside `local_v6`, where the receiver is on that link (RFC 2545 section 3).
    pub link_local: Option<Ipv6Addr>,
    /// Which routes the receiver gets; equal policies share a group.
    pub export: Arc<policy::Export>,
    /// How many paths of a destination the receiver is told of at most, the best ones, in families with ADD-PATH (RFC
    /// 7911). In others it is one.
    pub paths: NonZeroU8,
    /// We are about to leave the receiver, and say so with every route (RFC 8326 section 4).
    pub drained: bool,
    /// What becomes of routes that are kept for long, toward a receiver (RFC 9494).
    pub stale: StaleRule,
    /// What the receiver can read: four-octet AS numbers, path identifiers, next hops of the other family, message size.
    pub encode: EncodeContext,
}

/// What a receiver itself is. A route is not sent to the peer it came from, that originated it, or that is its next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverIdentity {
    /// The receiver's session address.
    pub address: IpAddr,
    /// The receiver's BGP Identifier: never sent a route with this ORIGINATOR_ID (RFC 4456 section 8).
    pub router_id: Ipv4Addr,
    /// Further addresses of the receiver: never sent a route with one of them as next hop (RFC 4271 section 5.1.3).
    pub own_addresses: Vec<IpAddr>,
    /// It may keep what we told it in a former session until it is sent End-of-RIB (RFC 4724): see
    /// [`crate::Rib::hold_end_of_rib`].
    pub keeps_routes: bool,
}

impl SourceInfo {
    /// True if what this source announces is sent on in the same form as what the other does. Which addresses are ours says
    /// nothing about it.
    pub(crate) fn is_same_speaker(&self, other: &SourceInfo) -> bool {
        let form = |info: &SourceInfo| {
            (
                info.kind,
                info.remote_as,
                info.local_as,
                info.router_id,
                info.address,
                info.cluster,
            )
        };
        form(self) == form(other)
    }
}

impl ReceiverIdentity {
    /// True if the next hop is an address of the receiver itself (RFC 4271 section 5.1.3).
    #[must_use]
    pub fn has_address(&self, next_hop: &NextHop) -> bool {
        let address = next_hop.addr();
        self.address == address || self.own_addresses.contains(&address)
    }
}

/// Why a received route is not eligible. Small enough to stand in every path record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// Our own AS is in the AS_PATH (RFC 4271 section 9.1.2).
    AsLoop,
    /// The ORIGINATOR_ID is our router id (RFC 4456 section 8).
    OwnOriginator,
    /// Our cluster id is in the CLUSTER_LIST (RFC 4456 section 8).
    ClusterLoop,
    /// The AS_PATH from a peer of another AS does not begin with its AS (RFC 4271 section 6.3).
    FirstAs,
    /// The next hop is one of our own addresses (RFC 4271 sections 5.1.3 and 6.3).
    OwnNextHop,
    /// The next hop is no address that packets can be sent to (RFC 4271 section 6.3).
    NextHopMartian,
    /// The next hop is a link-local address only (RFC 2545 section 3).
    NextHopLinkLocal,
    /// As many routes as may be are accepted from the peer already (RFC 4271 section 6.7).
    MaxPrefix,
    /// It is a route leak: its Only to Customer attribute says that it must not come from this peer (RFC 9234 section 5).
    RouteLeak,
    /// The peer has as many paths to the prefix already as are taken from it (RFC 7911). Never in a path record: no path is
    /// kept.
    TooManyPaths,
    /// Import policy refused it.
    Policy(policy::Reason),
}

impl From<policy::Reason> for RejectReason {
    fn from(reason: policy::Reason) -> Self {
        RejectReason::Policy(reason)
    }
}

impl RejectReason {
    /// A stable word for JSON and counters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RejectReason::AsLoop => "as-loop",
            RejectReason::OwnOriginator => "own-originator",
            RejectReason::ClusterLoop => "cluster-loop",
            RejectReason::FirstAs => "first-as",
            RejectReason::OwnNextHop => "own-next-hop",
            RejectReason::NextHopMartian => "next-hop-martian",
            RejectReason::NextHopLinkLocal => "next-hop-link-local",
            RejectReason::MaxPrefix => "max-prefix",
            RejectReason::RouteLeak => "route-leak",
            RejectReason::TooManyPaths => "too-many-paths",
            RejectReason::Policy(reason) => reason.word(),
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RejectReason::AsLoop => "our own AS is in its AS_PATH (RFC 4271 9.1.2)",
            RejectReason::OwnOriginator => "its ORIGINATOR_ID is our router id (RFC 4456 8)",
            RejectReason::ClusterLoop => "our cluster id is in its CLUSTER_LIST (RFC 4456 8)",
            RejectReason::FirstAs => {
                "its AS_PATH does not begin with the peer's AS (RFC 4271 6.3)"
            }
            RejectReason::OwnNextHop => "its next hop is our own address (RFC 4271 5.1.3)",
            RejectReason::NextHopMartian => {
                "its next hop is no address of a host: unspecified, loopback, multicast, reserved or IPv4-mapped (RFC 4271 6.3)"
            }
            RejectReason::NextHopLinkLocal => {
                "its next hop is a link-local address without a global one (RFC 2545 3)"
            }
            RejectReason::MaxPrefix => {
                "as many of the peer's routes as max-prefix allows are accepted already (RFC 4271 6.7)"
            }
            RejectReason::RouteLeak => {
                "it is a route leak: its Only to Customer attribute says that it must not come from this peer (RFC 9234 5)"
            }
            RejectReason::TooManyPaths => {
                "the peer has as many paths to the prefix as are taken from it (RFC 7911); see `add-path.receive`"
            }
            RejectReason::Policy(reason) => return fmt::Display::fmt(reason, f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_small() {
        assert_eq!(size_of::<Option<RejectReason>>(), 1);
        assert_eq!(size_of::<Option<SourceKind>>(), 1);
    }

    #[test]
    fn a_receiver_knows_its_own_addresses() {
        let receiver = ReceiverIdentity {
            address: IpAddr::from([10, 0, 0, 2]),
            router_id: Ipv4Addr::new(10, 0, 0, 2),
            own_addresses: vec!["2001:db8::2".parse().unwrap()],
            keeps_routes: false,
        };
        let v6 = |text: &str| NextHop::from(text.parse::<Ipv6Addr>().unwrap());
        assert!(receiver.has_address(&NextHop::V4(Ipv4Addr::new(10, 0, 0, 2))));
        assert!(receiver.has_address(&v6("2001:db8::2")));
        assert!(!receiver.has_address(&NextHop::V4(Ipv4Addr::new(10, 0, 0, 3))));
        assert!(!receiver.has_address(&v6("2001:db8::3")));
    }

    #[test]
    fn kinds_of_peers_and_sources_agree() {
        for kind in [
            PeerKind::Ebgp,
            PeerKind::IbgpClient,
            PeerKind::IbgpNonClient,
        ] {
            let source = SourceKind::from(kind);
            assert_eq!(source.is_internal(), kind.is_internal());
            assert!(!source.is_local());
        }
        assert!(SourceKind::Local.is_local() && SourceKind::Api.is_local());
    }
}
